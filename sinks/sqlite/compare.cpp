#include "sinks/sqlite/compare.hpp"

#include "daemon/core/time.hpp"
#include "sinks/sqlite/page_writer.hpp"

#include <string>
#include <vector>

namespace zohosyncd::sqlite {
namespace {

/// The version of a row; NULL when it is no time.
std::string version_of(const BoundTable& table) {
    if (!table.schema.version_column) {
        return "NULL";
    }
    return instant(table.names[*table.schema.version_column]);
}

std::string versioned_rows(const BoundTable& table) {
    return "SELECT " + table.id() + " AS id, " + version_of(table) + " AS version FROM " +
           table.quoted + " WHERE _deleted_at IS NULL" + and_id_of_zoho(table);
}

RowVersion row_of(const Statement& statement) {
    RowVersion row{statement.integer(0), std::nullopt};
    if (!statement.is_null(1)) {
        row.version = parse_zoho_time(statement.text(1));
    }
    return row;
}

std::string text_of(const RowVersion& row) {
    return format_utc(std::chrono::floor<std::chrono::seconds>(*row.version));
}

} // namespace

std::vector<RowVersion>
live_rows(Database& database, const BoundTable& table, std::span<const std::int64_t> ids) {
    const auto sql = versioned_rows(table) + " AND " + table.id() + " = ?1";
    return database.read([&] {
        std::vector<RowVersion> rows;
        for (const auto id : ids) {
            auto& statement = database.prepare(sql, id);
            if (statement.step()) {
                rows.push_back(row_of(statement));
            }
            statement.reset();
        }
        return rows;
    });
}

std::vector<RowVersion> live_rows_after(Database& database,
                                        const BoundTable& table,
                                        const std::optional<RowVersion>& after,
                                        std::chrono::sys_seconds from,
                                        std::size_t limit) {
    std::string condition = "(version IS NULL OR version >= ?1) AND ";
    if (!after) {
        condition += "?2 = '' AND ?3 = 0";
    } else if (after->version) {
        condition += "(version > ?2 OR (version = ?2 AND id > ?3) OR version IS NULL)";
    } else {
        condition += "?2 = '' AND version IS NULL AND id > ?3";
    }
    return database.read([&] {
        auto& statement =
            database.prepare("SELECT id, version FROM (" + versioned_rows(table) + ") WHERE " +
                                 condition + " ORDER BY version NULLS LAST, id LIMIT ?4",
                             format_utc(from),
                             after && after->version ? text_of(*after) : std::string{},
                             after ? after->id : std::int64_t{0},
                             std::uint64_t{limit});
        std::vector<RowVersion> rows;
        while (statement.step()) {
            rows.push_back(row_of(statement));
        }
        statement.reset();
        return rows;
    });
}

std::vector<std::int64_t>
differing(Database& database, const BoundTable& table, const Batch& records) {
    std::vector<std::string> terms{"1"};
    for (std::size_t i = 1; i < table.names.size(); ++i) {
        const auto parameter = "?" + std::to_string(i + 1);
        // Named in any case, so that every parameter has its place.
        const auto& column = table.schema.columns[i];
        terms.push_back("(" + holds(column, table.names[i], parameter) +
                        (column.counts_as_change ? ")" : " OR 1)"));
    }
    const auto same = "SELECT 1 FROM " + table.quoted + " WHERE " + table.id() +
                      " = ?1 AND _deleted_at IS NULL AND " + in_groups(terms, "AND");
    return database.read([&] {
        auto& statement = database.prepare(same);
        std::vector<std::int64_t> ids;
        for (const auto row : records.rows_to_write()) {
            bind_row(statement, table, records, row);
            if (!statement.step()) {
                ids.push_back(records.ids()[row]);
            }
            statement.reset();
        }
        return ids;
    });
}

} // namespace zohosyncd::sqlite
