#pragma once

#include "daemon/app/service_state.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

namespace zohosyncd {

/// Decides what systemd is told, and when.
///
/// It is told READY once the target was reached, or after half a minute, saying what is waited for,
/// so that the order of a boot can not fail us; a STATUS line whenever that changes; and the
/// watchdog is fed as long as no worker hangs. Neither reads clocks nor sends: values in, the
/// message out.
class ServiceNotices {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    /// `watchdog`: how often systemd wants a sign of life; unset when it wants none.
    ServiceNotices(TimePoint started, std::optional<std::chrono::microseconds> watchdog);

    struct Sight {
        ServiceState::Snapshot state;
        std::string status;                ///< See describe().
        std::chrono::milliseconds silence; ///< Of the worker that was silent longest.
    };

    /// What to send now, lines of sd_notify's protocol; empty when there is nothing to say.
    [[nodiscard]] std::string next(const Sight& sight, TimePoint now);

private:
    TimePoint started_;
    std::optional<std::chrono::microseconds> watchdog_;
    std::optional<TimePoint> fed_at_;
    bool is_ready_ = false;
    std::string status_;
};

/// Sends them, from a thread of its own, for as long as it lives.
class ServiceNotifier {
public:
    explicit ServiceNotifier(std::function<ServiceNotices::Sight()> look);

private:
    void run(const std::stop_token& stop);

    std::function<ServiceNotices::Sight()> look_;
    std::jthread thread_;
};

} // namespace zohosyncd
