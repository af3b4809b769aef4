#include "daemon/runtime/clock.hpp"

#include "daemon/runtime/pulse.hpp"

#include <condition_variable>
#include <mutex>

namespace zohosyncd {

Clock::TimePoint SystemClock::now() const {
    return std::chrono::steady_clock::now();
}

std::chrono::system_clock::time_point SystemClock::wall_now() const {
    return std::chrono::system_clock::now();
}

bool SystemClock::sleep_until(TimePoint deadline, std::stop_token stop) {
    const pulse::Rest rest;
    std::mutex mutex;
    std::condition_variable_any condition;
    std::unique_lock lock(mutex);
    condition.wait_until(lock, stop, deadline, [] { return false; });
    return !stop.stop_requested();
}

} // namespace zohosyncd
