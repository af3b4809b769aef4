#include "daemon/app/details_budget.hpp"

#include "daemon/runtime/pulse.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

// How soon it is seen that nobody waits any more. The others' turn comes first anyway.
constexpr auto glance = 50ms;
// Credits come back by the minute.
constexpr auto between_looks = 1min;
// Spacing by exactly a second's part could put one too many into some second.
constexpr double margin = 1.02;

} // namespace

std::chrono::milliseconds pause_between_details(std::size_t per_second) {
    // Whole requests a second; at a limit of one, one in two seconds.
    const double half = per_second >= 2 ? static_cast<double>(per_second / 2) : 0.5;
    return std::chrono::milliseconds(static_cast<std::int64_t>(1000.0 / half * margin));
}

DetailsBudget::DetailsBudget(const std::string& connection,
                             std::uint64_t allowed,
                             RequestGate& gate,
                             Clock& clock)
    : account_(connection + " details"), allowed_(allowed / 2), gate_(gate), clock_(clock),
      next_(clock.now()) {}

std::uint64_t DetailsBudget::left() const {
    return allowed_ - std::min(allowed_, spent_ + unwritten_);
}

bool DetailsBudget::wait_for_turn(const std::stop_token& stop) {
    const pulse::Rest rest;
    for (auto now = clock_.now(); now < next_ || gate_.snapshot().waiting > 0; now = clock_.now()) {
        if (!clock_.sleep_until(now < next_ ? next_ : now + glance, stop)) {
            return false;
        }
    }
    next_ = clock_.now() + pause_between_details(gate_.limits().per_second);
    return !stop.stop_requested();
}

void DetailsBudget::settle(Sink& sink) {
    spent_ = sink.spend_credits(account_, unwritten_);
    unwritten_ = 0;
    settled_at_ = clock_.now();
}

void DetailsBudget::settle_in_time(Sink& sink) {
    if (!settled_at_ || clock_.now() >= *settled_at_ + between_looks) {
        settle(sink);
    }
}

} // namespace zohosyncd
