#pragma once

#include "daemon/config/config.hpp"
#include "daemon/core/backoff.hpp"
#include "daemon/core/credit_plan.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd {

/// How the streams are to be run.
enum class EngineMode {
    once,    ///< Each stream once, with a few retries; ends when all are done.
    forever, ///< Each stream on its schedule until stopped.
};

/// What became of a run.
struct RunResult {
    std::optional<ErrorKind> error;
    std::chrono::milliseconds retry_after{0};
    bool has_progressed = false; ///< Its scan came further before it failed.
    bool was_free = false;       ///< Nothing was asked of Zoho.
    /// Of a success: when the stream is to run next, should that not follow from its end.
    std::optional<std::chrono::sys_seconds> rests_until = std::nullopt;
};

/// When each stream is to run next: what the engine decides, without its threads. Streams are named
/// by their index in Config::streams. It neither reads a clock nor draws: the caller passes the
/// time and the jitter in, and does the waiting. Not thread-safe.
///
/// While the target is away one stream at a time looks for it, at least twice a second; the others
/// wait for what it finds, without a back-off of their own.
class Timetable {
public:
    /// One moment on both clocks: the steady one paces, the wall's is for times of day.
    struct Moment {
        Clock::TimePoint steady;
        std::chrono::sys_seconds wall;
    };

    /// `streams` must outlive the timetable. Intervals grow by `stretch`. Every stream is due at
    /// `now`, but a manual one that is to run for ever.
    Timetable(const std::vector<StreamConfig>& streams,
              EngineMode mode,
              double stretch,
              Clock::TimePoint now);

    /// What is known of a stream's turn, for a timetable that takes over.
    struct Turn {
        std::string schedule; ///< As it was written.
        /// Unset: on request only, or its run was broken off.
        std::optional<Clock::TimePoint> due;
        Backoff backoff;
        int attempts = 0;
        std::optional<Moment> waits_since = {}; ///< See Slot.
    };

    [[nodiscard]] Turn turn(std::size_t stream) const;

    /// The stream goes on where another timetable left it: its failures still count, and it is due
    /// when it was, unless its schedule is another or its run was broken off.
    void resume(std::size_t stream, const Turn& turn);

    /// Intervals grow by so much from now on, those too that have begun.
    void set_stretch(double stretch);

    /// The streams that are due, in the order in which they fell due. They run from now on, and are
    /// not due again before finished().
    [[nodiscard]] std::vector<std::size_t> take_due(Clock::TimePoint now);

    /// When the next of the streams that do not run falls due.
    [[nodiscard]] std::optional<Clock::TimePoint> next_due() const;

    /// The stream's run is over. `jitter`, 0 to 1, is its share of the back-off. Returns false when
    /// the stream is given up.
    bool finished(std::size_t stream, const RunResult& result, double jitter, Moment now);

    /// When the stream falls due; unset while it runs, and when it will not run again.
    [[nodiscard]] std::optional<Clock::TimePoint> due(std::size_t stream) const {
        return slots_[stream].due;
    }

    /// Failures in a row.
    [[nodiscard]] int attempts(std::size_t stream) const { return slots_[stream].attempts; }

    /// Of one pass: nothing runs and nothing will.
    [[nodiscard]] bool is_all_done() const;

    [[nodiscard]] std::size_t succeeded() const;

private:
    struct Slot {
        const Schedule* schedule;
        std::optional<Clock::TimePoint> due; ///< Unset: not again.
        Backoff backoff;
        bool is_running = false;
        bool has_succeeded = false;
        std::optional<Moment> waits_since = {}; ///< For its next run, after one that went well.
        int attempts = 0;
    };

    bool look_again_soon(Slot& slot, double jitter, Clock::TimePoint now);
    bool retry_later(Slot& slot, const RunResult& result, double jitter, Clock::TimePoint now);
    [[nodiscard]] Clock::TimePoint after_success(const Slot& slot, Moment now) const;

    EngineMode mode_;
    double stretch_;
    std::vector<Slot> slots_;
    std::optional<Clock::TimePoint> away_since_; ///< The target could not be reached since.
    Clock::TimePoint next_look_;
    std::optional<std::size_t> looking_; ///< The stream that looks whether it is back.
};

/// What the streams with a schedule cost when nothing changes.
std::vector<StreamCost> polling_costs(const Config& config, std::chrono::sys_seconds now);

/// By how much the intervals have to grow so that polling stays within the credits; at least 1.
double stretch_within_credits(const Config& config,
                              std::uint64_t credits_allowed,
                              std::chrono::sys_seconds now);

} // namespace zohosyncd
