#include "sinks/postgres/compare.hpp"

#include "daemon/core/time.hpp"
#include "sinks/postgres/statements.hpp"

#include <string>

namespace zohosyncd::postgres {
namespace {

using Microseconds = std::chrono::microseconds;

/// Id and version of the live rows, as a relation "rows(id, version)". What is no time counts as
/// none.
std::string versioned_rows(const BoundTable& table) {
    std::string version = "NULL::timestamptz";
    if (table.version) {
        const auto& column = table.columns[*table.version];
        version = finite_instant("t." + column.quoted, column.type);
    }
    std::string sql = "(SELECT t." + table.id() + "::text::bigint AS id, " + version +
                      " AS version FROM " + table.quoted + " t WHERE t._deleted_at IS NULL";
    return sql + and_id_of_zoho(table);
}

const char* const row_columns = "id, (extract(epoch FROM version) * 1000000)::bigint";

std::vector<RowVersion> rows_from(const pqxx::result& answer) {
    std::vector<RowVersion> rows;
    rows.reserve(answer.size());
    for (const auto& row : answer) {
        RowVersion found{row[0].as<std::int64_t>(), std::nullopt};
        if (!row[1].is_null()) {
            found.version =
                std::chrono::sys_time<Microseconds>(Microseconds(row[1].as<std::int64_t>()));
        }
        rows.push_back(found);
    }
    return rows;
}

std::string text_of(std::chrono::sys_time<Microseconds> time) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    auto text = format_utc(whole);
    auto fraction = std::to_string((time - whole).count());
    fraction.insert(0, 6 - fraction.size(), '0');
    text.insert(text.size() - 1, "." + fraction);
    return text;
}

std::vector<std::int64_t> ids_from(const pqxx::result& answer) {
    std::vector<std::int64_t> ids;
    for (const auto& row : answer) {
        ids.push_back(row[0].as<std::int64_t>());
    }
    return ids;
}

std::vector<std::int64_t> differing_rows(Session& session,
                                         const BoundTable& table,
                                         const Batch& records,
                                         std::span<const std::uint32_t> rows) {
    ColumnArrays arrays;
    arrays.fill(records, {rows, nullptr});
    return session.read("compare with " + table.target, [&](pqxx::work& tx) {
        return ids_from(session.run(
            tx,
            table.statement + "differing",
            "SELECT u." + table.id() + "::text::bigint FROM " + rows_of_arrays(table) +
                " LEFT JOIN " + table.quoted + " t ON t." + table.id() + " = u." + table.id() +
                " WHERE t." + table.id() + " IS NULL OR t._deleted_at IS NOT NULL OR " +
                differs(table, "t.", "u."),
            arrays.parameters()));
    });
}

} // namespace

std::vector<RowVersion>
live_rows(Session& session, const BoundTable& table, std::span<const std::int64_t> ids) {
    return session.read("look up rows of " + table.target, [&](pqxx::work& tx) {
        return rows_from(tx.exec_params(
            "SELECT " + std::string(row_columns) + " FROM " + versioned_rows(table) + " AND t." +
                table.id() + " = ANY ($1::" + table.columns.front().type + "[])) rows",
            bigint_array(ids)));
    });
}

std::vector<RowVersion> live_rows_after(Session& session,
                                        const BoundTable& table,
                                        const std::optional<RowVersion>& after,
                                        std::chrono::sys_seconds from,
                                        std::size_t limit) {
    std::string condition = "(version IS NULL OR version >= $1::timestamptz) AND ";
    if (!after) {
        condition += "$2::text = '' AND $3::bigint = 0";
    } else if (after->version) {
        condition += "(version > $2::timestamptz OR (version = $2::timestamptz AND id > $3) OR "
                     "version IS NULL)";
    } else {
        condition += "$2::text = '' AND version IS NULL AND id > $3";
    }
    return session.read("read rows of " + table.target, [&](pqxx::work& tx) {
        return rows_from(tx.exec_params(
            "SELECT " + std::string(row_columns) + " FROM " + versioned_rows(table) +
                ") rows WHERE " + condition + " ORDER BY version NULLS LAST, id LIMIT $4",
            format_utc(from),
            after && after->version ? text_of(*after->version) : std::string{},
            after ? after->id : std::int64_t{0},
            limit));
    });
}

std::vector<std::int64_t>
differing(Session& session, const BoundTable& table, const Batch& records) {
    const auto rows = records.rows_to_write();
    if (rows.empty()) {
        return {};
    }
    try {
        return differing_rows(session, table, records, rows);
    } catch (const DataError&) {
        // Some value has no place in its column: then one by one.
    }
    std::vector<std::int64_t> ids;
    for (const auto& row : rows) {
        try {
            const auto found = differing_rows(session, table, records, {&row, 1});
            ids.insert(ids.end(), found.begin(), found.end());
        } catch (const DataError&) {
            continue; // In quarantine.
        }
    }
    return ids;
}

} // namespace zohosyncd::postgres
