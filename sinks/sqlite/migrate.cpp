#include "sinks/sqlite/migrate.hpp"

#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/migration.hpp"

namespace zohosyncd::sqlite {
namespace {

std::int64_t newest_version() {
    return sqlite_migrations().back().version;
}

std::string named(const Database& database) {
    return "state tables in " + database.options().path;
}

std::string with_prefix(std::string sql, const std::string& prefix) {
    const std::string written = "zohosync_";
    const auto wanted = prefix + "_";
    for (auto at = sql.find(written); at != std::string::npos;
         at = sql.find(written, at + wanted.size())) {
        sql.replace(at, written.size(), wanted);
    }
    return sql;
}

void apply(Database& database, const Migration& migration) {
    database.script(with_prefix(migration.sql, database.options().state_prefix));
    ZOHOSYNCD_FAILPOINT("sqlite.migrated");
    database.run("INSERT INTO " + database.state_table("schema_migrations") + " VALUES (?1, ?2, " +
                     sql_now + ")",
                 migration.version,
                 migration.name);
}

int apply_pending(Database& database) {
    ZOHOSYNCD_FAILPOINT("sqlite.migrate");
    // Another process may have done it while we waited for the file.
    const auto before = state_version(database);
    if (!before) {
        database.script(
            "CREATE TABLE " + database.state_table("schema_migrations") +
            " (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)");
    }
    int applied = 0;
    for (const auto& migration : sqlite_migrations()) {
        if (migration.version > before.value_or(0)) {
            apply(database, migration);
            ++applied;
        }
    }
    return applied;
}

} // namespace

std::optional<std::int64_t> state_version(Database& database) {
    const auto name = database.options().state_prefix + "_schema_migrations";
    if (database.number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1",
                        name) == 0) {
        return std::nullopt;
    }
    const auto version = database
                             .number("SELECT coalesce(max(version), 0) FROM " +
                                     database.state_table("schema_migrations"))
                             .value_or(0);
    if (version > newest_version()) {
        throw SyncError(ErrorKind::sink_refused,
                        state_is_newer(named(database), version, newest_version()));
    }
    return version;
}

bool has_current_state(Database& database) {
    const auto version = state_version(database);
    if (version && *version < newest_version()) {
        throw SyncError(ErrorKind::sink_refused,
                        state_is_older(named(database), *version, newest_version()));
    }
    return version.has_value();
}

int migrate(Database& database) {
    const auto before = database.read([&] { return state_version(database); });
    if (before == newest_version()) {
        return 0;
    }
    return database.write([&] { return apply_pending(database); });
}

} // namespace zohosyncd::sqlite
