#include "daemon/app/replication.hpp"

#include "daemon/app/persist.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"

#include <utility>

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

bool is_same(const TargetConnection& a, const TargetConnection& b) {
    return a.kind == b.kind && a.conninfo == b.conninfo && a.role == b.role && a.path == b.path &&
           a.busy_timeout == b.busy_timeout;
}

} // namespace

Replication::Replication(Config config, RequestGate& gate, Clock& clock)
    : config_(std::move(config)), gate_(gate), clock_(clock),
      session_(std::make_shared<ZohoSession>(config_.source, config_.daemon, gate, clock)),
      lease_(std::make_shared<LeaseKeeper>(
          make_sink(config_.target, config_.daemon.state_schema), config_.source.name, clock)),
      fields_(std::make_shared<FieldCatalog>(clock, config_.daemon.metadata)),
      board_(names_of(config_.streams)) {}

std::unique_ptr<Replication> Replication::successor(Config config) const {
    auto next = std::make_unique<Replication>(std::move(config), gate_, clock_);
    if (next->session_->settings() == session_->settings()) {
        next->session_ = session_;
    }
    if (has_same_lease(*next)) {
        next->lease_ = lease_;
    }
    return next;
}

bool Replication::has_same_lease(const Replication& other) const {
    return is_same(config_.target, other.config_.target) &&
           config_.daemon.state_schema == other.config_.daemon.state_schema &&
           config_.source.name == other.config_.source.name;
}

void Replication::try_out(const Replication& predecessor, const std::stop_token& stop) {
    const bool has_new_target = lease_ != predecessor.lease_;
    const bool has_new_source = session_ != predecessor.session_;
    const auto sink = make_sink(config_.target, config_.daemon.state_schema);
    if (has_new_target) {
        (void)sink->migrate();
    }
    const auto client = session_->make_client();
    organisation_.id = predecessor.organisation_.id;
    if (has_new_source) {
        meet_organisation(*client, config_.source, config_.daemon, clock_, organisation_, stop);
    }
    require_modules(*client, config_, stop);
    if (has_new_source || has_new_target) {
        require_own_target();
    }
}

void Replication::begin_after(Replication& predecessor) {
    gate_.set_limits(gate_limits(config_.source));
    if (session_ == predecessor.session_ &&
        config_.daemon.metadata == predecessor.config_.daemon.metadata) {
        fields_ = predecessor.fields_;
    }
    if (session_ == predecessor.session_ && lease_ == predecessor.lease_) {
        luggage_ = std::move(predecessor.luggage_);
    }
}

void Replication::reach_target(std::optional<std::chrono::seconds> patience,
                               const std::stop_token& stop) {
    const auto sink = make_sink(config_.target, config_.daemon.state_schema);
    persist("target", patience, stop, [&] {
        if (const int applied = sink->migrate(); applied > 0) {
            log::event(Level::info, "state_schema_migrated", {kv("rows", applied)});
        }
    });
}

void Replication::take_lease(std::optional<std::chrono::seconds> patience,
                             const std::stop_token& stop) {
    // A target that goes away while we wait is waited for; somebody else's lease is not an error of
    // `run`.
    if (lease_->epoch() == 0) {
        persist("lease", patience, stop, [&] { lease_->acquire(patience, stop); });
        if (lease_->was_abandoned()) {
            gate_.charge(credits_lost_by_a_crash);
        }
        lease_->keep();
    }
}

void Replication::meet_zoho(std::optional<std::chrono::seconds> patience,
                            const std::stop_token& stop) {
    const auto client = session_->make_client();
    const auto sink = own_sink();
    client->before_each([&] {
        settle_credits_in_time(*sink, gate_, lease_->connection(), organisation_.credits_allowed);
    });
    // Counted anew with each attempt: where the credits are spent, only time brings them back.
    persist("zoho", patience, stop, [&] {
        meet_organisation_within_credits(
            *client, *sink, gate_, config_, clock_, organisation_, stop);
    });
    persist("zoho", patience, stop, [&] {
        load_credits();
        require_modules(*client, config_, stop);
        expand_every_module(*client, *fields_, config_, stop);
        choose_modes(*client, *fields_, config_, stop);
    });
    board_.show(names_of(config_.streams));
    persist("target", patience, stop, [&] {
        load_credits();
        require_own_target();
    });
}

void Replication::persist(const char* waiting_for,
                          std::optional<std::chrono::seconds> patience,
                          const std::stop_token& stop,
                          const std::function<void()>& step) {
    zohosyncd::persist(clock_, patience, waiting_for, stop, [&] {
        try {
            step();
        } catch (const SyncError& error) {
            if (tell_ && error.kind() != ErrorKind::stopped) {
                tell_(error.what());
            }
            throw;
        }
    });
}

void Replication::load_credits() {
    settle_credits(*own_sink(), gate_, lease_->connection(), organisation_.credits_allowed);
}

void Replication::require_own_target() {
    const auto sink = own_sink();
    for (const auto& state : sink->states(lease_->connection())) {
        if (!state.org.empty() && state.org != organisation_.id) {
            throw SyncError(ErrorKind::wrong_org,
                            "the target belongs to organisation " + state.org +
                                ", but the credentials are of organisation " + organisation_.id +
                                ": use another target, or the right connection");
        }
    }
}

EngineParts Replication::engine_parts() {
    return {config_, organisation_, *fields_, gate_, clock_, board_};
}

std::unique_ptr<Sink> Replication::own_sink() {
    auto sink = make_sink(config_.target, config_.daemon.state_schema);
    sink->write_under_lease(lease_->connection(), lease_->epoch());
    return sink;
}

Engine::Outcome Replication::run(EngineMode mode, const std::stop_token& stop) {
    auto parts = engine_parts();
    const auto verify_schedule = Schedule::parse(config_.daemon.verify);
    if (mode == EngineMode::forever && !verify_schedule.is_manual()) {
        parts.verify_schedule = &verify_schedule;
    }
    const auto formulas_schedule = Schedule::parse(config_.daemon.formulas);
    if (mode == EngineMode::forever && !formulas_schedule.is_manual()) {
        parts.formulas_schedule = &formulas_schedule;
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
                                     [this] { return session_->make_client(); }};
    Engine engine(parts, fetcher_parts, mode);

    std::stop_source either;
    const std::stop_callback on_stop(stop, [&either] { either.request_stop(); });
    const auto lost = lease_->lost();
    const std::stop_callback on_loss(lost, [&either] { either.request_stop(); });
    engine.resume(std::exchange(luggage_, {}));
    engine.run(either.get_token());
    luggage_ = engine.unpack();
    if (lost.stop_requested()) {
        throw SyncError(ErrorKind::lease_lost,
                        "another process has taken the lease of " + lease_->connection());
    }
    try {
        load_credits();
    } catch (const SyncError& error) {
        // That must not hide how the streams came out; whoever comes next counts them.
        lease_->abandon();
        log::event(Level::warn, "credits_not_counted", {kv("error", error.what())});
    }
    return engine.outcome();
}

} // namespace zohosyncd
