#include "daemon/app/timetable.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

constexpr Backoff::Policy stream_backoff{1s, 5min};
// `sync` gives a stream this many chances before it counts as failed.
constexpr int attempts_of_sync = 6;
// It waits so long for a target that went away, as it does at its start (contract §10).
constexpr auto patience_of_sync = 60s;
// A target that is away costs Zoho nothing, and shall not wait when it is back: all streams
// together ask for it so often.
constexpr std::chrono::milliseconds shortest_look = 100ms;
constexpr std::chrono::milliseconds longest_look = 500ms;
// A module without permission is asked for again this often: each time costs a credit.
constexpr std::chrono::milliseconds after_denial = 1h;
// A table that waits for an operator costs Zoho nothing, and is mended at any moment.
constexpr std::chrono::milliseconds after_block = 1min;

bool is_lasting(Reaction reaction) {
    return reaction == Reaction::deny_stream || reaction == Reaction::block_stream;
}

bool asks_an_operator(ErrorKind kind) {
    return is_lasting(reaction_to(kind)) || kind == ErrorKind::auth_refused ||
           kind == ErrorKind::wrong_data_center || kind == ErrorKind::credits_exhausted;
}

} // namespace

Timetable::Timetable(const std::vector<StreamConfig>& streams,
                     EngineMode mode,
                     double stretch,
                     Clock::TimePoint now)
    : mode_(mode), stretch_(stretch) {
    for (const auto& stream : streams) {
        const bool waits = mode_ == EngineMode::forever && stream.schedule.is_manual();
        slots_.push_back(
            {&stream.schedule, waits ? std::nullopt : std::optional(now), Backoff(stream_backoff)});
    }
}

Timetable::Turn Timetable::turn(std::size_t stream) const {
    const Slot& slot = slots_[stream];
    return {slot.schedule->text(), slot.due, slot.backoff, slot.attempts, slot.waits_since};
}

void Timetable::resume(std::size_t stream, const Turn& turn) {
    Slot& slot = slots_[stream];
    slot.backoff = turn.backoff;
    slot.attempts = turn.attempts;
    if (turn.schedule == slot.schedule->text() && turn.due) {
        slot.due = turn.due;
        slot.waits_since = turn.waits_since;
    }
}

void Timetable::set_stretch(double stretch) {
    stretch_ = stretch;
    for (auto& slot : slots_) {
        if (slot.due && slot.waits_since) {
            slot.due = after_success(slot, *slot.waits_since);
        }
    }
}

std::vector<std::size_t> Timetable::take_due(Clock::TimePoint now) {
    std::vector<std::size_t> due;
    for (std::size_t stream = 0; stream < slots_.size(); ++stream) {
        const Slot& slot = slots_[stream];
        if (slot.due && !slot.is_running && *slot.due <= now) {
            due.push_back(stream);
        }
    }
    std::stable_sort(due.begin(), due.end(), [this](std::size_t a, std::size_t b) {
        return *slots_[a].due < *slots_[b].due;
    });
    if (away_since_) {
        due.resize(looking_ || now < next_look_ ? 0 : std::min<std::size_t>(due.size(), 1));
        looking_ = due.empty() ? looking_ : std::optional(due.front());
    }
    for (const auto stream : due) {
        slots_[stream].due.reset();
        slots_[stream].waits_since.reset();
        slots_[stream].is_running = true;
    }
    return due;
}

std::optional<Clock::TimePoint> Timetable::next_due() const {
    std::optional<Clock::TimePoint> earliest;
    for (const auto& slot : slots_) {
        if (slot.due && !slot.is_running) {
            earliest = std::min(earliest.value_or(*slot.due), *slot.due);
        }
    }
    if (away_since_ && earliest) {
        // What is due waits for the look; said otherwise, who sleeps until then would not sleep.
        return looking_ ? std::nullopt : std::optional(std::max(*earliest, next_look_));
    }
    return earliest;
}

bool Timetable::is_all_done() const {
    return mode_ == EngineMode::once &&
           std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
               return slot.is_running || slot.due.has_value();
           });
}

std::size_t Timetable::succeeded() const {
    return static_cast<std::size_t>(std::count_if(
        slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.has_succeeded; }));
}

bool Timetable::finished(std::size_t stream, const RunResult& result, double jitter, Moment now) {
    Slot& slot = slots_[stream];
    slot.is_running = false;
    if (looking_ == stream) {
        looking_.reset();
    }
    if (result.error == ErrorKind::stopped) {
        return true;
    }
    if (result.error == ErrorKind::sink_down && result.was_free) {
        return look_again_soon(slot, jitter, now.steady);
    }
    away_since_.reset();
    if (result.error) {
        return retry_later(slot, result, jitter, now.steady);
    }
    slot.has_succeeded = true;
    slot.attempts = 0;
    slot.backoff.reset();
    if (mode_ == EngineMode::forever) {
        slot.due = after_success(slot, now);
        slot.waits_since = now;
        if (result.rests_until) {
            slot.due = now.steady + (*result.rests_until - now.wall);
            slot.waits_since.reset(); // It is no interval that could be stretched.
        }
    }
    return true;
}

bool Timetable::look_again_soon(Slot& slot, double jitter, Clock::TimePoint now) {
    away_since_ = away_since_.value_or(now);
    if (mode_ == EngineMode::once && now - *away_since_ >= patience_of_sync) {
        return false;
    }
    next_look_ = now + shortest_look +
                 std::chrono::duration_cast<std::chrono::milliseconds>(
                     (longest_look - shortest_look) * jitter);
    slot.due = now;
    return true;
}

bool Timetable::retry_later(Slot& slot,
                            const RunResult& result,
                            double jitter,
                            Clock::TimePoint now) {
    if (result.has_progressed) {
        slot.attempts = 0; // A long load may meet many hiccups; only those in a row count.
        slot.backoff.reset();
    }
    ++slot.attempts;
    if (mode_ == EngineMode::once &&
        (asks_an_operator(*result.error) || slot.attempts >= attempts_of_sync)) {
        return false;
    }
    const auto reaction = reaction_to(*result.error);
    auto wait = std::max(slot.backoff.next(jitter), result.retry_after);
    if (is_lasting(reaction)) {
        wait = std::max(wait, reaction == Reaction::deny_stream ? after_denial : after_block);
    }
    slot.due = now + wait;
    return true;
}

Clock::TimePoint Timetable::after_success(const Slot& slot, Moment now) const {
    if (const auto interval = slot.schedule->interval()) {
        return now.steady + std::chrono::duration_cast<Clock::Duration>(
                                std::chrono::duration<double>(*interval) * stretch_);
    }
    const auto next = slot.schedule->next_after(now.wall);
    const auto stretched_gap =
        std::chrono::duration<double>(slot.schedule->next_after(next) - next) * (stretch_ - 1.0);
    return now.steady + (next - now.wall) +
           std::chrono::duration_cast<Clock::Duration>(stretched_gap);
}

std::vector<StreamCost> polling_costs(const Config& config, std::chrono::sys_seconds now) {
    std::vector<StreamCost> costs;
    costs.reserve(config.streams.size());
    for (const auto& stream : config.streams) {
        if (stream.schedule.is_manual() || !reads_everything(stream)) {
            continue;
        }
        const auto next = stream.schedule.next_after(now);
        const auto interval =
            stream.schedule.interval().value_or(stream.schedule.next_after(next) - next);
        costs.push_back(
            {interval,
             stream.endpoint.has_delete_list && stream.mode == StreamMode::incremental ? 2U : 1U,
             stream.endpoint.kind == EndpointKind::records ? 1U : 0U});
    }
    return costs;
}

double stretch_within_credits(const Config& config,
                              std::uint64_t credits_allowed,
                              std::chrono::sys_seconds now) {
    return interval_stretch(
        polling_costs(config, now), config.daemon.metadata, static_cast<double>(credits_allowed));
}

} // namespace zohosyncd
