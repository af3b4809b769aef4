#include "sinks/sqlite/lines.hpp"

#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/column_evolution.hpp"
#include "sinks/sqlite/known_columns.hpp"
#include "sinks/sqlite/page_writer.hpp"
#include "sinks/sqlite/prepare.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>

namespace zohosyncd::sqlite {
namespace {

std::string backlog_index(const TableName& table) {
    return table.table + "_details_at";
}

bool has_index(Database& database, const std::string& name) {
    return database.number("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?1", name)
        .has_value();
}

bool has_details_at(Database& database, const TableName& table) {
    const auto relation = find_relation(database, table.table);
    return relation && relation->find(details_at_column) != nullptr;
}

/// The index finds what waits, newest first, however many rows have been seen to.
void prepare_records(Database& database, Leases& leases, const StreamSchema& schema) {
    const auto& target = schema.target;
    const auto index = backlog_index(target);
    const bool is_ready = database.read(
        [&] { return has_details_at(database, target) && has_index(database, index); });
    if (is_ready) {
        return;
    }
    database.write([&] {
        leases.check();
        const auto quoted = quote_identifier(target.table);
        if (!has_details_at(database, target)) {
            database.script("ALTER TABLE " + quoted + " ADD COLUMN " + details_at_column + " TEXT");
        }
        if (!has_index(database, index)) {
            const auto& version = schema.columns[schema.version_column.value()].name;
            database.script("CREATE INDEX " + quote_identifier(index) + " ON " + quoted + " (" +
                            quote_identifier(version) + ", " +
                            quote_identifier(schema.columns.front().name) + ") WHERE " +
                            details_at_column + " IS NULL AND _deleted_at IS NULL");
        }
        return true;
    });
}

/// As a JSON array.
std::string fields_of(const std::vector<LineTable>& tables) {
    auto fields = nlohmann::json::array();
    for (const auto& table : tables) {
        fields.push_back(table.field);
    }
    return fields.dump();
}

/// So that deletions find the lines, whoever deletes.
void record_tables(Database& database,
                   Leases& leases,
                   const std::string& records,
                   const std::vector<LineTable>& tables) {
    const auto known = database.state_table("line_tables");
    const bool is_complete = database.read([&] {
        return std::all_of(tables.begin(), tables.end(), [&](const LineTable& table) {
            return database
                .number("SELECT 1 FROM " + known +
                            " WHERE target = ?1 AND field = ?2 AND table_name = ?3 AND "
                            "record_column = ?4",
                        records,
                        table.field,
                        table.target.table,
                        table.columns[parent_column].name)
                .has_value();
        });
    });
    if (is_complete) {
        return;
    }
    database.write([&] {
        leases.check();
        for (const auto& table : tables) {
            database.run("INSERT INTO " + known +
                             " (target, field, table_name, record_column) VALUES (?1, ?2, ?3, ?4) "
                             "ON CONFLICT (target, field) DO UPDATE SET table_name = "
                             "excluded.table_name, record_column = excluded.record_column",
                         records,
                         table.field,
                         table.target.table,
                         table.columns[parent_column].name);
        }
        return true;
    });
}

/// Makes all records wait again for lines that were not read for a while.
void take_up_again(Database& database, Leases& leases, const StreamSchema& schema) {
    const auto target = schema.target.text();
    const auto known = database.state_table("line_tables");
    const auto fields = fields_of(schema.lines);
    const std::string were_retired = " WHERE target = ?1 AND retired_at IS NOT NULL AND field IN "
                                     "(SELECT value FROM json_each(?2))";
    const bool is_any = database.read([&] {
        return database.number("SELECT 1 FROM " + known + were_retired, target, fields).has_value();
    });
    if (!is_any) {
        return;
    }
    database.write([&] {
        leases.check();
        raise_details_generation(database, target);
        database.script(let_rows_wait_for_details(quote_identifier(schema.target.table)));
        database.run("UPDATE " + known + " SET retired_at = NULL" + were_retired, target, fields);
        return true;
    });
}

/// Makes records wait again whose lines were read before there was a place for all of them.
void wait_again(Database& database,
                const StreamSchema& records,
                const LineTable& lines,
                LinesLack lack,
                const std::vector<std::string>& columns) {
    if (lack == LinesLack::nothing) {
        return;
    }
    raise_details_generation(database, records.target.text());
    const auto update = let_rows_wait_for_details(quote_identifier(records.target.table));
    database.script(lack == LinesLack::everything
                        ? update
                        : update + " AND " + quote_identifier(records.columns.front().name) +
                              " IN (SELECT " + quote_identifier(columns[parent_column]) + " FROM " +
                              quote_identifier(lines.target.table) + ")");
}

/// Sets _details_at where the row is still of the version that was read; returns the ids of these
/// records, sorted.
std::vector<std::int64_t>
settle_records(Database& database, const BoundTable& table, const DetailsPage& page) {
    const auto sql = "UPDATE " + table.quoted + " SET " + details_at_column + " = " + sql_now +
                     " WHERE " + table.id() + " = ?1 AND " +
                     instant(table.names[table.schema.version_column.value()]) +
                     " = ?2 AND _deleted_at IS NULL";
    std::vector<std::int64_t> ids;
    for (std::size_t i = 0; i < page.ids.size(); ++i) {
        if (database.run(sql, page.ids[i], format_utc(page.versions[i])) > 0) {
            ids.push_back(page.ids[i]);
        }
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

/// The lines that the record has no more. `kept` is a JSON array of ids.
std::uint64_t remove_others(Database& database,
                            const BoundTable& table,
                            std::int64_t record,
                            const std::string& kept) {
    return database.run("DELETE FROM " + table.quoted + " WHERE " + table.names[parent_column] +
                            " = ?1 AND " + table.id() + " NOT IN (SELECT value FROM json_each(?2))",
                        record,
                        kept);
}

std::string json_array(const std::vector<std::int64_t>& ids) {
    std::string text = "[";
    for (const auto id : ids) {
        text += (text.size() > 1 ? "," : "") + std::to_string(id);
    }
    return text + "]";
}

} // namespace

std::vector<LineTable> prepare_lines(Database& database,
                                     Leases& leases,
                                     const StreamKey& key,
                                     const StreamSchema& schema,
                                     ColumnCasing casing) {
    prepare_records(database, leases, schema);
    take_up_again(database, leases, schema);
    std::vector<LineTable> tables;
    for (auto table : schema.lines) {
        const auto names =
            prepare_line_table(database,
                               leases,
                               schema_of_lines(table),
                               casing,
                               [&](LinesLack lack, const std::vector<std::string>& columns) {
                                   wait_again(database, schema, table, lack, columns);
                               });
        for (std::size_t i = 0; i < names.size(); ++i) {
            table.columns[i].name = names[i];
        }
        tables.push_back(std::move(table));
    }
    record_tables(database, leases, key.target.text(), tables);
    return tables;
}

void retire_other_lines(Database& database,
                        Leases& leases,
                        const TableName& records,
                        const std::vector<LineTable>& tables) {
    const auto known = database.state_table("line_tables");
    const auto fields = fields_of(tables);
    const std::string others = " WHERE target = ?1 AND retired_at IS NULL AND field NOT IN (SELECT "
                               "value FROM json_each(?2))";
    const bool has_any = database.read([&] {
        return database.number("SELECT 1 FROM " + known + others, records.text(), fields)
            .has_value();
    });
    if (has_any) {
        database.write([&] {
            leases.check();
            return database.run("UPDATE " + known + " SET retired_at = " + sql_now + others,
                                records.text(),
                                fields);
        });
    }
}

std::optional<std::uint64_t> count_without_details(Database& database, const TableName& table) {
    if (!has_details_at(database, table)) {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(
        database
            .number("SELECT count(*) FROM " + quote_identifier(table.table) + " WHERE " +
                    details_at_column + " IS NULL AND _deleted_at IS NULL")
            .value_or(0));
}

std::vector<RowVersion>
rows_without_details(Database& database, const BoundTable& table, std::size_t limit) {
    const auto& version = table.names[table.schema.version_column.value()];
    return database.read([&] {
        auto& rows = database.prepare(
            "SELECT " + table.id() + ", " + instant(version) + " FROM " + table.quoted + " WHERE " +
                details_at_column + " IS NULL AND _deleted_at IS NULL AND " + instant(version) +
                " IS NOT NULL" + and_id_of_zoho(table) + " ORDER BY " + version + " DESC, " +
                table.id() + " DESC LIMIT ?1",
            std::uint64_t{limit});
        std::vector<RowVersion> found;
        while (rows.step()) {
            found.push_back({rows.integer(0), parse_zoho_time(rows.text(1))});
        }
        rows.reset();
        return found;
    });
}

DetailsWritten write_details(Database& database,
                             Quarantine& quarantine,
                             const BoundTable& records,
                             const std::vector<BoundTable>& tables,
                             const DetailsPage& page) {
    ZOHOSYNCD_FAILPOINT("sqlite.details");
    auto settled = settle_records(database, records, page);
    ZOHOSYNCD_FAILPOINT("sqlite.details.settled");
    WriteStats stats;
    if (page.columns.rows() > 0) {
        const Batch values = rows_of_records(page.columns, settled);
        PageWrite write;
        write.corrections = &values;
        const auto result = write_page(database, records, Destination::table, write);
        stats.released += quarantine.store(records.target, result);
        stats.refused += result.stats.refused;
    }
    ZOHOSYNCD_FAILPOINT("sqlite.details.columns");
    for (std::size_t i = 0; i < tables.size(); ++i) {
        const Batch rows = lines_of_records(page.tables[i].rows, settled);
        const auto result = write_page(database, tables[i], Destination::table, {&rows, nullptr});
        stats.released += quarantine.store(tables[i].target, result);
        quarantine.prune(tables[i].target);
        stats.inserted += result.stats.inserted;
        stats.updated += result.stats.updated;
        stats.unchanged += result.stats.unchanged;
        stats.refused += result.stats.refused;
        const auto kept = json_array(rows.ids());
        for (const auto record : page.tables[i].complete) {
            if (std::binary_search(settled.begin(), settled.end(), record)) {
                stats.deleted += remove_others(database, tables[i], record, kept);
            }
        }
    }
    ZOHOSYNCD_FAILPOINT("sqlite.details.lines");
    return {stats, std::move(settled), false};
}

void delete_lines(Database& database,
                  const BoundTable& records,
                  DeletePolicy policy,
                  const std::optional<std::vector<std::int64_t>>& ids) {
    if (policy == DeletePolicy::none) {
        return;
    }
    std::vector<std::pair<std::string, std::string>> tables; // Name and column of the record's id.
    auto& known = database.prepare("SELECT table_name, record_column FROM " +
                                       database.state_table("line_tables") + " WHERE target = ?1",
                                   records.target);
    while (known.step()) {
        tables.emplace_back(known.text(0), known.text(1));
    }
    known.reset();
    const auto among = ids ? json_array(*ids) : std::string{};
    for (const auto& [name, column] : tables) {
        const auto relation = find_relation(database, name);
        if (!relation || relation->find(column) == nullptr) {
            continue; // Somebody has dropped it.
        }
        const auto table = quote_identifier(name);
        const auto owner = quote_identifier(column);
        const auto is_meant = ids ? " AND " + owner + " IN (SELECT value FROM json_each(?1))"
                                  : std::string(" AND ?1 = ''");
        if (policy == DeletePolicy::hard) {
            database.run("DELETE FROM " + table + " WHERE " + owner + " NOT IN (SELECT " +
                             records.id() + " FROM " + records.quoted + " WHERE " + records.id() +
                             " IS NOT NULL)" + is_meant,
                         among);
            continue;
        }
        database.run(
            "UPDATE " + table + " AS c SET _deleted_at = t._deleted_at, _synced_at = " + sql_now +
                " FROM " + records.quoted + " AS t WHERE t." + records.id() + " = c." + owner +
                " AND t._deleted_at IS NOT NULL AND c._deleted_at IS NOT t._deleted_at" + is_meant,
            among);
    }
}

} // namespace zohosyncd::sqlite
