#include "daemon/app/replication.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/sd_notify.hpp"

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

/// Settings that are read and checked already, but wait for a later version. Said at each start, so
/// that nobody counts on them.
void name_unused_settings(const DaemonConfig& daemon) {
    std::string names;
    for (const auto& [name, value] :
         {std::pair{"listen", &daemon.listen}, std::pair{"formulas", &daemon.formulas}}) {
        if (*value != "off") {
            names += (names.empty() ? "daemon." : ", daemon.") + std::string(name);
        }
    }
    if (!names.empty()) {
        log::event(Level::info, "not_in_this_version", {kv("settings", names)});
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
    Replication replication(config, clock);
    replication.reach_target(std::nullopt, stop);
    sd_notify("STATUS=standing by for the lease");
    replication.take_lease(std::nullopt, stop);
    sd_notify("STATUS=waiting for Zoho");
    replication.meet_zoho(std::nullopt, stop);
    sd_notify("STATUS=syncing");
    (void)replication.run(EngineMode::forever, stop);
    sd_notify("STOPPING=1");
    log::event(Level::info, "stopped", {});
    return ExitCode::ok;
}

} // namespace zohosyncd
