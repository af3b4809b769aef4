#include "sinks/postgres/inspect.hpp"

#include "sinks/common/migration.hpp"
#include "sinks/postgres/catalog.hpp"
#include "sinks/postgres/prepare.hpp"
#include "sinks/postgres/state.hpp"

#include <algorithm>
#include <set>

namespace zohosyncd {
namespace {

using postgres::quote_identifier;
using postgres::quote_table;
using postgres::Session;
using Level = TargetFinding::Level;

constexpr int oldest_server = 130'000;
// Three fetchers, the heart of the lease, and one that starts or verifies.
constexpr int connections_needed = 5;
// A page of a wide module takes the server some seconds on a busy day.
constexpr int shortest_statement_timeout_ms = 10'000;
constexpr const char* rights = "target rights";

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) {
        text += (text.empty() ? "" : ", ") + word;
    }
    return text;
}

class Inspector {
public:
    Inspector(Session& session, pqxx::work& tx, const std::string& connection)
        : session_(session), tx_(tx), connection_(connection) {
        const auto row = tx.exec1("SELECT current_user, current_database()");
        role_ = row[0].c_str();
        database_ = row[1].c_str();
    }

    TargetInspection inspect(std::span<const TableName> tables) {
        server();
        connections();
        timeouts();
        const bool may_create =
            tx_.exec1("SELECT has_database_privilege(current_database(), 'CREATE')")[0].as<bool>();
        std::set<std::string> schemas{session_.options().state_schema};
        for (const auto& table : tables) {
            schemas.insert(table.schema);
        }
        for (const auto& name : schemas) {
            schema(name, may_create);
        }
        for (const auto& name : tables) {
            table(name);
        }
        state();
        const bool has_failed =
            std::any_of(result_.findings.begin(), result_.findings.end(), [](const auto& finding) {
                return finding.check == rights && finding.level == Level::fail;
            });
        if (!has_failed) {
            result_.add(Level::ok,
                        rights,
                        role_ + " may do what is needed in " + std::to_string(schemas.size()) +
                            " schemas and " + std::to_string(tables_seen_) + " tables");
        }
        return std::move(result_);
    }

private:
    void server() {
        const auto row = tx_.exec1("SELECT current_setting('server_version_num')::int, "
                                   "current_setting('server_version')");
        const std::string version = row[1].c_str();
        if (row[0].as<int>() < oldest_server) {
            result_.add(Level::fail,
                        "target version",
                        "PostgreSQL " + version + " is too old: 13 or newer is needed");
        } else {
            result_.add(Level::ok,
                        "target version",
                        "PostgreSQL " + version + ", database " + database_ + ", UTF8, writable");
        }
    }

    /// How many sessions we may have.
    void connections() {
        const auto row = tx_.exec1(
            "SELECT r.rolconnlimit, d.datconnlimit, current_setting('max_connections')::int"
            " - current_setting('superuser_reserved_connections')::int"
            " - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int"
            " FROM pg_roles r, pg_database d WHERE r.rolname = session_user"
            " AND d.datname = current_database()");
        const auto limited = [&](int limit, const std::string& what, const std::string& sql) {
            if (limit >= 0 && limit < connections_needed) {
                result_.add(Level::fail,
                            "target connections",
                            what + " is limited to " + std::to_string(limit) +
                                " connections, but " + std::to_string(connections_needed) +
                                " are needed; run: " + sql);
            }
        };
        limited(row[0].as<int>(),
                "role " + role_,
                "ALTER ROLE " + quote_identifier(role_) + " CONNECTION LIMIT 10;");
        limited(row[1].as<int>(),
                "database " + database_,
                "ALTER DATABASE " + quote_identifier(database_) + " CONNECTION LIMIT 20;");
        if (row[2].as<int>() < connections_needed) {
            result_.add(Level::warn,
                        "target connections",
                        "only " + std::to_string(std::max(row[2].as<int>(), 0)) +
                            " connections are free on the server; raise max_connections, or close "
                            "some");
        }
    }

    /// Ours are set by each session; these are those that it keeps.
    void timeouts() {
        const auto rows = tx_.exec(
            "SELECT name, setting::bigint FROM pg_settings WHERE setting::text ~ '^[0-9]+$' AND "
            "setting <> '0' AND ((name = 'statement_timeout' AND source = 'client') OR name IN "
            "('transaction_timeout', 'idle_session_timeout'))");
        for (const auto& row : rows) {
            const auto value = row[1].as<std::int64_t>();
            if (value < shortest_statement_timeout_ms) {
                result_.add(Level::warn,
                            "target timeouts",
                            std::string(row[0].c_str()) + " is " + std::to_string(value) +
                                " ms: a page of a wide module may take longer; set 60s or more",
                            std::string(row[0].c_str()) == "statement_timeout" ? "options" : "");
            }
        }
    }

    void schema(const std::string& name, bool may_create) {
        const auto found = tx_.exec_params(
            "SELECT has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE')"
            " FROM pg_namespace WHERE nspname = $1",
            name);
        if (found.empty()) {
            if (!may_create) {
                result_.add(Level::fail,
                            rights,
                            "schema " + name + " does not exist and " + role_ +
                                " may not make it; run: CREATE SCHEMA " + quote_identifier(name) +
                                " AUTHORIZATION " + quote_identifier(role_) + ";",
                            "schema");
            }
            return;
        }
        if (!found[0][0].as<bool>() || !found[0][1].as<bool>()) {
            result_.add(Level::fail,
                        rights,
                        role_ + " may not " +
                            (found[0][0].as<bool>() ? "create tables in" : "use") + " schema " +
                            name + "; run: GRANT USAGE, CREATE ON SCHEMA " +
                            quote_identifier(name) + " TO " + quote_identifier(role_) + ";",
                        "schema");
        }
    }

    void table(const TableName& name) {
        const auto relation = postgres::find_relation(tx_, name);
        if (!relation) {
            return;
        }
        ++tables_seen_;
        if (relation->kind != 'r' && relation->kind != 'p') {
            result_.add(Level::fail,
                        "target tables",
                        name.text() + " is not a table: rename it, or choose another object");
            return;
        }
        require_rights(name.text(), quote_table(name), relation->oid);
        const auto row = tx_.exec_params1(
            "SELECT pg_has_role(c.relowner, 'USAGE'), c.relrowsecurity AND (c.relforcerowsecurity"
            " OR NOT pg_has_role(c.relowner, 'USAGE')) AND NOT (SELECT rolsuper OR rolbypassrls"
            " FROM pg_roles WHERE rolname = current_user) FROM pg_class c WHERE c.oid = $1::oid",
            relation->oid);
        if (!row[0].as<bool>()) {
            result_.add(Level::warn,
                        "target tables",
                        name.text() +
                            " belongs to another role: new fields of Zoho can not be "
                            "added; run: ALTER TABLE " +
                            quote_table(name) + " OWNER TO " + quote_identifier(role_) + ";");
        }
        if (row[1].as<bool>()) {
            result_.add(Level::fail,
                        "target tables",
                        "row security hides rows of " + name.text() + " from " + role_ +
                            "; run: ALTER ROLE " + quote_identifier(role_) + " BYPASSRLS;");
        }
    }

    void
    require_rights(const std::string& shown, const std::string& quoted, const std::string& oid) {
        std::vector<std::string> missing;
        for (const char* right : {"SELECT", "INSERT", "UPDATE", "DELETE"}) {
            if (!tx_.exec_params1("SELECT has_table_privilege($1::oid, $2)", oid, right)[0]
                     .as<bool>()) {
                missing.emplace_back(right);
            }
        }
        if (!missing.empty()) {
            result_.add(Level::fail,
                        rights,
                        role_ + " lacks " + joined(missing) + " on " + shown + "; run: GRANT " +
                            joined(missing) + " ON " + quoted + " TO " + quote_identifier(role_) +
                            ";");
        }
    }

    [[nodiscard]] bool state_rights() {
        const auto before = result_.findings.size();
        const auto tables = tx_.exec_params(
            "SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname NOT LIKE 'stage!_%' ESCAPE "
            "'!'",
            session_.options().state_schema);
        for (const auto& row : tables) {
            const TableName name{session_.options().state_schema, row[1].c_str()};
            require_rights(name.text(), quote_table(name), row[0].c_str());
        }
        return result_.findings.size() == before;
    }

    void state() {
        const auto& schema = session_.options().state_schema;
        const bool exists =
            tx_.exec_params1("SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = "
                             "c.relnamespace WHERE n.nspname = $1 AND c.relname = "
                             "'schema_migrations') AND coalesce((SELECT has_schema_privilege(oid, "
                             "'USAGE') FROM pg_namespace WHERE nspname = $1), false)",
                             schema)[0]
                .as<bool>();
        if (!exists) {
            result_.add(
                Level::ok, "state schema", schema + " is new; it is made at the first start");
            return;
        }
        if (!state_rights()) {
            return;
        }
        const int version = tx_.exec1("SELECT coalesce(max(version), 0) FROM " +
                                      session_.state_table("schema_migrations"))[0]
                                .as<int>();
        const int newest = postgres_migrations().back().version;
        if (version > newest) {
            result_.add(Level::fail, "state schema", state_is_newer(schema, version, newest));
            return;
        }
        result_.add(Level::ok,
                    "state schema",
                    schema + ", version " + std::to_string(version) +
                        (version < newest
                             ? "; version " + std::to_string(newest) + " comes at the next start"
                             : ""));
        if (version < newest) {
            result_.old_state = state_is_older("state schema " + schema, version, newest);
        } else {
            result_.has_state = true;
            result_.states = postgres::load_states(session_, tx_, connection_);
        }
        if (version > 0) {
            read_use();
        }
    }

    void read_use() {
        result_.credits_spent =
            tx_.exec_params1(
                   "SELECT coalesce(sum(credits), 0)::bigint FROM " +
                       session_.state_table("credits") +
                       " WHERE connection = $1 AND minute > now() - interval '24 hours 1 minute'",
                   connection_)[0]
                .as<std::uint64_t>();
        const auto lease = tx_.exec_params(
            "SELECT holder FROM " + session_.state_table("lease") +
                " WHERE connection = $1 AND holder IS NOT NULL AND beat_at > now() - "
                "make_interval(secs => $2::int)",
            connection_,
            static_cast<int>(lease_expiry.count()));
        if (!lease.empty()) {
            result_.add(Level::ok, "lease", "held by " + std::string(lease[0][0].c_str()));
        }
    }

    Session& session_;
    pqxx::work& tx_;
    const std::string& connection_;
    std::string role_;
    std::string database_;
    std::size_t tables_seen_ = 0;
    TargetInspection result_;
};

} // namespace

TargetInspection inspect_postgres(const PostgresOptions& options,
                                  const std::string& connection,
                                  std::span<const TableName> tables) {
    Session session(options);
    return session.read("look at the target", [&](pqxx::work& tx) {
        tx.exec("SET TRANSACTION READ ONLY");
        return Inspector(session, tx, connection).inspect(tables);
    });
}

std::vector<std::string> preview_postgres(const PostgresOptions& options,
                                          const StreamKey& key,
                                          const StreamSchema& wanted,
                                          ColumnCasing casing,
                                          bool has_state) {
    Session session(options);
    return postgres::preview_stream(session, key, wanted, casing, has_state);
}

} // namespace zohosyncd
