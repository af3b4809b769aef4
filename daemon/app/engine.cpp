#include "daemon/app/engine.hpp"

#include "daemon/app/run_recorder.hpp"
#include "daemon/app/stream_run.hpp"
#include "daemon/core/credit_plan.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::kv;
using log::Level;

// Three are enough to use five requests a second at Zoho's latency, and its limit of calls at once
// is 5 in the smallest edition (contract §9).
constexpr std::size_t fetchers = 3;
constexpr Backoff::Policy stream_backoff{1s, 5min};
// `sync` gives a stream this many chances before it counts as failed.
constexpr int attempts_of_sync = 6;
// A module without permission is asked for again this often: each time costs a credit.
constexpr std::chrono::milliseconds after_denial = 1h;
// A table that waits for an operator costs Zoho nothing, and is mended at any moment.
constexpr std::chrono::milliseconds after_block = 1min;

StreamStatus status_for(Reaction reaction) {
    switch (reaction) {
    case Reaction::deny_stream:
        return StreamStatus::denied;
    case Reaction::block_stream:
        return StreamStatus::blocked;
    case Reaction::back_off_stream:
    case Reaction::pause_organisation:
    case Reaction::end_process:
        break;
    }
    return StreamStatus::backoff;
}

StreamActivity activity_for(Reaction reaction) {
    switch (reaction) {
    case Reaction::deny_stream:
        return StreamActivity::denied;
    case Reaction::block_stream:
        return StreamActivity::blocked;
    case Reaction::back_off_stream:
    case Reaction::pause_organisation:
    case Reaction::end_process:
        break;
    }
    return StreamActivity::backing_off;
}

bool is_about_the_target(ErrorKind kind) {
    return kind == ErrorKind::sink_down || kind == ErrorKind::sink_full ||
           kind == ErrorKind::sink_conflict || kind == ErrorKind::lease_lost;
}

} // namespace

Engine::Engine(EngineParts parts, FetcherParts fetcher_parts, EngineMode mode)
    : parts_(parts), fetcher_parts_(std::move(fetcher_parts)), mode_(mode), stretch_(stretch()),
      jitter_(std::random_device{}()) {
    for (const auto& stream : parts_.config.streams) {
        slots_.push_back(
            {&stream, parts_.clock.now(), false, false, 0, Backoff(stream_backoff), {}});
        if (mode_ == EngineMode::forever && stream.schedule.is_manual()) {
            slots_.back().due.reset();
        }
    }
    if (mode_ == EngineMode::forever && stretch_ > 1.0) {
        log::event(
            Level::warn,
            "intervals_stretched",
            {kv("factor", std::to_string(stretch_).substr(0, 5)),
             kv("credits_allowed", parts_.organisation.credits_allowed),
             kv("hint",
                "the schedules would spend more API credits a day than daemon.credits allows")});
    }
}

double Engine::stretch() const {
    std::vector<StreamCost> costs;
    costs.reserve(parts_.config.streams.size());
    const auto now = std::chrono::floor<std::chrono::seconds>(parts_.clock.wall_now());
    for (const auto& stream : parts_.config.streams) {
        if (stream.schedule.is_manual()) {
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
    return interval_stretch(
        costs, parts_.config.daemon.metadata, parts_.organisation.credits_allowed);
}

void Engine::run(const std::stop_token& stop) {
    const std::stop_callback forward(stop, [this] { stop_source_.request_stop(); });
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < fetchers; ++i) {
            threads.emplace_back([this] { fetch(stop_source_.get_token()); });
        }
        threads.emplace_back([this] { schedule(stop_source_.get_token()); });
    } // Joined here, before anything they use goes away.
    if (fatal_) {
        std::rethrow_exception(fatal_);
    }
}

Engine::Outcome Engine::outcome() const {
    const std::lock_guard lock(mutex_);
    const auto succeeded = std::count_if(
        slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.has_succeeded; });
    return {static_cast<std::size_t>(succeeded),
            slots_.size() - static_cast<std::size_t>(succeeded)};
}

std::optional<Clock::TimePoint> Engine::next_due() const {
    std::optional<Clock::TimePoint> earliest;
    for (const auto& slot : slots_) {
        if (slot.due && !slot.is_running) {
            earliest = std::min(earliest.value_or(*slot.due), *slot.due);
        }
    }
    return earliest;
}

bool Engine::is_all_done() const {
    return mode_ == EngineMode::once &&
           std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
               return slot.is_running || slot.due.has_value();
           });
}

/// The scheduler: moves streams that have fallen due to the ready list.
void Engine::schedule(const std::stop_token& stop) {
    // No clock inside condition variables: sleeping is the clock's business, so that tests own it.
    while (!stop.stop_requested()) {
        std::optional<Clock::TimePoint> due;
        {
            const std::lock_guard lock(mutex_);
            if (is_all_done()) {
                stop_source_.request_stop();
                return;
            }
            const auto now = parts_.clock.now();
            for (auto& slot : slots_) {
                if (slot.due && !slot.is_running && *slot.due <= now) {
                    slot.due.reset();
                    slot.is_running = true;
                    ready_.push_back(&slot);
                    changed_.notify_one();
                }
            }
            due = next_due();
        }
        // A run that ends meanwhile may fall due earlier than what is known now.
        constexpr auto glance = 50ms;
        const auto soon = parts_.clock.now() + glance;
        parts_.clock.sleep_until(std::min(due.value_or(soon), soon), stop);
    }
}

Engine::Slot* Engine::take_ready(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !ready_.empty(); })) {
        return nullptr;
    }
    Slot* slot = ready_.front();
    ready_.erase(ready_.begin());
    return slot;
}

void Engine::fetch(const std::stop_token& stop) {
    try {
        const auto sink = fetcher_parts_.make_sink();
        const auto client = fetcher_parts_.make_client();
        while (Slot* slot = take_ready(stop)) {
            const RunResult result = run_slot(*slot, *sink, *client, stop);
            finished(*slot, result);
        }
    } catch (...) {
        end_with(std::current_exception());
    }
}

void Engine::end_with(std::exception_ptr error) {
    {
        const std::lock_guard lock(mutex_);
        if (!fatal_) {
            fatal_ = std::move(error);
        }
    }
    stop_source_.request_stop();
}

Engine::RunResult
Engine::run_slot(Slot& slot, Sink& sink, ApiClient& client, const std::stop_token& stop) {
    const RunContext context{parts_.config,
                             parts_.organisation,
                             parts_.fields,
                             parts_.gate,
                             parts_.clock,
                             parts_.board,
                             client,
                             sink};
    try {
        run_stream(context, *slot.config, slot.memory, stop);
        return {};
    } catch (const SyncError& error) {
        if (error.kind() == ErrorKind::stopped || stop.stop_requested()) {
            return {ErrorKind::stopped, {}}; // An aborted request is no fault.
        }
        if (reaction_to(error.kind()) == Reaction::end_process) {
            throw;
        }
        return failed_run(slot, sink, error);
    }
}

Engine::RunResult Engine::failed_run(const Slot& slot, Sink& sink, const SyncError& error) const {
    const auto reaction = reaction_to(error.kind());
    auto wait = error.retry_after();
    if (error.kind() == ErrorKind::credits_exhausted) {
        look_for_credits(sink); // The window moves on while nothing is spent.
    }
    if (reaction == Reaction::pause_organisation) {
        wait = std::max(wait, parts_.gate.pause(error.retry_after()));
    }
    log::event(reaction == Reaction::back_off_stream || reaction == Reaction::pause_organisation
                   ? Level::warn
                   : Level::error,
               "run_failed",
               {kv("stream", slot.config->endpoint.stream),
                kv("kind", to_string(error.kind())),
                kv("attempt", slot.attempts + 1),
                kv("zoho_code", error.zoho_code()),
                kv("sqlstate", error.sqlstate()),
                kv("error", error.what())});
    parts_.board.update(slot.config->endpoint.stream, [&](StreamProgress& line) {
        line.activity = activity_for(reaction);
        line.error = error.what();
    });
    if (!is_about_the_target(error.kind())) {
        try {
            const StreamKey key{
                parts_.config.source.name, slot.config->endpoint.stream, slot.config->target};
            sink.record_failure(key, status_for(reaction), error.what());
        } catch (const SyncError& second) {
            // The run failed already; that its failure can not be written down is a second line,
            // not a second fault.
            log::event(Level::warn, "failure_not_recorded", {kv("error", second.what())});
        }
    }
    return {error.kind(), wait};
}

void Engine::look_for_credits(Sink& sink) const {
    try {
        settle_credits(
            sink, parts_.gate, parts_.config.source.name, parts_.organisation.credits_allowed);
    } catch (const SyncError& error) {
        log::event(Level::warn, "credits_not_counted", {kv("error", error.what())});
    }
}

void Engine::finished(Slot& slot, const RunResult& result) {
    const std::lock_guard lock(mutex_);
    slot.is_running = false;
    if (result.error == ErrorKind::stopped) {
        return;
    }
    if (!result.error) {
        slot.has_succeeded = true;
        slot.attempts = 0;
        slot.backoff.reset();
        if (mode_ == EngineMode::forever) {
            slot.due = after_success(slot);
        }
        return;
    }
    retry_later(slot, result, reaction_to(*result.error));
}

void Engine::retry_later(Slot& slot, const RunResult& result, Reaction reaction) {
    if (std::exchange(slot.memory.has_progressed, false)) {
        slot.attempts = 0; // A long load may meet many hiccups; only those in a row count.
        slot.backoff.reset();
    }
    ++slot.attempts;
    const bool is_lasting = reaction == Reaction::deny_stream || reaction == Reaction::block_stream;
    const bool asks_an_operator = is_lasting || result.error == ErrorKind::auth_refused ||
                                  result.error == ErrorKind::wrong_data_center ||
                                  result.error == ErrorKind::credits_exhausted;
    if (mode_ == EngineMode::once && (asks_an_operator || slot.attempts >= attempts_of_sync)) {
        parts_.board.update(slot.config->endpoint.stream, [&](StreamProgress& line) {
            if (!is_lasting) {
                line.activity = StreamActivity::failed;
            }
        });
        return;
    }
    std::uniform_real_distribution<double> share(0.0, 1.0);
    auto wait = std::max(slot.backoff.next(share(jitter_)), result.retry_after);
    if (is_lasting) {
        wait = std::max(wait, reaction == Reaction::deny_stream ? after_denial : after_block);
    }
    slot.due = parts_.clock.now() + wait;
}

Clock::TimePoint Engine::after_success(const Slot& slot) const {
    const auto& schedule = slot.config->schedule;
    if (const auto interval = schedule.interval()) {
        return parts_.clock.now() + std::chrono::duration_cast<Clock::Duration>(
                                        std::chrono::duration<double>(*interval) * stretch_);
    }
    const auto wall = std::chrono::floor<std::chrono::seconds>(parts_.clock.wall_now());
    const auto next = schedule.next_after(wall);
    const auto stretched_gap =
        std::chrono::duration<double>(schedule.next_after(next) - next) * (stretch_ - 1.0);
    return parts_.clock.now() + (next - wall) +
           std::chrono::duration_cast<Clock::Duration>(stretched_gap);
}

} // namespace zohosyncd
