#pragma once

#include <csignal>

namespace zohosyncd {

/// Keeps SIGINT, SIGTERM and SIGHUP away from every thread until one asks for them. Make one in
/// main before the first thread. SIGPIPE is ignored: a closed socket is an error code, not an end.
class StopSignals {
public:
    StopSignals();

    /// Waits for a signal and returns its number.
    [[nodiscard]] int wait() const;

    /// From now on a SIGINT or SIGTERM ends the process at once.
    void let_through() const;

    /// Wakes wait() from another thread of this process: the work has ended by itself.
    static void wake();

private:
    sigset_t signals_{};
};

} // namespace zohosyncd
