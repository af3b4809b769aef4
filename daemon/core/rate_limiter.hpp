#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace zohosyncd {

/// Paces calls to one API: never more than `budget` of them in any sliding window.
///
/// The last send instants, held as a value: it neither sleeps nor locks nor reads a clock. The
/// caller passes the time in and does the waiting. (A token bucket would let a burst and a refill
/// meet in one window.) Not thread-safe; whoever shares one guards it.
///
/// The promise is about the instants booked here. A caller who wakes late and must not send two
/// bursts into one window waits for next_free() first and books at the moment it sends.
class RateLimiter {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    /// Requires budget > 0 and window > 0.
    RateLimiter(std::size_t budget, Duration window);

    /// The instant that reserve(now) would book.
    [[nodiscard]] TimePoint next_free(TimePoint now) const;

    /// Books the next free instant and returns it; callers are served in the order of their calls.
    /// Never earlier than `now`, nor than one window after the call `budget` calls ago.
    [[nodiscard]] TimePoint reserve(TimePoint now);

    /// Another budget from now on; what was booked under the old one still counts. Requires > 0.
    void set_budget(std::size_t budget);

    /// Lets nothing through before `until`, as a Retry-After header asks. Instants that are booked
    /// already stay as they are; an earlier `until` than before changes nothing.
    void pause_until(TimePoint until);

private:
    std::size_t budget_;
    Duration window_;
    std::vector<TimePoint> sent_; // The last `budget_` instants, as a ring once it is full.
    std::size_t oldest_ = 0;
    TimePoint floor_ = TimePoint::min(); // The last booked instant or the end of a pause.
};

} // namespace zohosyncd
