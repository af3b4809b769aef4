#include "daemon/app/replication.hpp"

#include "daemon/app/run_recorder.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"

#include <algorithm>
#include <random>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::kv;
using log::Level;

constexpr Backoff::Policy start_backoff{500ms, 15s};
// A target costs nothing to look for, and shall not wait when it is back.
constexpr std::chrono::milliseconds longest_look{1s};

bool may_pass_by_itself(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::unreachable:
    case ErrorKind::token_failed:
    case ErrorKind::network:
    case ErrorKind::server_error:
    case ErrorKind::bad_response:
    case ErrorKind::rate_limited:
    case ErrorKind::sink_down:
    case ErrorKind::sink_conflict:
    case ErrorKind::sink_full:
        return true;
    default:
        return false;
    }
}

/// Repeats `step` with back-off while its failure may pass by itself and patience lasts; no
/// patience given means for ever, and then even what an operator has to mend.
template <typename Step>
void persist(Clock& clock,
             std::optional<std::chrono::seconds> patience,
             const char* waiting_for,
             const std::stop_token& stop,
             Step step) {
    Backoff backoff(start_backoff);
    std::minstd_rand jitter(std::random_device{}());
    std::uniform_real_distribution<double> share(0.0, 1.0);
    const auto begun = clock.now();
    while (true) {
        try {
            step();
            return;
        } catch (const SyncError& error) {
            const bool is_hopeless =
                error.kind() == ErrorKind::stopped || error.kind() == ErrorKind::wrong_org ||
                error.kind() == ErrorKind::bad_config || error.kind() == ErrorKind::unsafe_file ||
                error.kind() == ErrorKind::internal;
            const bool is_patient =
                patience ? may_pass_by_itself(error.kind()) && clock.now() - begun < *patience
                         : true;
            if (is_hopeless || !is_patient) {
                throw;
            }
            auto wait = std::max(backoff.next(share(jitter)), error.retry_after());
            if (error.kind() == ErrorKind::sink_down) {
                wait = std::min(wait, longest_look);
            }
            log::event(Level::warn,
                       "waiting",
                       {kv("for", waiting_for),
                        kv("kind", to_string(error.kind())),
                        kv("wait", wait),
                        kv("error", error.what())});
            if (!clock.sleep_for(wait, stop)) {
                throw SyncError(ErrorKind::stopped, "stopped while waiting");
            }
        }
    }
}

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
    // Until the edition is known: asking who we are is paid from the smallest budget there is.
    organisation_.credits_allowed = allowed_credits(config_.daemon.credits, ZohoOrganisation{});
    persist(clock_, patience, "target", stop, [&] { load_credits(); });
    persist(clock_, patience, "zoho", stop, [&] {
        meet_organisation(*client, config_.source, config_.daemon, clock_, organisation_, stop);
    });
    persist(clock_, patience, "zoho", stop, [&] {
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
    const auto sink = make_sink(config_.target, config_.daemon.state_schema);
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
