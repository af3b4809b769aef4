#pragma once

#include <chrono>

namespace zohosyncd {

/// How long to wait after the n-th failure in a row: exponential, with full jitter.
///
/// A value without clock or generator: the caller passes the jitter in and does the waiting. Not
/// thread-safe; each stream has its own.
class Backoff {
public:
    struct Policy {
        std::chrono::milliseconds first;
        std::chrono::milliseconds max;
    };

    /// Requires 0 < first <= max.
    explicit Backoff(Policy policy);

    /// Counts a failure and returns the wait before the next attempt: the share `jitter`, 0 to 1,
    /// of a ceiling that starts at `first`, doubles up to `max`, and is never cut below a tenth of
    /// `first`, so that an unlucky draw can not make a busy loop.
    [[nodiscard]] std::chrono::milliseconds next(double jitter);

    /// After a success.
    void reset();

    /// Failures since the last success.
    [[nodiscard]] int failures() const;

private:
    Policy policy_;
    std::chrono::milliseconds ceiling_;
    int failures_ = 0;
};

} // namespace zohosyncd
