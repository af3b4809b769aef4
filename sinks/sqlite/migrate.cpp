#include "sinks/sqlite/migrate.hpp"

#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/migration.hpp"

namespace zohosyncd::sqlite {
namespace {

/// The newest version applied; nothing when there is no table of them.
std::optional<std::int64_t> installed(Database& database) {
    const auto name = database.options().state_prefix + "_schema_migrations";
    if (database.number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1",
                        name) == 0) {
        return std::nullopt;
    }
    const auto version = database.number("SELECT coalesce(max(version), 0) FROM " +
                                         database.state_table("schema_migrations"));
    const auto newest = sqlite_migrations().back().version;
    if (version.value_or(0) > newest) {
        throw SyncError(ErrorKind::sink_refused,
                        "the state tables in " + database.options().path + " have version " +
                            std::to_string(*version) + ", this program knows " +
                            std::to_string(newest) + "; install a newer zohosyncd");
    }
    return version;
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

bool apply(Database& database, const Migration& migration) {
    return database.write([&] {
        ZOHOSYNCD_FAILPOINT("sqlite.migrate");
        // Another process may have done it while we waited for the file.
        const auto now = installed(database);
        if (now.value_or(0) >= migration.version) {
            return false;
        }
        if (!now) {
            database.script(
                "CREATE TABLE " + database.state_table("schema_migrations") +
                " (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)");
        }
        database.script(with_prefix(migration.sql, database.options().state_prefix));
        ZOHOSYNCD_FAILPOINT("sqlite.migrated");
        database.run("INSERT INTO " + database.state_table("schema_migrations") +
                         " VALUES (?1, ?2, " + sql_now + ")",
                     migration.version,
                     migration.name);
        return true;
    });
}

} // namespace

int migrate(Database& database) {
    const auto before = database.read([&] { return installed(database); });
    int applied = 0;
    for (const auto& migration : sqlite_migrations()) {
        if (migration.version > before.value_or(0)) {
            applied += apply(database, migration) ? 1 : 0;
        }
    }
    return applied;
}

} // namespace zohosyncd::sqlite
