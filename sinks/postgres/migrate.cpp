#include "sinks/postgres/migrate.hpp"

#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/migration.hpp"

namespace zohosyncd::postgres {
namespace {

/// The newest version applied, 0 for none, and whether the schema exists.
struct Installed {
    int version = 0;
    bool has_schema = false;
    bool has_table = false;
};

Installed installed(pqxx::transaction_base& tx, const Session& session) {
    Installed found;
    // Read as tables: to_regclass may answer from a cache that is older than the lock we waited
    // for.
    const auto row = tx.exec_params1(
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1), EXISTS (SELECT FROM pg_class "
        "c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2)",
        session.options().state_schema,
        "schema_migrations");
    found.has_schema = row[0].as<bool>();
    found.has_table = row[1].as<bool>();
    if (found.has_table) {
        found.version = tx.exec1("SELECT coalesce(max(version), 0) FROM " +
                                 session.state_table("schema_migrations"))[0]
                            .as<int>();
    }
    const auto all = postgres_migrations();
    if (found.version > all.back().version) {
        throw SyncError(ErrorKind::sink_refused,
                        "state schema " + session.options().state_schema + " has version " +
                            std::to_string(found.version) + ", this program knows " +
                            std::to_string(all.back().version) + "; install a newer zohosyncd");
    }
    return found;
}

bool apply(pqxx::work& tx, const Session& session, const Migration& migration) {
    ZOHOSYNCD_FAILPOINT("postgres.migrate");
    // Two processes that start together take turns; the second finds the work done.
    tx.exec_params("SELECT pg_advisory_xact_lock(hashtextextended('zohosyncd migrate ' || $1, 0))",
                   session.options().state_schema);
    const auto now = installed(tx, session);
    if (now.version >= migration.version) {
        return false;
    }
    if (!now.has_schema) {
        tx.exec("CREATE SCHEMA " + session.quoted_schema());
    }
    tx.exec("SET LOCAL search_path = " + session.quoted_schema() + ", pg_catalog");
    if (!now.has_table) {
        tx.exec("CREATE TABLE schema_migrations"
                " (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL "
                "DEFAULT now())");
    }
    tx.exec(migration.sql);
    ZOHOSYNCD_FAILPOINT("postgres.migrated");
    tx.exec_params("INSERT INTO schema_migrations (version, name) VALUES ($1, $2)",
                   migration.version,
                   migration.name);
    return true;
}

} // namespace

int migrate(Session& session) {
    const auto before = session.read("read the state schema's version",
                                     [&](pqxx::work& tx) { return installed(tx, session); });
    int applied = 0;
    for (const auto& migration : postgres_migrations()) {
        if (migration.version > before.version) {
            const std::string what =
                std::string("migrate the state schema, step ") + migration.name;
            applied += session.write(
                           what, {}, [&](pqxx::work& tx) { return apply(tx, session, migration); })
                           ? 1
                           : 0;
        }
    }
    return applied;
}

} // namespace zohosyncd::postgres
