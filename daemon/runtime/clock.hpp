#pragma once

#include <chrono>
#include <stop_token>

namespace zohosyncd {

/// The only source of time and the only way to wait, so that tests own both.
class Clock {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;

    /// For pacing, timeouts and back-off.
    [[nodiscard]] virtual TimePoint now() const = 0;

    /// For log lines, time-of-day schedules and the life of a stored token. Never for marks: those
    /// come from Zoho.
    [[nodiscard]] virtual std::chrono::system_clock::time_point wall_now() const = 0;

    [[nodiscard]] std::chrono::sys_seconds wall_seconds() const {
        return std::chrono::floor<std::chrono::seconds>(wall_now());
    }

    /// Returns true once `deadline` has come, false as soon as a stop is requested.
    virtual bool sleep_until(TimePoint deadline, std::stop_token stop) = 0;

    bool sleep_for(Duration duration, std::stop_token stop) {
        return sleep_until(now() + duration, std::move(stop));
    }
};

/// The machine's clocks. Thread-safe.
class SystemClock final : public Clock {
public:
    [[nodiscard]] TimePoint now() const override;
    [[nodiscard]] std::chrono::system_clock::time_point wall_now() const override;
    bool sleep_until(TimePoint deadline, std::stop_token stop) override;
};

} // namespace zohosyncd
