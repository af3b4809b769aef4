#pragma once

#include "daemon/app/timetable.hpp"
#include "daemon/config/config.hpp"
#include "daemon/core/credit_plan.hpp"
#include "daemon/runtime/clock.hpp"
#include "daemon/zoho/request_gate.hpp"
#include "sinks/sink.hpp"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd {

/// What can wait when credits are short. Changes and deletions never do.
enum class Deferrable {
    load,         ///< Old records: a first load, a column or anchor that asks for them, a refresh.
    details,      ///< What lists leave out of the records that changed.
    verification, ///< Comparing what is there.
};

/// How the daemon lives within its credits. While they last all runs as configured. When they get
/// short the intervals of all streams grow alike, so that the streams asked for most often stay the
/// freshest, and what is old waits: loads leave half of a day's credits to polling, verifications
/// four fifths. Shared by the scheduler and the fetchers; thread-safe.
class CreditPressure {
public:
    /// `allowed`: see Organisation. The rest outlives it.
    CreditPressure(const Config& config, std::uint64_t allowed, RequestGate& gate, Clock& clock);

    /// Reads from the target when what was spent comes back, every few minutes. A target that is
    /// away is no failure here.
    void look(Sink& sink);

    /// By how much intervals have to be longer than asked for, at this moment; at least 1.
    [[nodiscard]] double stretch() const;

    [[nodiscard]] bool has_room_for(Deferrable work) const;

    /// Lets the timetable follow the credits, at most every few seconds, and says when that changes
    /// notably. Returns whether the timetable was looked at. The caller guards it.
    bool adapt(Timetable& timetable);

private:
    /// Ten minutes of the target's ledger.
    struct Spent {
        Clock::TimePoint returns;
        std::uint64_t credits;
    };

    [[nodiscard]] CreditForecast forecast() const;
    void say(double stretch);

    std::string connection_;
    double allowed_;
    RequestGate& gate_;
    Clock& clock_;
    std::chrono::seconds metadata_age_;
    std::vector<StreamCost> costs_;
    mutable std::mutex mutex_; ///< Of what look() finds.
    std::vector<Spent> spent_;
    std::optional<Clock::TimePoint> looked_at_;
    std::optional<Clock::TimePoint> adapted_at_;
    double said_ = 1.0; ///< The stretch that was told last.
};

} // namespace zohosyncd
