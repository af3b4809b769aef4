#include "daemon/app/check_target.hpp"

#include "daemon/app/session.hpp"
#include "daemon/core/errors.hpp"
#include "sinks/postgres/inspect.hpp"
#include "sinks/sqlite/inspect.hpp"

#include <string_view>

namespace zohosyncd {
namespace {

CheckLine::Level level_of(TargetFinding::Level level) {
    switch (level) {
    case TargetFinding::Level::ok:
        return CheckLine::Level::ok;
    case TargetFinding::Level::warn:
        return CheckLine::Level::warn;
    case TargetFinding::Level::fail:
        break;
    }
    return CheckLine::Level::fail;
}

/// The key of the connection that the error is most likely about.
std::string key_at_fault(const Config& config, const SyncError& error) {
    if (config.target.kind == TargetKind::sqlite) {
        return "instance";
    }
    const std::string_view state = error.sqlstate();
    if (state == "3D000") {
        return "database";
    }
    if (state.starts_with("28")) {
        return "user";
    }
    return error.kind() == ErrorKind::sink_down && state.empty() ? "host" : "";
}

} // namespace

TargetInspection inspect_target(const Config& config) {
    std::vector<TableName> tables;
    for (const auto& stream : config.streams) {
        tables.push_back(stream.target);
    }
    const auto& schema = config.daemon.state_schema;
    return config.target.kind == TargetKind::sqlite
               ? inspect_sqlite(sqlite_options(config.target, schema), config.source.name, tables)
               : inspect_postgres(
                     postgres_options(config.target, schema), config.source.name, tables);
}

std::vector<std::string> preview_table(const Config& config,
                                       const StreamConfig& stream,
                                       const StreamSchema& wanted,
                                       bool has_state) {
    const StreamKey key{config.source.name, stream.endpoint.stream, stream.target};
    const auto& schema = config.daemon.state_schema;
    return config.target.kind == TargetKind::sqlite
               ? preview_sqlite(
                     sqlite_options(config.target, schema), key, wanted, stream.casing, has_state)
               : preview_postgres(postgres_options(config.target, schema),
                                  key,
                                  wanted,
                                  stream.casing,
                                  has_state);
}

std::optional<TargetInspection> check_target(const Config& config, CheckReport& report) {
    try {
        auto inspection = inspect_target(config);
        for (const auto& found : inspection.findings) {
            const std::string place =
                found.key.empty() ? std::string{} : config.target.lines.place(found.key);
            report.add({level_of(found.level),
                        found.check,
                        found.text,
                        found.level == TargetFinding::Level::ok ? std::string{} : place});
        }
        return inspection;
    } catch (const SyncError& error) {
        report.fail("target", error.what(), config.target.lines.place(key_at_fault(config, error)));
        return std::nullopt;
    }
}

} // namespace zohosyncd
