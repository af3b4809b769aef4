#include "sinks/postgres/migrate.hpp"

#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/migration.hpp"

namespace zohosyncd::postgres {
namespace {

int newest_version() {
    return postgres_migrations().back().version;
}

std::string named(const Session& session) {
    return "state schema " + session.options().state_schema;
}

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
    if (found.version > newest_version()) {
        throw SyncError(ErrorKind::sink_refused,
                        state_is_newer(named(session), found.version, newest_version()));
    }
    return found;
}

void apply(pqxx::work& tx, const Migration& migration) {
    tx.exec(migration.sql);
    ZOHOSYNCD_FAILPOINT("postgres.migrated");
    tx.exec_params("INSERT INTO schema_migrations (version, name) VALUES ($1, $2)",
                   migration.version,
                   migration.name);
}

int apply_pending(pqxx::work& tx, const Session& session) {
    ZOHOSYNCD_FAILPOINT("postgres.migrate");
    // Two processes that start together take turns; the second finds the work done.
    tx.exec_params("SELECT pg_advisory_xact_lock(hashtextextended('zohosyncd migrate ' || $1, 0))",
                   session.options().state_schema);
    const auto before = installed(tx, session);
    if (!before.has_schema) {
        tx.exec("CREATE SCHEMA " + session.quoted_schema());
    }
    tx.exec("SET LOCAL search_path = " + session.quoted_schema() + ", pg_catalog");
    if (!before.has_table) {
        tx.exec("CREATE TABLE schema_migrations"
                " (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL "
                "DEFAULT now())");
    }
    int applied = 0;
    for (const auto& migration : postgres_migrations()) {
        if (migration.version > before.version) {
            apply(tx, migration);
            ++applied;
        }
    }
    return applied;
}

} // namespace

std::optional<int> state_version(pqxx::transaction_base& tx, const Session& session) {
    const auto found = installed(tx, session);
    return found.has_table ? std::optional(found.version) : std::nullopt;
}

bool has_current_state(pqxx::transaction_base& tx, const Session& session) {
    const auto version = state_version(tx, session);
    if (version && *version < newest_version()) {
        throw SyncError(ErrorKind::sink_refused,
                        state_is_older(named(session), *version, newest_version()));
    }
    return version.has_value();
}

int migrate(Session& session) {
    const auto before = session.read("read the state schema's version",
                                     [&](pqxx::work& tx) { return installed(tx, session); });
    if (before.version == newest_version()) {
        return 0;
    }
    return session.write(
        "migrate the state schema", {}, [&](pqxx::work& tx) { return apply_pending(tx, session); });
}

} // namespace zohosyncd::postgres
