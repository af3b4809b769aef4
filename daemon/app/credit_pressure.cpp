#include "daemon/app/credit_pressure.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::kv;
using log::Level;

// Between two looks our own count of what is left goes on; only what comes back is seen late.
constexpr auto between_looks = 5min;
constexpr auto between_adaptations = 10s;
// A part of the credits that no plan touches: runs come in bursts, and changes unforeseen.
constexpr double untouched_share = 0.05;
// Even when nothing is left by plan, polling goes on at a quarter of an even day's rate, from the
// part that no plan touches, which lasts for hours like that; the gate watches.
constexpr double least_rate_share = 0.25;
// What is left to polling, of what an even day would bring.
constexpr double left_by_loads = 0.5;
constexpr double left_by_details = 0.6; // So that loads come first.
constexpr double left_by_verifications = 0.8;

constexpr double left_by(Deferrable work) {
    switch (work) {
    case Deferrable::load:
        return left_by_loads;
    case Deferrable::details:
        return left_by_details;
    case Deferrable::verification:
        break;
    }
    return left_by_verifications;
}

// TargetReport adds up ten minutes, and a minute counts until its last second is a day old.
constexpr auto length_of_entry = 10min;
constexpr auto life_of_entry = 24h + 1min;
// A change of the intervals by less than half is not worth a line.
constexpr double notable_change = 1.5;

} // namespace

CreditPressure::CreditPressure(const Config& config,
                               std::uint64_t allowed,
                               RequestGate& gate,
                               Clock& clock)
    : connection_(config.source.name), allowed_(static_cast<double>(allowed)), gate_(gate),
      clock_(clock), metadata_age_(config.daemon.metadata),
      costs_(polling_costs(config, clock.wall_seconds())) {}

void CreditPressure::look(Sink& sink) {
    {
        const std::lock_guard lock(mutex_);
        if (looked_at_ && clock_.now() < *looked_at_ + between_looks) {
            return;
        }
        looked_at_ = clock_.now();
    }
    std::vector<Spent> spent;
    try {
        for (const auto& [begin, credits] : sink.report(connection_).credits) {
            const auto in = begin + length_of_entry + life_of_entry - clock_.wall_seconds();
            spent.push_back({clock_.now() + in, credits});
        }
    } catch (const SyncError& error) {
        log::event(Level::debug, "credits_not_read", {kv("error", error.what())});
        return;
    }
    const std::lock_guard lock(mutex_);
    spent_ = std::move(spent);
}

CreditForecast CreditPressure::forecast() const {
    const double untouched = untouched_share * allowed_;
    const auto left = gate_.credits_left();
    const auto now = clock_.now();
    std::vector<Repayment> repayments;
    const std::lock_guard lock(mutex_);
    for (const auto& spent : spent_) {
        if (spent.returns > now && spent.returns < now + 24h) {
            repayments.push_back(
                {std::chrono::ceil<std::chrono::seconds>(spent.returns - now), spent.credits});
        }
    }
    return {(left ? static_cast<double>(*left) : allowed_) - untouched, repayments};
}

double CreditPressure::stretch() const {
    const double rate = std::max(forecast().even_rate(), least_rate_share * allowed_);
    return interval_stretch(costs_, metadata_age_, rate);
}

bool CreditPressure::has_room_for(Deferrable work) const {
    return forecast().spare_beside(left_by(work) * (1.0 - untouched_share) * allowed_) > 0.0;
}

bool CreditPressure::adapt(Timetable& timetable) {
    const auto now = clock_.now();
    if (adapted_at_ && now < *adapted_at_ + between_adaptations) {
        return false;
    }
    adapted_at_ = now;
    const double factor = stretch();
    timetable.set_stretch(factor);
    say(factor);
    return true;
}

void CreditPressure::say(double stretch) {
    const bool has_grown = stretch >= said_ * notable_change || (said_ <= 1.0 && stretch > 1.01);
    const bool has_shrunk = stretch <= said_ / notable_change || (said_ > 1.0 && stretch <= 1.0);
    if (!has_grown && !has_shrunk) {
        return;
    }
    said_ = stretch;
    log::event(has_grown ? Level::warn : Level::info,
               "intervals_stretched",
               {kv("factor", std::to_string(stretch).substr(0, 5)),
                kv("credits_allowed", static_cast<std::int64_t>(allowed_)),
                kv("credits_left", gate_.credits_left().value_or(0)),
                kv("hint",
                   stretch > 1.0 ? "the schedules would spend more API credits than are left; "
                                   "raise daemon.credits, or make intervals longer"
                                 : "the schedules are kept again")});
}

} // namespace zohosyncd
