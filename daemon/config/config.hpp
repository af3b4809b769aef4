#pragma once

#include "daemon/config/hooks.hpp"
#include "daemon/config/problems.hpp"
#include "daemon/core/column_rules.hpp"
#include "daemon/core/endpoints.hpp"
#include "daemon/core/field_selection.hpp"
#include "daemon/core/identifiers.hpp"
#include "daemon/core/schedule.hpp"
#include "daemon/core/schema.hpp"
#include "daemon/core/secret.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// Where the keys of a block are written, for what comes up later than its reading.
struct KeyLines {
    std::string file;
    std::string block;                ///< "ZOHO_CRM", "daemon"; empty for the file's root.
    int line = 0;                     ///< Of the block itself; 0 when it has none.
    std::map<std::string, int> lines; ///< By the path below the block: "secrets.soid".

    /// "env.yaml:7: ZOHO_CRM.secrets.soid". A key that is not written has the block's line.
    [[nodiscard]] std::string place(const std::string& key) const;
};

/// The Zoho side of a replication. Contract §5.
struct ZohoConnection {
    std::string name; ///< Upper case; part of every state row's key.
    Secret client_id;
    Secret client_secret;
    std::string soid;     ///< "ZohoCRM.<zgid>"; empty with a refresh token.
    Secret refresh_token; ///< Empty with client_credentials.
    std::string accounts_url = "https://accounts.zoho.com";
    std::string api_domain = "https://www.zohoapis.com";
    std::string api_version = "v6";
    std::string scopes =
        "ZohoCRM.modules.READ,ZohoCRM.settings.READ,ZohoCRM.users.READ,ZohoCRM.org.READ";
    std::size_t requests_per_second = 5;
    std::size_t concurrency = 3;
    bool read_everything = false; ///< anchor_date: all
    std::optional<std::chrono::sys_seconds>
        anchor_date; ///< unset: one year before Zoho's clock at first contact
    std::vector<std::string> extra_hosts;
    KeyLines lines;
};

enum class TargetKind { postgres, sqlite };

struct TargetConnection {
    std::string name;
    TargetKind kind = TargetKind::postgres;
    Secret conninfo;       ///< PostgreSQL: libpq keywords, with the password. Never printed.
    std::string described; ///< The same for people: "postgres://host:5432/database", no password.
    std::string role;      ///< SET ROLE after connecting; may be empty.
    std::string path;      ///< SQLite: the file.
    std::string default_schema; ///< For objects without a schema part.
    std::chrono::milliseconds busy_timeout{5000};
    KeyLines lines;
};

enum class StreamMode {
    incremental,
    full_refresh,
    truncate, ///< As full_refresh: our merge keeps the table as it is.
    backfill, ///< The records of a window, once; no mark moves.
    snapshot, ///< Each run appends all records, with the time when it began.
    definition_only,
};

/// Sling's word: "full-refresh".
const char* to_string(StreamMode mode);

/// Whether each run walks the whole list into the stage, which is merged or appended at its end.
[[nodiscard]] constexpr bool is_full_walk(StreamMode mode) {
    return mode == StreamMode::full_refresh || mode == StreamMode::truncate ||
           mode == StreamMode::snapshot;
}

/// `range`: the records whose Modified_Time lies in it, both ends included.
struct TimeWindow {
    std::chrono::sys_seconds begin;
    std::chrono::sys_seconds end;

    bool operator==(const TimeWindow&) const = default;
};

enum class DeleteMissing { soft, hard, none };

/// One stream that is to be kept equal, after defaults, patterns and flags.
struct StreamConfig {
    Endpoint endpoint;
    StreamMode mode = StreamMode::full_refresh;
    std::string mode_reason; ///< Why it is another mode than the file asks for; mostly empty.
    TableName target;
    Schedule schedule;
    bool has_default_schedule = false; ///< The file gives none: the mode decided.
    std::vector<std::string> tags;
    FieldSelection select;
    ColumnRules columns;
    ColumnCasing casing = ColumnCasing::snake;
    DeleteMissing delete_missing = DeleteMissing::soft;
    std::optional<std::uint64_t> limit; ///< Stop after this many records of a run (trials only).
    std::optional<TimeWindow> window;   ///< Read only this, and move no mark.
    int line = 0;                       ///< Of the entry under `streams` that gave it.
    StreamHooks hooks;
    std::string description;                                     ///< As written; for hooks.
    std::string id;                                              ///< As written; for hooks.
    MergeStrategy merge_strategy = MergeStrategy::update_insert; ///< Of modes that merge.
    TextTemplate pre_sql;  ///< Run on the target before a run writes its first rows,
    TextTemplate post_sql; ///< and after the last ones.
};

/// Whether each of the stream's runs reads all there is to read, so that it has an age.
[[nodiscard]] inline bool reads_everything(const StreamConfig& stream) {
    return !stream.window && stream.mode != StreamMode::definition_only;
}

/// Whether they also make the table equal to it, so that it can be compared.
[[nodiscard]] inline bool keeps_equal(const StreamConfig& stream) {
    return reads_everything(stream) && stream.mode != StreamMode::snapshot &&
           (is_full_walk(stream.mode) || stream.merge_strategy == MergeStrategy::update_insert ||
            stream.merge_strategy == MergeStrategy::delete_insert);
}

struct CreditsConfig {
    std::optional<std::uint64_t> daily; ///< unset: from the organisation's edition; unknown: 5000
    double reserve = 0.30;              ///< Share left to the company's other integrations.
};

/// The `daemon:` block. Contract §4.
struct DaemonConfig {
    std::string listen = "127.0.0.1:9464";
    std::string token_file; ///< Bearer token that `listen` needs beyond loopback; may be empty.
    Secret status_token;    ///< What is in it.
    std::string state_schema = "zohosync";
    std::chrono::seconds overlap = std::chrono::minutes(5);
    std::string details = "off";
    CreditsConfig credits;
    std::chrono::seconds metadata = std::chrono::hours(1);
    std::string verify = "@weekly";
    std::string formulas = "@daily";
    std::string state_dir; ///< Resolved: $STATE_DIRECTORY, else ~/.local/state/zohosyncd.
};

/// The schedule of streams that the file gives none.
Schedule default_schedule(StreamMode mode);

/// Everything a run needs to know, checked and immutable.
struct Config {
    std::string file;
    ZohoConnection source;
    TargetConnection target;
    std::vector<StreamConfig> streams; ///< In the order of the file; patterns expanded in place.
    bool every_module = false;         ///< 'module:*' was given; `module_template` is its stream.
    StreamConfig module_template; ///< Its names still hold "{stream_name}": see stream_for_module.
    std::vector<std::string>
        excluded_modules; ///< API names that 'module:*' leaves out: disabled ones.
    DaemonConfig daemon;
    bool no_stream_selected = false;        ///< --streams matched nothing.
    RootHooks hooks;                        ///< Of one pass over all streams.
    std::map<std::string, std::string> env; ///< The file's own `env`, expanded.
    /// SLING_TIMEOUT, of the file's `env` or else of the environment: how long `sync` may take.
    std::optional<std::chrono::milliseconds> timeout;
    KeyLines lines; ///< Of replication.yaml, two levels deep.
};

/// What the command line overrides.
struct ConfigOverrides {
    std::string replication_file =
        {};                    ///< empty: replication.yaml, then /etc/zohosyncd/replication.yaml
    std::string env_file = {}; ///< empty: the places of contract §3
    std::string streams = {};  ///< a,b,tag:x
    std::string mode = {};
    std::string range = {};
    std::string primary_key = {};
    std::string update_key = {};
    std::optional<std::uint64_t> limit = {};
    std::string target = {}; ///< URL
};

/// The process's environment, handed in so that tests own it. `working_directory` is where
/// .env.sling and relative paths are looked up; `now` is for the date parts in `object`.
struct Environment {
    std::map<std::string, std::string> variables;
    std::string working_directory = ".";
    std::chrono::sys_seconds now{};
};

Environment process_environment();

/// Reads everything. Problems of level error mean that the returned Config must not be used; all
/// mistakes are reported in one go.
Config
load_config(const ConfigOverrides& overrides, const Environment& environment, Problems& problems);

/// The stream that 'module:*' gives for a module. Requires `every_module`; the caller leaves out
/// modules that have a stream already and `excluded_modules`.
StreamConfig stream_for_module(const Config& config, std::string_view module);

/// One line of `conns list`.
struct ConnectionInfo {
    std::string name;
    std::string type;   ///< "API - Spec", "DB - PostgreSQL", "DB - SQLite"
    std::string source; ///< As Sling says: "sling env yaml", "env variable", "sling dot-env"
};

/// The connections that are defined anywhere, by name. No secret in it.
std::vector<ConnectionInfo> list_connections(const ConfigOverrides& overrides,
                                             const Environment& environment,
                                             Problems& problems);

/// Writes a connection into the env.yaml that counts, in the place of one of the same name, and
/// returns the file's path. `assignments` are `key=value`; nothing is written, and the reason
/// reported, unless they make a connection that could be used.
std::optional<std::string> set_connection(const std::string& name,
                                          const std::vector<std::string>& assignments,
                                          const ConfigOverrides& overrides,
                                          const Environment& environment,
                                          Problems& problems);
/// Takes it out again.
std::optional<std::string> unset_connection(const std::string& name,
                                            const ConfigOverrides& overrides,
                                            const Environment& environment,
                                            Problems& problems);

/// One connection on its own, for `conns test` and `conns discover`.
std::optional<ZohoConnection> load_zoho_connection(const std::string& name,
                                                   const ConfigOverrides& overrides,
                                                   const Environment& environment,
                                                   Problems& problems);
std::optional<TargetConnection> load_target_connection(const std::string& name,
                                                       const ConfigOverrides& overrides,
                                                       const Environment& environment,
                                                       Problems& problems);

} // namespace zohosyncd
