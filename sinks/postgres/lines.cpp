#include "sinks/postgres/lines.hpp"

#include "daemon/core/identifiers.hpp"
#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/column_evolution.hpp"
#include "sinks/postgres/arrays.hpp"
#include "sinks/postgres/prepare.hpp"
#include "sinks/postgres/statements.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace zohosyncd::postgres {
namespace {

// Column, index and table in turn, and once more for somebody who changed them in between.
constexpr int most_looks = 4;

std::string backlog_index(const TableName& target) {
    return "zohosync_details_" + sha256_hex(target.text()).substr(0, 16);
}

bool has_index(pqxx::work& tx, const std::string& schema, const std::string& name) {
    return tx
        .exec_params1("SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = "
                      "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2)",
                      schema,
                      name)[0]
        .as<bool>();
}

std::string add_details_at(const TableName& target) {
    return "ALTER TABLE " + quote_table(target) + " ADD COLUMN IF NOT EXISTS " + details_at_column +
           " timestamptz";
}

/// Finds what waits, newest first, however many rows have been seen to.
std::string create_backlog_index(const StreamSchema& schema) {
    const auto& version = schema.columns[schema.version_column.value()].name;
    return "CREATE INDEX IF NOT EXISTS " + quote_identifier(backlog_index(schema.target)) + " ON " +
           quote_table(schema.target) + " (" + quote_identifier(version) + ", " +
           quote_identifier(schema.columns.front().name) + ") WHERE " + details_at_column +
           " IS NULL AND _deleted_at IS NULL";
}

/// What the records' own table lacks. The index comes in a transaction of its own, after the
/// column: that one locks readers out, and must not last.
std::vector<std::string> missing_of_records(pqxx::work& tx, const StreamSchema& schema) {
    const auto relation = find_relation(tx, schema.target);
    if (!relation || relation->find(details_at_column) == nullptr) {
        return {add_details_at(schema.target)};
    }
    if (!has_index(tx, schema.target.schema, backlog_index(schema.target))) {
        return {create_backlog_index(schema)};
    }
    return {};
}

/// Makes records wait again whose lines were read before there was a place for all of them: a table
/// of its own, or a column for a field that Zoho lists. What merely appears in the lines of some
/// record says nothing about those of others. Empty when there is no need.
std::string wait_again(const StreamSchema& records, const Observed& seen, const PreparePlan& plan) {
    auto update = let_rows_wait_for_details(quote_table(records.target));
    if (!seen.table) {
        return update;
    }
    const auto had = [&](const std::string& name) { return seen.table->find(name) != nullptr; };
    if (!lacks_listed_fields(plan.schema.columns, plan.names, seen.known, had)) {
        return {};
    }
    return update + " AND EXISTS (SELECT FROM " + quote_table(plan.schema.target) + " c WHERE c." +
           quote_identifier(plan.names[parent_column]) + "::text = t." +
           quote_identifier(records.columns.front().name) + "::text)";
}

PreparePlan
plan_of_lines(Session& session, pqxx::work& tx, const LinesOf& lines, const LineTable& table) {
    auto seen = observe_tables(session, tx, table.target);
    seen.has_schema = true; // The records' table is in it.
    seen.has_state = true;  // The records' state vouches for the lines.
    seen.state_table_id = seen.table ? seen.table->oid : std::string{};
    if (lines.has_state) {
        seen.known = load_columns(session, tx, table.target.text());
    }
    auto plan =
        plan_prepare(seen, schema_of_lines(table), lines.casing, session.options().state_schema);
    plan.store_state = false;
    plan.takes_over = false;
    if (plan.creates_table) {
        plan.ddl.push_back("CREATE INDEX ON " + quote_table(table.target) + " (" +
                           quote_identifier(plan.names[parent_column]) + ")");
    }
    const auto again = wait_again(lines.schema, seen, plan);
    const auto records = find_relation(tx, lines.schema.target);
    if (!again.empty() && records && records->find(details_at_column) != nullptr) {
        // First, so that readers of the lines wait for the change of their table alone.
        plan.ddl.insert(plan.ddl.begin(), again);
        plan.more_details_of = lines.schema.target.text();
    }
    return plan;
}

void prepare_records(Session& session, Leases& leases, const LinesOf& lines) {
    const auto what = "read the catalogue of " + lines.key.target.text();
    for (int look = 0; look < most_looks; ++look) {
        PreparePlan plan;
        plan.ddl = session.read(
            what, [&](pqxx::work& tx) { return missing_of_records(tx, lines.schema); });
        if (plan.ddl.empty()) {
            return;
        }
        carry_out_plan(session, leases, lines.key, lines.schema, plan);
    }
    throw SyncError(ErrorKind::sink_conflict,
                    "table " + lines.key.target.text() + " changes while we prepare it");
}

std::string fields_of(const std::vector<LineTable>& tables) {
    std::vector<std::string> fields;
    fields.reserve(tables.size());
    for (const auto& table : tables) {
        fields.push_back(table.field);
    }
    return text_array(fields);
}

/// Makes all records wait again for lines that were not read for a while.
void take_up_again(Session& session, Leases& leases, const LinesOf& lines) {
    const auto table_of_tables = session.state_table("line_tables");
    const auto were_retired = " WHERE target = " + quote_literal(lines.key.target.text()) +
                              " AND retired_at IS NOT NULL AND field = ANY (" +
                              quote_literal(fields_of(lines.schema.lines)) + "::text[])";
    const bool is_any = session.read("read the tables of lines", [&](pqxx::work& tx) {
        return !tx.exec("SELECT FROM " + table_of_tables + were_retired).empty();
    });
    if (!is_any) {
        return;
    }
    PreparePlan plan;
    plan.ddl = {let_rows_wait_for_details(quote_table(lines.key.target)),
                "UPDATE " + table_of_tables + " SET retired_at = NULL" + were_retired};
    plan.more_details_of = lines.key.target.text();
    carry_out_plan(session, leases, lines.key, lines.schema, plan);
}

LineTable
prepare_table(Session& session, Leases& leases, const LinesOf& lines, const LineTable& wanted) {
    const auto what = "read the catalogue of " + wanted.target.text();
    const StreamKey key{lines.key.connection, lines.key.stream, wanted.target};
    for (int look = 0; look < most_looks; ++look) {
        const auto plan = session.read(
            what, [&](pqxx::work& tx) { return plan_of_lines(session, tx, lines, wanted); });
        if (plan.is_empty()) {
            LineTable table = wanted;
            for (std::size_t i = 0; i < plan.names.size(); ++i) {
                table.columns[i].name = plan.names[i];
            }
            return table;
        }
        carry_out_plan(session, leases, key, schema_of_lines(wanted), plan);
    }
    throw SyncError(ErrorKind::sink_conflict,
                    "table " + wanted.target.text() + " changes while we prepare it");
}

/// So that deletions find the lines, whoever deletes.
void record_tables(Session& session,
                   Leases& leases,
                   const TableName& records,
                   const std::vector<LineTable>& tables) {
    const auto table_of_tables = session.state_table("line_tables");
    const auto is_recorded = [&](pqxx::work& tx, const LineTable& table) {
        return tx
            .exec_params1("SELECT EXISTS (SELECT FROM " + table_of_tables +
                              " WHERE target = $1 AND field = $2 AND table_schema = $3 AND "
                              "table_name = $4 AND record_column = $5)",
                          records.text(),
                          table.field,
                          table.target.schema,
                          table.target.table,
                          table.columns[parent_column].name)[0]
            .as<bool>();
    };
    const bool is_complete = session.read("read the tables of lines", [&](pqxx::work& tx) {
        return std::all_of(tables.begin(), tables.end(), [&](const LineTable& table) {
            return is_recorded(tx, table);
        });
    });
    if (is_complete) {
        return;
    }
    session.write("record the tables of lines", {}, [&](pqxx::work& tx) {
        leases.check(tx);
        for (const auto& table : tables) {
            tx.exec_params(
                "INSERT INTO " + table_of_tables +
                    " (target, field, table_schema, table_name, record_column) VALUES ($1, $2, "
                    "$3, $4, $5) ON CONFLICT (target, field) DO UPDATE SET table_schema = "
                    "excluded.table_schema, table_name = excluded.table_name, record_column = "
                    "excluded.record_column",
                records.text(),
                table.field,
                table.target.schema,
                table.target.table,
                table.columns[parent_column].name);
        }
        return true;
    });
}

/// Sets _details_at where the row is still of the version that was read, and so locks these rows;
/// returns their ids, sorted.
std::vector<std::int64_t> settle_records(pqxx::work& tx, const BoundDetails& details) {
    const auto& table = details.records;
    const auto& version = table.columns[table.version.value()];
    std::vector<std::string> versions;
    versions.reserve(details.page.versions.size());
    for (const auto& time : details.page.versions) {
        versions.push_back(format_utc(time));
    }
    // Rows that somebody writes at this moment are about to wait anew: nobody waits for them with
    // the lock on changes of tables in hand.
    const auto rows = tx.exec_params(
        "WITH held AS (SELECT t." + table.id() + " AS id FROM " + table.quoted +
            " t JOIN unnest($1::" + table.columns.front().type +
            "[], $2::timestamptz[]) AS u(id, version) ON t." + table.id() + " = u.id AND " +
            finite_instant("t." + version.quoted, version.type) +
            " = u.version WHERE t._deleted_at IS NULL FOR UPDATE OF t SKIP LOCKED) "
            "UPDATE " +
            table.quoted + " t SET " + details_at_column + " = now() FROM held WHERE t." +
            table.id() + " = held.id RETURNING t." + table.id() + "::text::bigint",
        bigint_array(details.page.ids),
        text_array(versions));
    std::vector<std::int64_t> ids;
    for (const auto& row : rows) {
        ids.push_back(row[0].as<std::int64_t>());
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

/// The lines that records have no more.
std::uint64_t remove_others(pqxx::work& tx,
                            const BoundTable& table,
                            const std::vector<std::int64_t>& records,
                            const Batch& kept) {
    return tx
        .exec_params("DELETE FROM " + table.quoted + " WHERE " +
                         table.columns[parent_column].quoted +
                         " = ANY ($1::" + table.columns[parent_column].type + "[]) AND NOT " +
                         table.id() + " = ANY ($2::" + table.columns.front().type + "[])",
                     bigint_array(records),
                     bigint_array(kept.ids()))
        .affected_rows();
}

} // namespace

std::vector<LineTable> prepare_lines(Session& session, Leases& leases, const LinesOf& lines) {
    prepare_records(session, leases, lines);
    take_up_again(session, leases, lines);
    std::vector<LineTable> tables;
    tables.reserve(lines.schema.lines.size());
    for (const auto& wanted : lines.schema.lines) {
        tables.push_back(prepare_table(session, leases, lines, wanted));
    }
    record_tables(session, leases, lines.key.target, tables);
    return tables;
}

void retire_other_lines(Session& session,
                        Leases& leases,
                        const TableName& records,
                        const std::vector<LineTable>& tables) {
    const auto table_of_tables = session.state_table("line_tables");
    const auto others = " WHERE target = $1 AND retired_at IS NULL AND NOT field = ANY ($2)";
    const auto fields = fields_of(tables);
    const bool has_any = session.read("read the tables of lines", [&](pqxx::work& tx) {
        return !tx.exec_params("SELECT FROM " + table_of_tables + others, records.text(), fields)
                    .empty();
    });
    if (has_any) {
        session.write("retire tables of lines", {}, [&](pqxx::work& tx) {
            leases.check(tx);
            tx.exec_params("UPDATE " + table_of_tables + " SET retired_at = now()" + others,
                           records.text(),
                           fields);
            return true;
        });
    }
}

std::vector<std::string> preview_lines(Session& session, const LinesOf& lines) {
    return session.read("read the catalogue of " + lines.key.target.text(), [&](pqxx::work& tx) {
        auto statements = missing_of_records(tx, lines.schema);
        if (!statements.empty() && statements.front() == add_details_at(lines.key.target)) {
            statements.push_back(create_backlog_index(lines.schema));
        }
        for (const auto& table : lines.schema.lines) {
            const auto plan = plan_of_lines(session, tx, lines, table);
            statements.insert(statements.end(), plan.ddl.begin(), plan.ddl.end());
        }
        return statements;
    });
}

std::optional<std::uint64_t> count_without_details(pqxx::work& tx, const TableName& table) {
    const auto relation = find_relation(tx, table);
    if (!relation || relation->find(details_at_column) == nullptr) {
        return std::nullopt;
    }
    return tx
        .exec1("SELECT count(*) FROM " + quote_table(table) + " WHERE " + details_at_column +
               " IS NULL AND _deleted_at IS NULL")[0]
        .as<std::uint64_t>();
}

std::vector<RowVersion>
rows_without_details(Session& session, const BoundTable& table, std::size_t limit) {
    const auto& column = table.columns[table.version.value()];
    const auto version = finite_instant("t." + column.quoted, column.type);
    return session.read("read what waits for details in " + table.target, [&](pqxx::work& tx) {
        const auto rows =
            tx.exec_params("SELECT t." + table.id() + "::text::bigint, (extract(epoch FROM " +
                               version + ") * 1000000)::bigint FROM " + table.quoted + " t WHERE " +
                               details_at_column + " IS NULL AND _deleted_at IS NULL AND " +
                               version + " IS NOT NULL" + and_id_of_zoho(table) + " ORDER BY t." +
                               column.quoted + " DESC, t." + table.id() + " DESC LIMIT $1",
                           limit);
        std::vector<RowVersion> found;
        for (const auto& row : rows) {
            found.push_back({row[0].as<std::int64_t>(),
                             std::chrono::sys_time<std::chrono::microseconds>(
                                 std::chrono::microseconds(row[1].as<std::int64_t>()))});
        }
        return found;
    });
}

std::int64_t
load_details_generation(const Session& session, pqxx::work& tx, const std::string& target) {
    return tx
        .exec_params1("SELECT coalesce((SELECT generation FROM " + session.state_table("details") +
                          " WHERE target = $1), 0)",
                      target)[0]
        .as<std::int64_t>();
}

/// From here to the end of the transaction nobody makes rows wait anew.
bool hold_details_generation(const Session& session,
                             pqxx::work& tx,
                             const std::string& target,
                             std::int64_t generation) {
    tx.exec_params("SELECT pg_advisory_xact_lock_shared(" + std::string(ddl_lock) + ")",
                   session.options().state_schema);
    return load_details_generation(session, tx, target) == generation;
}

DetailsWritten write_details(pqxx::work& tx,
                             PageWriter& writer,
                             Quarantine& quarantine,
                             const BoundDetails& details,
                             bool careful) {
    ZOHOSYNCD_FAILPOINT("postgres.details");
    auto settled = settle_records(tx, details);
    ZOHOSYNCD_FAILPOINT("postgres.details.settled");
    WriteStats stats;
    if (details.page.columns.rows() > 0) {
        const Batch values = rows_of_records(details.page.columns, settled);
        PageWrite write;
        write.corrections = &values;
        auto result = writer.write(tx, details.records, Destination::table, write, careful);
        stats.released += quarantine.store(tx, details.records.target, result);
        stats.refused += result.quarantined.size() - values.quarantined().size();
    }
    ZOHOSYNCD_FAILPOINT("postgres.details.columns");
    for (std::size_t i = 0; i < details.tables.size(); ++i) {
        const auto& table = *details.tables[i];
        const auto& given = details.page.tables[i];
        const Batch rows = lines_of_records(given.rows, settled);
        auto result = writer.write(tx, table, Destination::table, {&rows, nullptr}, careful);
        stats.released += quarantine.store(tx, table.target, result);
        quarantine.prune(tx, table.target);
        stats.inserted += result.stats.inserted;
        stats.updated += result.stats.updated;
        stats.unchanged += result.stats.unchanged;
        stats.refused += result.quarantined.size() - rows.quarantined().size();
        std::vector<std::int64_t> complete;
        std::copy_if(given.complete.begin(),
                     given.complete.end(),
                     std::back_inserter(complete),
                     [&](std::int64_t id) {
                         return std::binary_search(settled.begin(), settled.end(), id);
                     });
        if (!complete.empty()) {
            stats.deleted += remove_others(tx, table, complete, rows);
        }
    }
    ZOHOSYNCD_FAILPOINT("postgres.details.lines");
    return {stats, std::move(settled), false};
}

void delete_lines(Session& session,
                  pqxx::work& tx,
                  const BoundTable& records,
                  DeletePolicy policy,
                  const std::optional<std::vector<std::int64_t>>& ids) {
    if (policy == DeletePolicy::none) {
        return;
    }
    const auto tables =
        tx.exec_params("SELECT table_schema, table_name, record_column FROM " +
                           session.state_table("line_tables") + " WHERE target = $1 ORDER BY field",
                       records.target);
    for (const auto& row : tables) {
        const TableName name{row[0].c_str(), row[1].c_str()};
        const auto relation = find_relation(tx, name);
        const auto* owner = relation ? relation->find(row[2].c_str()) : nullptr;
        if (owner == nullptr) {
            continue; // Somebody has dropped it.
        }
        // An adopted table may keep its ids as text.
        const bool is_plain = owner->type == records.columns.front().type;
        const std::string cast = is_plain ? "" : "::text";
        const auto record = "c." + quote_identifier(owner->name) + cast;
        const auto same = record + " = t." + records.id() + cast;
        const auto among =
            ids ? " AND c." + quote_identifier(owner->name) + " = ANY ($1::" + owner->type + "[])"
                : std::string(" AND $1::text IS NOT NULL");
        if (policy == DeletePolicy::hard) {
            tx.exec_params("DELETE FROM " + quote_table(name) +
                               " c WHERE NOT EXISTS (SELECT FROM " + records.quoted + " t WHERE " +
                               same + ")" + among,
                           ids ? bigint_array(*ids) : std::string{});
            continue;
        }
        tx.exec_params("UPDATE " + quote_table(name) +
                           " c SET _deleted_at = t._deleted_at, _synced_at = now() FROM " +
                           records.quoted + " t WHERE " + same +
                           " AND t._deleted_at IS NOT NULL AND c._deleted_at IS DISTINCT FROM "
                           "t._deleted_at" +
                           among,
                       ids ? bigint_array(*ids) : std::string{});
    }
}

} // namespace zohosyncd::postgres
