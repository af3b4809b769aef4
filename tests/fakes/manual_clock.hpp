#pragma once

#include "daemon/runtime/clock.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

namespace zohosyncd::fakes {

/// Time that moves only when a test or a sleeper moves it. Notes each sleep and takes no time.
/// Thread-safe.
class ManualClock final : public Clock {
public:
    TimePoint now() const override {
        const std::lock_guard lock(mutex_);
        last_read_ = now_;
        return now_;
    }

    std::chrono::system_clock::time_point wall_now() const override {
        const std::lock_guard lock(mutex_);
        return wall_begin_ +
               std::chrono::duration_cast<std::chrono::system_clock::duration>(now_ - begin);
    }

    bool sleep_until(TimePoint deadline, std::stop_token stop) override {
        if (stop.stop_requested()) {
            return false;
        }
        const std::lock_guard lock(mutex_);
        naps_.push_back(std::max(deadline - now_, Duration::zero()));
        now_ = std::max(now_, deadline);
        return true;
    }

    void advance(Duration by) {
        const std::lock_guard lock(mutex_);
        now_ += by;
    }

    /// Somebody sets the machine's clock; the steady clock does not notice.
    void set_wall(std::chrono::system_clock::time_point wall) {
        const std::lock_guard lock(mutex_);
        wall_begin_ =
            wall - std::chrono::duration_cast<std::chrono::system_clock::duration>(now_ - begin);
    }

    std::vector<Duration> naps() const {
        const std::lock_guard lock(mutex_);
        return naps_;
    }

    /// What now() last told the calling thread.
    static TimePoint last_read() { return last_read_; }

    static constexpr TimePoint begin{std::chrono::hours(1)};
    static constexpr std::chrono::sys_seconds wall_begin{std::chrono::seconds(1'700'000'000)};

private:
    static inline thread_local TimePoint last_read_{};

    mutable std::mutex mutex_;
    TimePoint now_ = begin;
    std::chrono::system_clock::time_point wall_begin_ = wall_begin;
    std::vector<Duration> naps_;
};

} // namespace zohosyncd::fakes
