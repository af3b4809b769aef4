#include "sinks/postgres/prepare.hpp"

#include "daemon/core/zoho_field.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/metrics.hpp"
#include "sinks/common/state_sql.hpp"
#include "sinks/postgres/adopt.hpp"
#include "sinks/postgres/lines.hpp"
#include "sinks/postgres/state.hpp"

namespace zohosyncd::postgres {
namespace {

// Readers queue behind a waiting ALTER TABLE, so it waits only briefly, and again after a pause.
constexpr int ddl_attempts = 4;

Observed observe(Session& session, pqxx::work& tx, const StreamKey& key) {
    Observed seen = observe_tables(session, tx, key.target);
    seen.known = load_columns(session, tx, key.target.text());
    const auto state = tx.exec_params("SELECT table_id FROM " + session.state_table("sync_state") +
                                          " WHERE connection = $1 AND stream = $2 AND target = $3",
                                      key.connection,
                                      key.stream,
                                      key.target.text());
    seen.has_state = !state.empty();
    seen.state_table_id = state.empty() || state[0][0].is_null() ? "" : state[0][0].c_str();
    return seen;
}

void record_columns(Session& session,
                    pqxx::work& tx,
                    const std::string& target,
                    const PreparePlan& plan) {
    const auto table = session.state_table("columns");
    for (const auto& [from, to] : plan.renames) {
        tx.exec_params("UPDATE " + table +
                           " SET column_name = $3 WHERE target = $1 AND column_name = $2",
                       target,
                       from,
                       to);
    }
    for (const auto& column : plan.record) {
        tx.exec_params(
            "INSERT INTO " + table +
                " (target, api_name, column_name, label, field_id, data_type, column_type, "
                "adopted, is_detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)" +
                or_know_column_anew(),
            target,
            column.api_name,
            column.name,
            column.label,
            column.field_id,
            column.data_type,
            column.column_type,
            column.adopted,
            column.is_detail);
    }
    for (const auto& name : plan.retire) {
        tx.exec_params("UPDATE " + table +
                           " SET retired_at = now() WHERE target = $1 AND column_name = $2",
                       target,
                       name);
    }
}

/// Rows that were read without a column lack its values, whatever the marks say: with the hash
/// gone, they are read again from the anchor. A scan under way ends as one that has not seen all.
void ask_for_values(Session& session, pqxx::work& tx, const std::string& target) {
    tx.exec_params("UPDATE " + session.state_table("sync_state") +
                       " SET mapping_hash = $2, scan = CASE WHEN scan ? 'mapping' THEN "
                       "jsonb_set(scan, '{mapping}', to_jsonb($2::text)) ELSE scan END"
                       " WHERE target = $1",
                   target,
                   mixed_mapping);
}

/// What a table is worth that was there before its stream.
struct TakenOver {
    std::string mark; ///< Its greatest Modified_Time.
    bool has_rows = false;
};

void store_state_row(Session& session,
                     pqxx::work& tx,
                     const StreamKey& key,
                     const std::string& hash,
                     const TakenOver& taken) {
    tx.exec_params("INSERT INTO " + session.state_table("sync_state") +
                       " AS s (connection, stream, target, table_id, high_water_mark, "
                       "mapping_hash, unverified) VALUES ($1, $2, $3, to_regclass($4), "
                       "nullif($5, '')::timestamptz, nullif($6, ''), $7)" +
                       or_keep_state_of_same_table(),
                   key.connection,
                   key.stream,
                   key.target.text(),
                   quote_table(key.target),
                   taken.mark,
                   hash,
                   taken.has_rows);
    tx.exec_params("DELETE FROM " + session.state_table("absent") + " WHERE target = $1",
                   key.target.text());
}

/// What one preparation works with.
struct Preparation {
    const StreamKey& key;
    const StreamSchema& wanted;
    const PreparePlan& plan;
    std::string mark; ///< Of a table that is taken over.
};

/// True when columns were added to a table that holds rows.
bool apply(Session& session, Leases& leases, pqxx::work& tx, const Preparation& preparation) {
    const auto& [key, wanted, plan, mark] = preparation;
    leases.check(tx);
    tx.exec("SET LOCAL lock_timeout = 500; SET LOCAL statement_timeout = '15min'");
    // CREATE SCHEMA IF NOT EXISTS fails when two of us do it at once; and details that are being
    // written must not pass for those that are wanted now.
    tx.exec_params("SELECT pg_advisory_xact_lock(" + std::string(ddl_lock) + ")",
                   session.options().state_schema);
    bool has_rows = false;
    if (plan.adds_columns || plan.takes_up_columns || plan.takes_over) {
        has_rows =
            tx.exec1("SELECT EXISTS (SELECT FROM " + quote_table(key.target) + ")")[0].as<bool>();
    }
    for (const auto& statement : plan.ddl) {
        ZOHOSYNCD_FAILPOINT("postgres.prepare.ddl");
        tx.exec(statement);
    }
    if (!plan.more_details_of.empty()) {
        tx.exec_params("INSERT INTO " + session.state_table("details") +
                           " AS d (target, generation) VALUES ($1, 1) ON CONFLICT (target) DO "
                           "UPDATE SET generation = d.generation + 1",
                       plan.more_details_of);
    }
    ZOHOSYNCD_FAILPOINT("postgres.prepare.columns");
    record_columns(session, tx, key.target.text(), plan);
    if (has_rows && (plan.adds_columns || plan.takes_up_columns)) {
        ask_for_values(session, tx, key.target.text());
    }
    if (plan.store_state) {
        // Rows without the columns that were added just now lack their values, however new they
        // are: without the hash the first scan begins at the anchor.
        const bool goes_on = !mark.empty() && !plan.adds_columns;
        store_state_row(session,
                        tx,
                        key,
                        goes_on ? mapping_hash(wanted) : std::string{},
                        {mark, has_rows && plan.takes_over});
        ZOHOSYNCD_FAILPOINT("postgres.prepare.state");
    }
    return has_rows && plan.adds_columns;
}

std::string lock_holders(Session& session, const TableName& table) {
    return session.read("look who holds a lock", [&](pqxx::work& tx) {
        return std::string(
            tx.exec_params1(
                  "SELECT coalesce(string_agg(DISTINCT pid::text, ', '), 'unknown') FROM pg_locks"
                  " WHERE relation = to_regclass($1) AND granted AND pid <> pg_backend_pid()",
                  quote_table(table))[0]
                .c_str());
    });
}

bool apply_politely(Session& session, Leases& leases, const Preparation& preparation) {
    const auto& key = preparation.key;
    const std::string what = "prepare table " + key.target.text();
    for (int attempt = 1;; ++attempt) {
        try {
            return session.write(
                what, {}, [&](pqxx::work& tx) { return apply(session, leases, tx, preparation); });
        } catch (const SyncError& error) {
            if (error.sqlstate() != "55P03") {
                throw;
            }
            metrics::count(metrics::Metric::ddl_lock_waits_total, {});
            if (attempt == ddl_attempts) {
                throw SyncError(ErrorKind::sink_conflict,
                                what + ": other sessions hold locks on it, pids " +
                                    lock_holders(session, key.target))
                    .with_sqlstate("55P03");
            }
        }
        session.read(what, [&](pqxx::work& tx) {
            return tx.exec_params("SELECT pg_sleep($1::float8 * 0.2)", attempt).size();
        });
    }
}

bool carry_out(Session& session, Leases& leases, Preparation preparation) {
    const auto& [key, wanted, plan, mark] = preparation;
    try {
        if (!plan.unique_index.empty()) {
            create_unique_index(session, wanted, plan);
        }
        if (plan.takes_over) {
            preparation.mark = mark_of_adopted(session, wanted, plan);
        }
        return apply_politely(session, leases, preparation);
    } catch (const SyncError& error) {
        if (error.sqlstate() != insufficient_privilege ||
            error.kind() == ErrorKind::schema_conflict) {
            throw; // Nothing about rights, or said already.
        }
        throw lacks_rights(session, wanted, plan);
    }
}

} // namespace

Observed observe_tables(Session& session, pqxx::transaction_base& tx, const TableName& target) {
    Observed seen;
    seen.table = find_relation(tx, target);
    if (seen.table) {
        seen.table->bytes = tx.exec_params1("SELECT coalesce(pg_total_relation_size($1::oid), 0)",
                                            seen.table->oid)[0]
                                .as<std::uint64_t>();
    }
    seen.stage = find_relation(tx, stage_of(target, session.options().state_schema));
    seen.has_schema = tx.exec_params1("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)",
                                      target.schema)[0]
                          .as<bool>();
    return seen;
}

std::vector<std::string> preview_stream(Session& session,
                                        const StreamKey& key,
                                        const StreamSchema& wanted_by_stream,
                                        ColumnCasing casing,
                                        bool has_state) {
    auto wanted = wanted_by_stream;
    wanted.target = key.target;
    auto statements =
        session.read("read the catalogue of " + key.target.text(), [&](pqxx::work& tx) {
            const auto seen =
                has_state ? observe(session, tx, key) : observe_tables(session, tx, key.target);
            auto plan = plan_prepare(seen, wanted, casing, session.options().state_schema);
            auto lines = std::move(wanted.lines);
            wanted = std::move(plan.schema);
            wanted.lines = std::move(lines);
            for (std::size_t i = 0; i < plan.names.size(); ++i) {
                wanted.columns[i].name = plan.names[i];
            }
            auto ddl = std::move(plan.ddl);
            if (!plan.unique_index.empty()) {
                ddl.insert(ddl.begin(),
                           "CREATE UNIQUE INDEX CONCURRENTLY " + plan.unique_index + " ON " +
                               quote_table(key.target) + " (" +
                               quote_identifier(plan.names.front()) + ")");
            }
            return ddl;
        });
    if (wanted.has_details()) {
        const auto more = preview_lines(session, {key, wanted, casing, has_state});
        statements.insert(statements.end(), more.begin(), more.end());
    }
    return statements;
}

void carry_out_plan(Session& session,
                    Leases& leases,
                    const StreamKey& key,
                    const StreamSchema& wanted,
                    const PreparePlan& plan) {
    (void)carry_out(session, leases, {key, wanted, plan, {}});
}

std::vector<KnownColumn>
load_columns(Session& session, pqxx::transaction_base& tx, const std::string& target) {
    std::vector<KnownColumn> known;
    const auto columns = tx.exec_params(
        "SELECT api_name, column_name, label, field_id, data_type, column_type, adopted,"
        " retired_at IS NOT NULL, is_detail FROM " +
            session.state_table("columns") + " WHERE target = $1 ORDER BY column_name",
        target);
    for (const auto& row : columns) {
        known.push_back({row[0].c_str(),
                         row[1].c_str(),
                         row[2].c_str(),
                         row[3].c_str(),
                         row[4].c_str(),
                         row[5].c_str(),
                         row[6].as<bool>(),
                         row[7].as<bool>(),
                         row[8].as<bool>()});
    }
    return known;
}

PreparedStream prepare_stream(Session& session,
                              Leases& leases,
                              const StreamKey& key,
                              const StreamSchema& wanted_by_stream,
                              ColumnCasing casing) {
    auto wanted = wanted_by_stream;
    wanted.target = key.target;
    const std::string what = "read the catalogue of " + key.target.text();
    PreparedStream prepared;
    // The second look must find everything there; a third covers somebody who changed it in
    // between.
    for (int look = 0; look < 3; ++look) {
        const auto plan = session.read(what, [&](pqxx::work& tx) {
            auto found = plan_prepare(
                observe(session, tx, key), wanted, casing, session.options().state_schema);
            if (found.is_empty()) {
                prepared.state = load_state(session, tx, key).value();
            }
            return found;
        });
        if (plan.is_empty()) {
            prepared.schema = plan.schema;
            for (std::size_t i = 0; i < plan.names.size(); ++i) {
                prepared.schema.columns[i].name = plan.names[i];
            }
            return prepared;
        }
        const bool fills_columns = carry_out(session, leases, {key, plan.schema, plan, {}});
        ZOHOSYNCD_FAILPOINT("postgres.prepare.applied");
        prepared.created_table = prepared.created_table || plan.creates_table;
        prepared.added_columns_to_existing_rows =
            prepared.added_columns_to_existing_rows || fills_columns;
    }
    throw SyncError(ErrorKind::sink_conflict,
                    "table " + key.target.text() + " changes while we prepare it");
}

} // namespace zohosyncd::postgres
