#include "sinks/postgres/adopt.hpp"

namespace zohosyncd::postgres {
namespace {

/// Rows may come and go, but not the table: nothing else is needed once the table is ours in shape.
std::string rights_to_rows(const StreamSchema& wanted, const std::string& role) {
    return "GRANT USAGE ON SCHEMA " + quote_identifier(wanted.target.schema) + " TO " + role +
           "; GRANT SELECT, INSERT, UPDATE, DELETE ON " + quote_table(wanted.target) + " TO " +
           role + ";";
}

/// Only its owner may add columns and indexes, now and whenever Zoho gets a field.
std::string
rights_to_table(const StreamSchema& wanted, const PreparePlan& plan, const std::string& role) {
    const auto schema = quote_identifier(wanted.target.schema);
    if (plan.creates_schema) {
        return "CREATE SCHEMA " + schema + " AUTHORIZATION " + role + ";";
    }
    const auto grant = "GRANT USAGE, CREATE ON SCHEMA " + schema + " TO " + role + ";";
    return plan.creates_table
               ? grant
               : grant + " ALTER TABLE " + quote_table(wanted.target) + " OWNER TO " + role + ";";
}

/// Of the rows that share an id the newest stays. Rows of partitions may share their ctid.
std::string without_copies(const StreamSchema& wanted, const PreparePlan& plan) {
    const auto table = quote_table(wanted.target);
    const auto id = quote_identifier(plan.names.front());
    const auto newest =
        plan.version_name.empty() ? "" : quote_identifier(plan.version_name) + " DESC NULLS LAST, ";
    return "DELETE FROM " + table +
           " WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM (SELECT tableoid, ctid, "
           "row_number() OVER (PARTITION BY " +
           id + " ORDER BY " + newest + "ctid DESC) AS copy FROM " + table + " WHERE " + id +
           " IS NOT NULL) AS copies WHERE copy > 1);";
}

} // namespace

SyncError lacks_rights(Session& session, const StreamSchema& wanted, const PreparePlan& plan) {
    const auto role = session.read("ask for our role", [&](pqxx::work& tx) {
        return quote_identifier(tx.exec1("SELECT current_user")[0].c_str());
    });
    const bool changes_table = !plan.ddl.empty() || !plan.unique_index.empty();
    return SyncError(ErrorKind::schema_conflict,
                     "table " + wanted.target.text() + ": our role lacks a right " +
                         (changes_table ? "to give it what it needs" : "to its rows") +
                         "; run as its owner or a superuser: " +
                         (changes_table ? rights_to_table(wanted, plan, role)
                                        : rights_to_rows(wanted, role)))
        .with_sqlstate(insufficient_privilege);
}

std::string mark_of_adopted(Session& session, const StreamSchema& wanted, const PreparePlan& plan) {
    const auto table = quote_table(wanted.target);
    const std::string what = "look at table " + wanted.target.text();
    const auto found = session.read(what, [&](pqxx::work& tx) -> std::optional<std::string> {
        const bool may_use =
            tx.exec_params1(
                  "SELECT has_schema_privilege($1, 'USAGE') AND "
                  "bool_and(has_table_privilege($2, privilege))"
                  " FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege",
                  wanted.target.schema,
                  table)[0]
                .as<bool>();
        if (!may_use) {
            return std::nullopt;
        }
        if (plan.adopted_mark.empty()) {
            return std::string{};
        }
        const auto mark = tx.exec1("SELECT date_trunc('second', max(" + plan.adopted_mark +
                                   "))::timestamptz::text FROM " + table + " t")[0];
        return mark.is_null() ? std::string{} : std::string(mark.c_str());
    });
    if (!found) {
        throw lacks_rights(session, wanted, plan);
    }
    return *found;
}

void create_unique_index(Session& session, const StreamSchema& wanted, const PreparePlan& plan) {
    const auto id = quote_identifier(plan.names.front());
    const auto table = quote_table(wanted.target);
    const std::string what = "index table " + wanted.target.text();
    // CONCURRENTLY leaves an invalid index behind when it fails.
    const auto drop = "DROP INDEX CONCURRENTLY IF EXISTS " +
                      quote_identifier(wanted.target.schema) + "." + plan.unique_index;
    try {
        session.outside_transaction(what, [&](pqxx::nontransaction& tx) {
            tx.exec("SET statement_timeout = 0");
            tx.exec(drop);
            tx.exec("CREATE UNIQUE INDEX CONCURRENTLY " + plan.unique_index + " ON " + table +
                    " (" + id + ")");
            return true;
        });
        session.drop(); // With its settings.
    } catch (const SyncError& error) {
        session.drop(); // With its settings.
        const bool has_copies = blames_data(error.sqlstate());
        if (has_copies) {
            session.outside_transaction(
                what, [&](pqxx::nontransaction& tx) { return tx.exec(drop).size(); });
        }
        if (error.kind() == ErrorKind::sink_down || error.kind() == ErrorKind::sink_full ||
            error.kind() == ErrorKind::sink_conflict ||
            error.sqlstate() == insufficient_privilege) {
            throw;
        }
        throw SyncError(ErrorKind::schema_conflict,
                        "table " + wanted.target.text() +
                            (has_copies ? " holds ids more than once (the newest row of each is to "
                                          "stay)"
                                        : " has no unique index on " + plan.names.front() +
                                              " and we could not make one (" + error.sqlstate() +
                                              " " + condition_name(error.sqlstate()) + ")") +
                            "; run: " + (has_copies ? without_copies(wanted, plan) + " " : "") +
                            "CREATE UNIQUE INDEX ON " + table + " (" + id + ");")
            .with_sqlstate(error.sqlstate());
    }
}

} // namespace zohosyncd::postgres
