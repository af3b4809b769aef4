#include "daemon/app/progress_display.hpp"
#include "daemon/app/replication.hpp"
#include "daemon/app/stream_hooks.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/core/errors.hpp"

#include <atomic>
#include <functional>
#include <iostream>
#include <thread>

namespace zohosyncd {
namespace {

/// SLING_TIMEOUT: stops the pass when it is over, as a signal would.
class TimeLimit {
public:
    TimeLimit(std::optional<std::chrono::milliseconds> limit,
              Clock& clock,
              const std::stop_token& stop)
        : on_stop_(stop, [this] { either_.request_stop(); }) {
        if (limit) {
            timer_ = std::jthread(
                [this, &clock, end = clock.now() + *limit](const std::stop_token& done) {
                    if (clock.sleep_until(end, done)) {
                        is_over_ = true;
                        either_.request_stop();
                    }
                });
        }
    }

    [[nodiscard]] std::stop_token token() const { return either_.get_token(); }

    [[nodiscard]] bool is_over() const { return is_over_; }

private:
    std::stop_source either_;
    std::atomic<bool> is_over_{false};
    std::stop_callback<std::function<void()>> on_stop_;
    std::jthread timer_; // Uses all of the above.
};

PassFacts facts_of(const Engine::Outcome& outcome,
                   const std::vector<StreamProgress>& lines,
                   std::chrono::sys_seconds started,
                   const Clock& clock) {
    PassFacts facts;
    facts.streams = lines.size();
    facts.succeeded = outcome.succeeded;
    facts.failed = outcome.failed;
    facts.started = started;
    facts.ended = clock.wall_seconds();
    for (const auto& line : lines) {
        facts.rows_written += line.written;
        if (line.activity != StreamActivity::done && !line.error.empty()) {
            facts.error += (facts.error.empty() ? "" : "; ") + line.stream + ": " + line.error;
        }
    }
    return facts;
}

/// Whether they let the pass go on; if not, it is said why.
bool runs_root_hooks(const std::vector<Hook>& hooks,
                     const Config& config,
                     const PassFacts& facts,
                     Clock& clock,
                     const std::stop_token& stop) {
    const auto outcome = run_root_hooks(hooks, config, facts, clock, stop);
    if (outcome.result == HookOutcome::Result::failed) {
        std::cerr << "error: " << outcome.error << "\n";
        return false;
    }
    return true;
}

ExitCode
one_pass(const Config& config, Clock& clock, const TimeLimit& limit, const std::stop_token& stop) {
    const auto token = limit.token();
    RequestGate gate(gate_limits(config.source), clock);
    Replication replication(config, gate, clock);
    replication.reach_target(target_patience, token);
    replication.take_lease(lease_patience, token);
    replication.meet_zoho(target_patience, token);
    const auto begun = clock.now();
    const auto started = clock.wall_seconds();
    PassFacts facts;
    facts.streams = replication.config().streams.size();
    facts.started = started;
    if (!runs_root_hooks(config.hooks.start, replication.config(), facts, clock, token)) {
        return ExitCode::failure;
    }
    Engine::Outcome outcome;
    {
        const ProgressDisplay display(replication.board(), replication.gate(), clock);
        outcome = replication.run(EngineMode::once, token);
    }
    const auto lines = replication.board().lines();
    print_results(std::cerr, lines);
    if (stop.stop_requested()) {
        throw SyncError(ErrorKind::stopped, "stopped; the next run goes on where this one was");
    }
    // They may tell somebody that time was up, so they are not bound by it.
    facts = facts_of(outcome, lines, started, clock);
    const bool is_good =
        runs_root_hooks(config.hooks.end, replication.config(), facts, clock, stop);
    std::cerr << outcome.succeeded << " streams ok, " << outcome.failed << " failed\n";
    print_as_sling(std::cerr,
                   replication.config(),
                   lines,
                   {outcome.succeeded,
                    outcome.failed,
                    limit.is_over(),
                    std::chrono::duration_cast<std::chrono::milliseconds>(clock.now() - begun)});
    return outcome.failed == 0 && is_good ? ExitCode::ok : ExitCode::failure;
}

} // namespace

ExitCode sync_verb(const Config& config, Clock& clock, const std::stop_token& stop) {
    const TimeLimit limit(config.timeout, clock, stop);
    try {
        return one_pass(config, clock, limit, stop);
    } catch (const SyncError& error) {
        if (error.kind() != ErrorKind::stopped || stop.stop_requested() || !limit.is_over()) {
            throw;
        }
        std::cerr << "error: SLING_TIMEOUT is over before the streams could begin (timed-out)\n";
        return ExitCode::failure;
    }
}

} // namespace zohosyncd
