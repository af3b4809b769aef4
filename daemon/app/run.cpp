#include "daemon/app/service.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/runtime/log.hpp"

#include <utility>

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

/// Settings that are read and checked already, but wait for a later version. Said at each start, so
/// that nobody counts on them.
void name_unused_settings(const Config& config) {
    if (!config.hooks.start.empty() || !config.hooks.end.empty()) {
        log::event(Level::warn,
                   "hooks_left_out",
                   {kv("hooks", "start, end"),
                    kv("hint", "they run around `sync`; `run` has the hooks of streams alone")});
    }
    if (config.timeout) {
        log::event(Level::warn,
                   "setting_without_effect",
                   {kv("settings", "SLING_TIMEOUT"), kv("hint", "it limits `sync`")});
    }
}

} // namespace

ExitCode run_verb(Config config,
                  const ConfigReader& read,
                  Reloads& reloads,
                  Clock& clock,
                  const std::stop_token& stop) {
    log::event(Level::info,
               "starting",
               {kv("file", config.file),
                kv("source", config.source.name),
                kv("target", config.target.described),
                kv("streams", config.streams.size())});
    name_unused_settings(config);
    Service(std::move(config), read, reloads, clock).run(stop);
    log::event(Level::info, "stopped", {});
    return ExitCode::ok;
}

} // namespace zohosyncd
