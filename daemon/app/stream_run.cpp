#include "daemon/app/stream_run.hpp"

#include "daemon/app/definition_run.hpp"
#include "daemon/app/formula_refresh.hpp"
#include "daemon/app/loose_run.hpp"
#include "daemon/app/records_run.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/app/stream_hooks.hpp"
#include "daemon/app/stream_verification.hpp"
#include "daemon/app/target_sql_runner.hpp"
#include "daemon/app/whole_run.hpp"
#include "daemon/app/window_run.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/metrics.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

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

void count_run(const StreamConfig& stream, const char* outcome, double by) {
    metrics::count(metrics::Metric::runs_total,
                   {{"stream", stream.endpoint.stream}, {"outcome", outcome}},
                   by);
}

void count_failure(const StreamConfig& stream, ErrorKind kind) {
    metrics::count(metrics::Metric::errors_total,
                   {{"stream", stream.endpoint.stream}, {"kind", to_string(kind)}});
    metrics::count(metrics::Metric::retries_total, {{"reason", to_string(kind)}});
}

void look_for_credits(const RunContext& context) {
    try {
        settle_credits(context.sink,
                       context.gate,
                       context.config.source.name,
                       context.organisation.credits_allowed);
    } catch (const SyncError& error) {
        log::event(Level::warn, "credits_not_counted", {kv("error", error.what())});
    }
}

void write_failure_down(const RunContext& context,
                        const StreamConfig& stream,
                        Reaction reaction,
                        const SyncError& error) {
    try {
        ZOHOSYNCD_FAILPOINT("engine.failed");
        context.sink.record_failure(
            stream_key(context, stream), status_for(reaction), error.what());
        ZOHOSYNCD_FAILPOINT("engine.failure_recorded");
    } catch (const SyncError& second) {
        // The run failed already; that its failure can not be written down is a second line, not a
        // second fault.
        log::event(Level::warn, "failure_not_recorded", {kv("error", second.what())});
    }
}

/// What a failure means beyond its stream: the credits are looked at, the organisation is paused
/// where the trouble is everybody's, and it is logged. Returns how long the stream has to wait.
std::chrono::milliseconds meet_failure(const RunContext& context,
                                       const StreamConfig& stream,
                                       std::string_view event,
                                       int attempt,
                                       const SyncError& error) {
    const auto reaction = reaction_to(error.kind());
    auto wait = error.retry_after();
    if (error.kind() == ErrorKind::credits_exhausted) {
        look_for_credits(context); // The window moves on while nothing is spent.
    }
    if (reaction == Reaction::pause_organisation) {
        wait = std::max(wait, context.gate.pause(error.retry_after()));
    }
    log::event(reaction == Reaction::back_off_stream || reaction == Reaction::pause_organisation
                   ? Level::warn
                   : Level::error,
               event,
               {kv("stream", stream.endpoint.stream),
                kv("kind", to_string(error.kind())),
                kv("attempt", attempt),
                kv("zoho_code", error.zoho_code()),
                kv("sqlstate", error.sqlstate()),
                kv("error", error.what())});
    return wait;
}

/// Returns how long the stream has to wait at least.
std::chrono::milliseconds see_to_failure(const RunContext& context,
                                         const StreamConfig& stream,
                                         int attempt,
                                         const SyncError& error) {
    const auto wait = meet_failure(
        context, stream, context.verify ? "verify_failed" : "run_failed", attempt, error);
    const auto reaction = reaction_to(error.kind());
    context.board.update(stream.endpoint.stream, [&](StreamProgress& line) {
        line.activity = activity_for(reaction);
        line.error = error.what();
    });
    if (!context.verify && !is_about_the_target(error.kind())) {
        write_failure_down(context, stream, reaction, error);
    }
    return wait;
}

/// A hook that aborts fails the run. What it said is in the log already.
RunResult fail_by_hook(const RunContext& context,
                       const StreamConfig& stream,
                       StreamMemory& memory,
                       const std::string& message) {
    count_run(stream, "failed", 1);
    metrics::count(metrics::Metric::errors_total,
                   {{"stream", stream.endpoint.stream}, {"kind", "hook_failed"}});
    context.board.update(stream.endpoint.stream, [&](StreamProgress& line) {
        line.activity = StreamActivity::backing_off;
        line.error = message;
    });
    // As with a table that waits for somebody: one pass does not try again, the daemon soon does.
    const SyncError error(ErrorKind::schema_conflict, message);
    write_failure_down(context, stream, Reaction::back_off_stream, error);
    return {error.kind(), {}, std::exchange(memory.has_progressed, false), false};
}

/// Its hooks said so. It was no failure, and nothing was read.
RunResult leave_out(const RunContext& context, const StreamConfig& stream) {
    context.board.update(stream.endpoint.stream,
                         [](StreamProgress& line) { line.activity = StreamActivity::done; });
    log::event(Level::info, "run_left_out", {kv("stream", stream.endpoint.stream)});
    return {};
}

bool has_synced_before(const RunContext& context, const StreamConfig& stream) {
    try {
        const auto state = context.sink.state(stream_key(context, stream));
        return state && complete_as_of(*state);
    } catch (const SyncError&) {
        return false; // The failure itself is said in any case.
    }
}

/// A module that was there and is no more may be back in a moment: while a service runs, nothing
/// but its back-off changes before Zoho has said so three times over an hour.
SyncError believed(const RunContext& context,
                   const StreamConfig& stream,
                   StreamMemory& memory,
                   const SyncError& error) {
    const bool says_vanished = error.kind() == ErrorKind::unknown_module || says_no_fields(error);
    const bool is_service = context.pressure != nullptr;
    if (!says_vanished || !is_service || !has_synced_before(context, stream) ||
        memory.vanished.said(context.clock.now())) {
        return error;
    }
    return SyncError(ErrorKind::bad_response,
                     std::string(error.what()) +
                         "; the module was there before, so nothing changes until Zoho has said "
                         "so three times over an hour (" +
                         std::to_string(memory.vanished.times()) + " so far)")
        .with_zoho_code(error.zoho_code())
        .with_retry_after(between_confirmations);
}

/// A daemon that begins again takes no snapshot before its time: the last one is in the table.
/// Until when that is so; nothing when it is time, or when one is unfinished.
std::optional<std::chrono::sys_seconds>
rests_until(const RunContext& context, const StreamConfig& stream, StreamMemory& memory) {
    const bool is_first = !std::exchange(memory.is_rest_checked, true);
    if (!is_first || stream.mode != StreamMode::snapshot || context.pressure == nullptr) {
        return std::nullopt;
    }
    const auto state = context.sink.state(stream_key(context, stream));
    if (!state || !state->scan.empty() || !state->consistent_as_of || !state->last_success_at ||
        stream.schedule.is_manual()) {
        return std::nullopt;
    }
    const auto next = stream.schedule.next_after(*state->last_success_at);
    return next > context.clock.wall_seconds() ? std::optional(next) : std::nullopt;
}

using AfterRun = void(const RunContext&,
                      const StreamConfig&,
                      StreamMemory&,
                      const std::stop_token&);

/// What comes after a run does not fail it; the next run takes it up again.
void do_after_run(const RunContext& context,
                  const StreamConfig& stream,
                  StreamMemory& memory,
                  const std::stop_token& stop,
                  std::pair<AfterRun*, const char*> what) {
    try {
        what.first(context, stream, memory, stop);
    } catch (const SyncError& error) {
        if (error.kind() == ErrorKind::stopped || stop.stop_requested() ||
            reaction_to(error.kind()) == Reaction::end_process) {
            throw;
        }
        (void)meet_failure(context, stream, what.second, 1, error);
    }
}

/// A module's fields tell; what the configuration thought of it may be out of date.
bool is_read_whole(const RunContext& context,
                   const StreamConfig& stream,
                   StreamMemory& memory,
                   const std::stop_token& stop) {
    if (context.fields.is_old(stream.endpoint.module)) {
        memory.absent.clear(); // What was absent then may have come and gone again since.
    }
    return !has_versions(*context.fields.get(context.client, stream.endpoint.module, stop));
}

} // namespace

void run_stream(const RunContext& context,
                const StreamConfig& stream,
                StreamMemory& memory,
                const std::stop_token& stop) {
    if (context.verify) {
        verify_stream(context, stream, memory, stop);
        return;
    }
    TargetSql sql(context, stream, memory, stop);
    RunContext writing = context;
    writing.sql = &sql;
    if (stream.mode == StreamMode::definition_only) {
        run_definition(writing, stream, stop);
    } else if (stream.window) {
        WindowRun(writing, stream, memory, stop).run();
    } else if (stream.endpoint.kind == EndpointKind::records) {
        RecordsRun changes(writing, stream, memory, stop); // Asking for the fields is part of it.
        if (is_read_whole(context, stream, memory, stop)) {
            WholeRun(writing, stream, memory, stop).run();
        } else {
            changes.run();
        }
    } else {
        LooseRun(writing, stream, stop).run();
    }
    sql.after_run();
    if (context.formulas_schedule != nullptr && keeps_equal(stream)) {
        do_after_run(context,
                     stream,
                     memory,
                     stop,
                     {&refresh_formulas_on_schedule, "formulas_not_refreshed"});
    }
    if (context.verify_schedule != nullptr && keeps_equal(stream)) {
        do_after_run(context, stream, memory, stop, {&verify_on_schedule, "verify_failed"});
    }
}

DetailsResult attempt_details(const RunContext& context,
                              const StreamConfig& stream,
                              DetailsMemory& memory,
                              DetailsBudget& budget,
                              int attempt,
                              const std::stop_token& stop) {
    try {
        return {DetailsRun(context, stream, memory, budget, stop).advance()};
    } catch (const SyncError& error) {
        if (error.kind() == ErrorKind::stopped || stop.stop_requested()) {
            return {};
        }
        if (reaction_to(error.kind()) == Reaction::end_process) {
            throw;
        }
        count_failure(stream, error.kind());
        return {{}, true, meet_failure(context, stream, "details_failed", attempt, error)};
    }
}

RunResult attempt_stream(const RunContext& context,
                         const StreamConfig& stream,
                         StreamMemory& memory,
                         int attempt,
                         const std::stop_token& stop) {
    const auto requests_before = context.client.requests_sent();
    count_run(stream, "ok", 0);
    count_run(stream, "failed", 0);
    const bool has_hooks = !context.verify && !stream.hooks.empty();
    HookedRun hooks(context, stream);
    try {
        ZOHOSYNCD_FAILPOINT("engine.run");
        if (const auto until =
                context.verify ? std::nullopt : rests_until(context, stream, memory)) {
            context.board.update(stream.endpoint.stream, [](StreamProgress& line) {
                line.activity = StreamActivity::done;
            });
            return {std::nullopt, {}, false, false, until};
        }
        const auto before = has_hooks ? hooks.before(stop) : HookOutcome{};
        if (before.result == HookOutcome::Result::failed) {
            return fail_by_hook(context, stream, memory, before.error);
        }
        if (before.result == HookOutcome::Result::skips_the_run) {
            return leave_out(context, stream);
        }
        run_stream(context, stream, memory, stop);
        memory.vanished.reset();
        const auto after = has_hooks ? hooks.after_success(stop) : HookOutcome{};
        if (after.result == HookOutcome::Result::failed) {
            return fail_by_hook(context, stream, memory, after.error);
        }
        count_run(stream, "ok", 1);
        ZOHOSYNCD_FAILPOINT("engine.ran");
        return {};
    } catch (const SyncError& thrown) {
        if (thrown.kind() == ErrorKind::stopped || stop.stop_requested()) {
            return {ErrorKind::stopped, {}, false, false}; // An aborted request is no fault.
        }
        if (reaction_to(thrown.kind()) == Reaction::end_process) {
            throw;
        }
        const SyncError error = believed(context, stream, memory, thrown);
        count_run(stream, "failed", 1);
        count_failure(stream, error.kind());
        const auto wait = see_to_failure(context, stream, attempt, error);
        if (has_hooks) {
            hooks.after_failure(error.what(), stop);
        }
        return {error.kind(),
                wait,
                std::exchange(memory.has_progressed, false),
                context.client.requests_sent() == requests_before};
    }
}

} // namespace zohosyncd
