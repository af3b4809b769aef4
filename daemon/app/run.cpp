#include "daemon/app/cli.hpp"
#include "daemon/app/replication.hpp"
#include "daemon/app/status_reporter.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/sd_notify.hpp"
#include "daemon/status/status_server.hpp"

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

/// Settings that are read and checked already, but wait for a later version. Said at each start, so
/// that nobody counts on them.
void name_unused_settings(const DaemonConfig& daemon) {
    if (daemon.formulas != "off") {
        log::event(Level::info, "not_in_this_version", {kv("settings", "daemon.formulas")});
    }
}

} // namespace

ExitCode run_verb(const Config& config, Clock& clock, const std::stop_token& stop) {
    log::event(Level::info,
               "starting",
               {kv("file", config.file),
                kv("source", config.source.name),
                kv("target", config.target.described),
                kv("streams", config.streams.size())});
    name_unused_settings(config.daemon);
    // The configuration is valid: from here on nothing outside makes the daemon leave.
    sd_notify("READY=1\nSTATUS=waiting for the target");
    StatusStore store(clock);
    StatusServer server(store, clock, program_version());
    server.serve({config.daemon.listen, config.daemon.status_token});
    Replication replication(config, clock);
    StatusReporter reporter(store, config, replication.gate(), clock);
    replication.reach_target(std::nullopt, stop);
    store.set_phase(Phase::standing_by);
    sd_notify("STATUS=standing by for the lease");
    replication.take_lease(std::nullopt, stop);
    reporter.show_lease(replication.epoch());
    store.set_phase(Phase::waiting_for_zoho);
    sd_notify("STATUS=waiting for Zoho");
    replication.meet_zoho(std::nullopt, stop);
    reporter.show(replication.config(), replication.organisation(), replication.board());
    store.set_phase(Phase::syncing);
    sd_notify("STATUS=syncing");
    (void)replication.run(EngineMode::forever, stop);
    store.set_phase(Phase::stopping);
    sd_notify("STOPPING=1");
    log::event(Level::info, "stopped", {});
    return ExitCode::ok;
}

} // namespace zohosyncd
