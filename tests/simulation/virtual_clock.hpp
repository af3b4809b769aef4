#pragma once

#include "daemon/runtime/clock.hpp"

#include <algorithm>
#include <chrono>
#include <functional>

namespace zohosyncd::simulation {

/// Zoho's clock and the daemon's, to the millisecond.
using Moment = std::chrono::sys_time<std::chrono::milliseconds>;

/// Time that passes only while somebody sleeps or a request is under way. Whoever listens is told
/// how late it has become, so that the world goes on meanwhile. One thread only.
class VirtualClock final : public Clock {
public:
    explicit VirtualClock(Moment begin) : begin_(begin) {}

    [[nodiscard]] TimePoint now() const override { return TimePoint(an_hour + passed_); }

    [[nodiscard]] std::chrono::system_clock::time_point wall_now() const override {
        return std::chrono::time_point_cast<std::chrono::system_clock::duration>(begin_) +
               std::chrono::duration_cast<std::chrono::system_clock::duration>(passed_);
    }

    /// The daemon's wall clock again, as tests like it.
    [[nodiscard]] Moment moment() const {
        return begin_ + std::chrono::duration_cast<std::chrono::milliseconds>(passed_);
    }

    bool sleep_until(TimePoint deadline, std::stop_token stop) override {
        if (stop.stop_requested()) {
            return false;
        }
        advance(deadline - now());
        return !stop.stop_requested();
    }

    void advance(Duration by) {
        // Whole milliseconds, rounded up: nobody wakes early.
        Duration left =
            std::chrono::ceil<std::chrono::milliseconds>(std::max(by, Duration::zero()));
        do {
            const auto step = std::min(left, longest_step);
            passed_ += step;
            left -= step;
            if (on_advance) {
                on_advance(moment());
            }
        } while (left > Duration::zero());
    }

    /// Whoever listens hears at least this often.
    Duration longest_step = std::chrono::hours(24 * 365);

    std::function<void(Moment)> on_advance;

private:
    static constexpr Duration an_hour = std::chrono::hours(1); // A steady clock is never at zero.

    Moment begin_;
    Duration passed_{0};
};

} // namespace zohosyncd::simulation
