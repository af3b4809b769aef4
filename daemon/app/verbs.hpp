#pragma once

#include "daemon/app/cli.hpp"
#include "daemon/app/exit_code.hpp"
#include "daemon/app/findings.hpp"
#include "daemon/app/service.hpp"
#include "daemon/config/config.hpp"
#include "daemon/runtime/clock.hpp"

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

/// The verbs of the command line, one file each. Each returns its exit code, and throws SyncError
/// for what main has to report.
ExitCode run_verb(Config config,
                  const ConfigReader& read,
                  Reloads& reloads,
                  Clock& clock,
                  const std::stop_token& stop);
ExitCode sync_verb(const Config& config, Clock& clock, const std::stop_token& stop);
/// Contract §8.8 and §10: this long `sync` and `verify --repair` wait for another holder of the
/// lease, and any verb but `run` for a target or a Zoho that does not answer.
constexpr std::chrono::seconds lease_patience{30};
constexpr std::chrono::seconds target_patience{60};

ExitCode
verify_verb(const Config& config, VerifyOptions options, Clock& clock, const std::stop_token& stop);

/// How `discover` shows what it found.
struct DiscoverOptions {
    enum class Format {
        table,
        json,      ///< One object a stream: ours.
        rows_json, ///< {"fields": […], "rows": […]}: what `conns` says under SLING_OUTPUT=json.
        csv,
    };

    Format format = Format::table;
    std::string pattern = {}; ///< Of streams; empty: all.
};

ExitCode discover_verb(const ZohoConnection& source,
                       const DaemonConfig& daemon,
                       const Config* selection,
                       const DiscoverOptions& options,
                       Clock& clock,
                       const std::stop_token& stop);
ExitCode plan_verb(const Config& config, bool as_json, Clock& clock, const std::stop_token& stop);
/// Reads the configuration itself, since what is wrong with it is a part of the answer.
ExitCode check_verb(const ConfigOverrides& overrides,
                    CheckOptions options,
                    Clock& clock,
                    const std::stop_token& stop);
/// Whether the daemon under this configuration is alive; says why not on stderr.
ExitCode healthcheck_verb(const Config& config);
ExitCode status_verb(const Config& config, bool as_json, bool counts_rows, Clock& clock);
ExitCode reset_verb(const Config& config, const std::vector<std::string>& streams);
ExitCode migrate_verb(const Config& config);
ExitCode conns_list_verb(const std::vector<ConnectionInfo>& connections, bool as_json);
/// What `conns test` prints under SLING_OUTPUT=json; no error means success.
void print_test_result(const std::string& error);
ExitCode conns_test_verb(const std::optional<ZohoConnection>& source,
                         const std::optional<TargetConnection>& target,
                         const DaemonConfig& daemon,
                         bool as_json,
                         Clock& clock,
                         const std::stop_token& stop);

} // namespace zohosyncd
