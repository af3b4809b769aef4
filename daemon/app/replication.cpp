#include "daemon/app/replication.hpp"

#include "daemon/app/persist.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

std::vector<std::string> names_of(const std::vector<StreamConfig>& streams) {
    std::vector<std::string> names;
    for (const auto& stream : streams) {
        names.push_back(stream.endpoint.stream);
    }
    return names;
}

} // namespace

Replication::Replication(const Config& config, Clock& clock)
    : config_(config), clock_(clock), session_(config_.source, config_.daemon, clock),
      fields_(clock, config_.daemon.metadata),
      lease_(make_sink(config_.target, config_.daemon.state_schema), config_.source.name, clock),
      board_(std::make_unique<ProgressBoard>(names_of(config_.streams))) {}

void Replication::reach_target(std::optional<std::chrono::seconds> patience,
                               const std::stop_token& stop) {
    const auto sink = make_sink(config_.target, config_.daemon.state_schema);
    persist(clock_, patience, "target", stop, [&] {
        if (const int applied = sink->migrate(); applied > 0) {
            log::event(Level::info, "state_schema_migrated", {kv("rows", applied)});
        }
    });
}

void Replication::take_lease(std::optional<std::chrono::seconds> patience,
                             const std::stop_token& stop) {
    // A target that goes away while we wait is waited for; somebody else's lease is not an error of
    // `run`.
    persist(clock_, patience, "lease", stop, [&] { lease_.acquire(patience, stop); });
    lease_.keep([this] { lost_lease_.request_stop(); });
}

void Replication::meet_zoho(std::optional<std::chrono::seconds> patience,
                            const std::stop_token& stop) {
    const auto client = session_.make_client();
    // Counted anew with each attempt: where the credits are spent, only time brings them back.
    persist(clock_, patience, "zoho", stop, [&] {
        meet_organisation_within_credits(
            *client, *own_sink(), session_.gate(), config_, clock_, organisation_, stop);
    });
    persist(clock_, patience, "zoho", stop, [&] {
        load_credits();
        require_modules(*client, config_, stop);
        expand_every_module(*client, fields_, config_, stop);
    });
    board_ = std::make_unique<ProgressBoard>(names_of(config_.streams));
    persist(clock_, patience, "target", stop, [&] {
        load_credits();
        require_own_target();
    });
}

void Replication::load_credits() {
    settle_credits(
        *own_sink(), session_.gate(), lease_.connection(), organisation_.credits_allowed);
}

void Replication::require_own_target() {
    const auto sink = own_sink();
    for (const auto& state : sink->states(lease_.connection())) {
        if (!state.org.empty() && state.org != organisation_.id) {
            throw SyncError(ErrorKind::wrong_org,
                            "the target belongs to organisation " + state.org +
                                ", but the credentials are of organisation " + organisation_.id +
                                ": use another target, or the right connection");
        }
    }
}

EngineParts Replication::engine_parts() {
    return {config_, organisation_, fields_, session_.gate(), clock_, *board_};
}

std::unique_ptr<Sink> Replication::own_sink() {
    auto sink = make_sink(config_.target, config_.daemon.state_schema);
    sink->write_under_lease(lease_.connection(), lease_.epoch());
    return sink;
}

Engine::Outcome Replication::run(EngineMode mode, const std::stop_token& stop) {
    auto parts = engine_parts();
    const auto verify_schedule = Schedule::parse(config_.daemon.verify);
    if (mode == EngineMode::forever && !verify_schedule.is_manual()) {
        parts.verify_schedule = &verify_schedule;
    }
    return run_engine(parts, mode, stop);
}

Engine::Outcome Replication::verify(VerifyOptions options, const std::stop_token& stop) {
    auto parts = engine_parts();
    parts.verify = options;
    return run_engine(parts, EngineMode::once, stop);
}

Engine::Outcome
Replication::run_engine(const EngineParts& parts, EngineMode mode, const std::stop_token& stop) {
    const FetcherParts fetcher_parts{[this] { return own_sink(); },
                                     [this] { return session_.make_client(); }};
    Engine engine(parts, fetcher_parts, mode);

    std::stop_source either;
    const std::stop_callback on_stop(stop, [&either] { either.request_stop(); });
    const std::stop_callback on_loss(lost_lease_.get_token(), [&either] { either.request_stop(); });
    engine.run(either.get_token());
    if (lost_lease_.stop_requested()) {
        throw SyncError(ErrorKind::lease_lost,
                        "another process has taken the lease of " + lease_.connection());
    }
    try {
        load_credits();
    } catch (const SyncError& error) {
        // A few credits go uncounted; that must not hide how the streams came out.
        log::event(Level::warn, "credits_not_counted", {kv("error", error.what())});
    }
    return engine.outcome();
}

} // namespace zohosyncd
