#include "tests/simulation/daemon_model.hpp"

#include "daemon/app/persist.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/app/session.hpp"
#include "daemon/core/errors.hpp"

#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace zohosyncd::simulation {
namespace {

using namespace std::chrono_literals;

constexpr const char* connection = "ZOHO_CRM";

} // namespace

StateDirectory::StateDirectory() {
    // Each token request is written through to the disk, and years have many of them.
    const std::filesystem::path memory = "/dev/shm";
    const auto root =
        access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
    std::string pattern = (root / "zohosyncd-simulation-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("no directory can be made in " + root.string());
    }
    path_ = pattern;
}

StateDirectory::~StateDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

DaemonModel::Life::Life(DaemonModel& daemon, unsigned seed)
    : settings(zoho_settings(daemon.config.source, daemon.config.daemon)),
      gate({daemon.config.source.requests_per_second, daemon.config.source.concurrency},
           daemon.clock_,
           seed),
      tokens(settings, gate, daemon.clock_), fields(daemon.clock_, daemon.config.daemon.metadata),
      board(daemon.stream_names()), memories(daemon.config.streams.size()), jitter(seed) {
    for (std::size_t i = 0; i < fetchers; ++i) {
        clients.push_back(std::make_unique<ApiClient>(
            settings, tokens, gate, daemon.clock_, std::make_unique<ModelTransport>(daemon.zoho_)));
        sinks.push_back(std::make_unique<ModelSink>(daemon.database_));
        clients.back()->before_each([this, &sink = *sinks.back()] {
            settle_credits_in_time(sink, gate, connection, organisation.credits_allowed);
        });
    }
}

DaemonModel::DaemonModel(ZohoModel& zoho, DatabaseModel& database, VirtualClock& clock, Dice& dice)
    : zoho_(zoho), database_(database), clock_(clock), dice_(dice) {
    config.source.name = connection;
    config.source.client_id = Secret("1000.ID");
    config.source.client_secret = Secret("hush");
    config.source.soid = std::string("ZohoCRM.") + ZohoModel::organisation_id;
    config.source.accounts_url = ZohoModel::accounts_url;
    config.source.api_domain = ZohoModel::api_domain;
    config.source.read_everything = true;
    config.daemon.state_dir = directory_.path().string();
    zoho_.meanwhile = [this] { run_another(); };
}

StreamConfig& DaemonModel::add_stream(ModuleModel& module, const std::string& schedule) {
    StreamConfig stream;
    stream.endpoint = endpoint_for_module(module.name);
    stream.endpoint.has_delete_list = module.has_delete_list;
    stream.mode = StreamMode::incremental;
    stream.target = {"zoho_crm", stream.endpoint.stream};
    stream.schedule = Schedule::parse(schedule);
    config.streams.push_back(stream);
    database_.keep(stream.endpoint.stream, module);
    return config.streams.back();
}

std::vector<std::string> DaemonModel::stream_names() const {
    std::vector<std::string> names;
    for (const auto& stream : config.streams) {
        names.push_back(stream.endpoint.stream);
    }
    return names;
}

std::string DaemonModel::stream_of(const ModuleModel& module) const {
    return endpoint_for_module(module.name).stream;
}

void DaemonModel::kill() {
    life_.reset();
}

/// In good order: what was spent is written down.
void DaemonModel::leave() {
    try {
        auto& sink = *life_->sinks.front();
        (void)settle_credits(sink, life_->gate, connection, life_->organisation.credits_allowed);
        sink.release_lease(connection, 0);
    } catch (const SyncError&) { // Then the lease stays as it is, too.
    }
    kill();
}

void DaemonModel::stop_soon() {
    if (life_) {
        life_->stop.request_stop();
    }
}

void DaemonModel::run_until(Moment end) {
    while (clock_.moment() < end) {
        try {
            live(end);
            if (life_->stop.stop_requested()) {
                leave();
            }
        } catch (const Crash&) {
            kill();
            if (!rests_after_crash) {
                continue;
            }
            clock_.advance(dice_.happens(0.1) ? dice_.between(1s, 600s)
                                              : dice_.between(0ms, 2000ms));
        } catch (const SyncError& error) {
            kill();
            if (error.kind() != ErrorKind::stopped) {
                throw;
            }
        }
    }
}

/// What Replication does before its engine runs, and what its engine does without threads.
void DaemonModel::live(Moment end) {
    if (!life_) {
        ++lives_;
        running_ = 0;
        zoho_.begin_process();
        life_ = std::make_unique<Life>(*this, static_cast<unsigned>(dice_.below(1U << 30U)));
        start();
    }
    const auto end_here = clock_.now() + (end - clock_.moment());
    while (clock_.now() < end_here && !life_->stop.stop_requested()) {
        collect_due();
        if (!life_->ready.empty()) {
            run_next();
            continue;
        }
        const auto due = life_->timetable->next_due().value_or(end_here);
        const auto look = life_->pressure->stretch() > 1.0 ? clock_.now() + 1min : end_here;
        clock_.sleep_until(std::min({due, look, end_here}), life_->stop.get_token());
    }
}

void DaemonModel::start() {
    const auto stop = life_->stop.get_token();
    const auto patiently = [&](const char* whom, const std::function<void()>& step) {
        persist(clock_, std::nullopt, whom, stop, step, static_cast<unsigned>(life_->jitter()));
    };
    Sink& sink = *life_->sinks.front();
    ApiClient& client = *life_->clients.front();
    patiently("target", [&] { (void)sink.migrate(); });
    patiently("lease", [&] {
        const auto lease = sink.try_acquire_lease(connection, this_process());
        if (lease.was_abandoned) {
            life_->gate.charge(credits_lost_by_a_crash);
        }
        for (const auto& each : life_->sinks) {
            each->write_under_lease(connection, lease.epoch);
        }
    });
    patiently("zoho", [&] {
        meet_organisation_within_credits(
            client, sink, life_->gate, config, clock_, life_->organisation, stop);
    });
    const auto allowed = life_->organisation.credits_allowed;
    patiently("target", [&] { (void)settle_credits(sink, life_->gate, connection, allowed); });
    life_->pressure.emplace(config, allowed, life_->gate, clock_);
    life_->timetable.emplace(config.streams, EngineMode::forever, 1.0, clock_.now());
}

void DaemonModel::collect_due() {
    life_->pressure->adapt(*life_->timetable);
    for (const auto stream : life_->timetable->take_due(clock_.now())) {
        life_->ready.push_back(stream);
    }
}

void DaemonModel::run_next() {
    Life& life = *life_;
    const auto stream = life.ready.front();
    life.ready.pop_front();
    const RunContext context{config,
                             life.organisation,
                             life.fields,
                             life.gate,
                             clock_,
                             life.board,
                             *life.clients[running_],
                             *life.sinks[running_],
                             std::nullopt,
                             nullptr,
                             &*life.pressure};
    life.pressure->look(*life.sinks[running_]);
    ++running_;
    ++runs_;
    const auto result = attempt_stream(context,
                                       config.streams[stream],
                                       life.memories[stream],
                                       life.timetable->attempts(stream) + 1,
                                       life.stop.get_token());
    --running_;
    std::uniform_real_distribution<double> share(0.0, 1.0);
    const auto wall = std::chrono::floor<std::chrono::seconds>(clock_.wall_now());
    (void)life.timetable->finished(stream, result, share(life.jitter), {clock_.now(), wall});
}

/// A second fetcher at work while the first waits for its reply, but not while the gate lets only
/// one request out.
void DaemonModel::run_another() {
    if (!life_ || !life_->timetable || running_ == 0 || running_ >= fetchers ||
        !dice_.happens(overlaps)) {
        return;
    }
    const auto gate = life_->gate.snapshot();
    if (gate.is_paused || gate.is_probing || life_->stop.stop_requested()) {
        return;
    }
    collect_due();
    if (!life_->ready.empty()) {
        run_next();
    }
}

} // namespace zohosyncd::simulation
