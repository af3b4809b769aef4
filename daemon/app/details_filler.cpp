#include "daemon/app/details_filler.hpp"

#include "daemon/app/stream_run.hpp"
#include "daemon/app/wanted_lines.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/pulse.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

constexpr Backoff::Policy details_backoff{2s, 10min};
// What waits is looked for so often, with one small query a stream.
constexpr auto between_looks = 2s;
// One pass gives a stream up after so many failures in a row.
constexpr int most_attempts = 4;

} // namespace

bool wants_details(const Config& config) {
    return std::any_of(config.streams.begin(),
                       config.streams.end(),
                       [&](const StreamConfig& stream) { return wants_details(config, stream); });
}

DetailsFiller::DetailsFiller(const RunContext& context)
    : context_(context), budget_(context.config.source.name,
                                 context.organisation.credits_allowed,
                                 context.gate,
                                 context.clock) {
    const auto& streams = context.config.streams;
    for (std::size_t i = 0; i < streams.size(); ++i) {
        if (wants_details(context.config, streams[i])) {
            slots_.push_back({i, {}, Backoff(details_backoff), context.clock.now()});
        }
    }
}

void DetailsFiller::advance(Slot& slot, Round& round, const std::stop_token& stop) {
    const auto& stream = context_.config.streams[slot.stream];
    const auto result =
        attempt_details(context_, stream, slot.memory, budget_, slot.attempts + 1, stop);
    round.has_sent = round.has_sent || result.progress.requests > 0;
    round.has_too_young = round.has_too_young || result.progress.has_too_young;
    if (!result.has_failed) {
        slot.backoff.reset();
        slot.attempts = 0;
        return;
    }
    ++slot.attempts;
    // Without jitter: there is one such thread.
    const auto wait = std::max(slot.backoff.next(1.0), result.retry_after);
    slot.due = context_.clock.now() + wait;
}

DetailsFiller::Round DetailsFiller::go_round(const std::stop_token& stop) {
    Round round;
    for (auto& slot : slots_) {
        if (stop.stop_requested()) {
            break;
        }
        if (slot.due <= context_.clock.now()) {
            advance(slot, round, stop);
        }
    }
    return round;
}

void DetailsFiller::run_until_stopped(const std::stop_token& stop) {
    const pulse::Worker worker;
    while (!stop.stop_requested()) {
        const auto round = go_round(stop);
        pulse::sign();
        if (!round.has_sent) {
            const pulse::Rest rest;
            context_.clock.sleep_for(between_looks, stop);
        }
    }
}

std::vector<std::size_t> DetailsFiller::run_once(const std::stop_token& stop) {
    std::vector<std::size_t> given_up;
    while (!stop.stop_requested()) {
        const auto round = go_round(stop);
        std::erase_if(slots_, [&](const Slot& slot) {
            if (slot.attempts >= most_attempts) {
                given_up.push_back(slot.stream);
            }
            return slot.attempts >= most_attempts;
        });
        if (round.has_sent) {
            continue;
        }
        const auto failing =
            std::min_element(slots_.begin(), slots_.end(), [](const Slot& a, const Slot& b) {
                return (a.attempts > 0 ? a.due : Clock::TimePoint::max()) <
                       (b.attempts > 0 ? b.due : Clock::TimePoint::max());
            });
        if (failing != slots_.end() && failing->attempts > 0) {
            context_.clock.sleep_until(failing->due, stop);
        } else if (round.has_too_young) {
            context_.clock.sleep_for(1s, stop);
        } else {
            break;
        }
    }
    return given_up;
}

} // namespace zohosyncd
