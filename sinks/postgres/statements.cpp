#include "sinks/postgres/statements.hpp"

#include "daemon/core/identifiers.hpp"
#include "sinks/common/column_names.hpp"

namespace zohosyncd::postgres {
namespace {

// The one type without equality that an adopted table is likely to have.
std::string comparable(const BoundColumn& column, const std::string& prefix) {
    const auto name = prefix + column.quoted;
    return column.type == "json" ? name + "::text" : name;
}

/// A text of which a list shows the beginning only is no other text.
std::string
held_value(const BoundColumn& column, const std::string& held, const std::string& given) {
    const auto value = comparable(column, held);
    if (column.shortest_cut == 0) {
        return value;
    }
    const auto other = given + column.quoted;
    return "CASE WHEN length(" + other + "::text) >= " + std::to_string(column.shortest_cut) +
           " AND starts_with(" + value + "::text, " + other + "::text) THEN " + other + " ELSE " +
           value + " END";
}

// Texts that timestamptz surely takes: ISO 8601, with or without a zone (then it is UTC, as our
// sessions are). Each month has its days, because a cast that fails would fail the statement.
constexpr const char* iso_time =
    "^(([12][0-9]{3})-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|"
    "30))|(02-(0[1-9]|1[0-9]|2[0-8])))|(2000|[12][0-9](0[48]|[2468][048]|[13579][26]))-02-29)"
    "[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
    "( ?(Z|UTC|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?$";

bool is_time(const std::string& type) {
    return type.starts_with("timestamp") || type == "date";
}

std::string
version_allows(const BoundTable& table, const std::string& old_row, const std::string& new_row) {
    const auto& version = table.columns[*table.version];
    const auto held = instant(old_row + version.quoted, version.type);
    const auto given = instant(new_row + version.quoted, version.type);
    return "(" + held + " <= " + given + " OR " + held + " IS NULL OR " + given + " IS NULL)";
}

std::string assignments(const BoundTable& table) {
    std::string out;
    for (std::size_t i = 1; i < table.columns.size(); ++i) {
        const auto& name = table.columns[i].quoted;
        out += (out.empty() ? "" : ", ") + name + " = excluded." + name;
    }
    return out;
}

/// Columns, values and assignments of what is filled with each write.
struct Stamps {
    std::string names;
    std::string inserted;
    std::string updated;
};

Stamps stamps_of(const BoundTable& table) {
    Stamps all{"_synced_at, _deleted_at",
               "now(), NULL",
               "_synced_at = excluded._synced_at, _deleted_at = NULL"};
    for (const auto& stamp : table.stamps) {
        all.names += ", " + stamp.quoted;
        all.inserted += ", " + stamp.on_insert;
        all.updated += ", " + stamp.quoted + " = " + stamp.on_update;
    }
    all.updated += table.has_details_at ? std::string(", ") + details_at_column + " = NULL" : "";
    return all;
}

std::string guarded(const BoundTable& table, Guard guard, const std::string& new_row) {
    return guard == Guard::version && table.version ? version_allows(table, "t.", new_row) + " AND "
                                                    : std::string{};
}

/// Whether a row that comes is news to the row "t".
std::string is_news(const BoundTable& table, Guard guard, const std::string& new_row) {
    return guarded(table, guard, new_row) + "(t._deleted_at IS NOT NULL OR " +
           differs(table, "t.", new_row) + ")";
}

std::string counted(const std::string& insert) {
    return "WITH written AS (" + insert +
           " RETURNING xmax = 0 AS is_new)"
           " SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM "
           "written";
}

/// The version itself is left as the table spells it.
std::string correct_sql(const BoundTable& table, const std::string& source) {
    std::string set;
    for (std::size_t i = 1; i < table.columns.size(); ++i) {
        if (i != table.version) {
            set += table.columns[i].quoted + " = u." + table.columns[i].quoted + ", ";
        }
    }
    set += "_synced_at = now()";
    for (const auto& stamp : table.stamps) {
        set += ", " + stamp.quoted + " = " + stamp.on_update;
    }
    const auto& version = table.columns[*table.version];
    return "WITH written AS (UPDATE " + table.quoted + " AS t SET " + set + source + " WHERE t." +
           table.id() + " = u." + table.id() + " AND t._deleted_at IS NULL AND " +
           instant("t." + version.quoted, version.type) + " = " +
           instant("u." + version.quoted, version.type) + " AND " + differs(table, "t.", "u.") +
           " RETURNING 1) SELECT 0::bigint, count(*) FROM written";
}

std::string upsert_stage(const BoundTable& table, const std::string& source, Guard guard) {
    auto set = assignments(table);
    set += set.empty() ? "" : ", ";
    auto sql = "INSERT INTO " + table.stage + " AS t (" + column_list(table, "") +
               ", _authoritative) SELECT " + column_list(table, "u.") + ", " +
               (guard == Guard::none ? "true" : "false") + source + " ON CONFLICT (" + table.id() +
               ") DO UPDATE SET " + set + "_authoritative = excluded._authoritative";
    if (guard == Guard::version && table.version) {
        sql += " WHERE " + version_allows(table, "t.", "excluded.");
    }
    return counted(sql);
}

} // namespace

std::string instant(const std::string& column, const std::string& type) {
    if (is_time(type)) {
        return column;
    }
    const auto text = column + "::text";
    return "(CASE WHEN " + text + " ~ '" + iso_time + "' THEN " + text + "::timestamptz END)";
}

std::string finite_instant(const std::string& column, const std::string& type) {
    const auto found = instant(column, type) + "::timestamptz";
    return is_time(type) ? "(CASE WHEN isfinite(" + found + ") THEN " + found + " END)" : found;
}

std::string column_list(const BoundTable& table, const std::string& prefix) {
    std::string out;
    for (const auto& column : table.columns) {
        out += (out.empty() ? "" : ", ") + prefix + column.quoted;
    }
    return out;
}

std::string differs(const BoundTable& table, const std::string& held, const std::string& given) {
    std::string left;
    std::string right;
    for (const auto& column : table.columns) {
        if (column.counts_as_change) {
            left += (left.empty() ? "" : ", ") + held_value(column, held, given);
            right += (right.empty() ? "" : ", ") + comparable(column, given);
        }
    }
    return "(" + left + ") IS DISTINCT FROM (" + right + ")";
}

std::string rows_of_arrays(const BoundTable& table) {
    std::string source = "unnest(";
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        source +=
            (i == 0 ? "$" : ", $") + std::to_string(i + 1) + "::" + table.columns[i].type + "[]";
    }
    return source + ") AS u(" + column_list(table, "") + ")";
}

std::string upsert_sql(const BoundTable& table, Destination destination, Guard guard) {
    const auto source = " FROM " + rows_of_arrays(table);
    if (guard == Guard::same_version) {
        return correct_sql(table, source);
    }
    if (destination == Destination::stage) {
        return upsert_stage(table, source, guard);
    }
    const auto strategy = table.schema.strategy;
    // A row that keeps its first values still comes back to life with its record.
    auto set = strategy == MergeStrategy::insert ? std::string{} : assignments(table);
    set += set.empty() ? "" : ", ";
    const auto stamps = stamps_of(table);
    auto sql = "INSERT INTO " + table.quoted + " AS t (" + column_list(table, "") + ", " +
               stamps.names + ") SELECT " + column_list(table, "u.") + ", " + stamps.inserted +
               source;
    if (strategy == MergeStrategy::update) {
        sql += " WHERE EXISTS (SELECT FROM " + table.quoted + " k WHERE k." + table.id() + " = u." +
               table.id() + ")";
    }
    sql += " ON CONFLICT (" + table.id() + ") DO UPDATE SET " + set + stamps.updated + " WHERE ";
    return counted(sql + (strategy == MergeStrategy::insert
                              ? guarded(table, guard, "excluded.") + "t._deleted_at IS NOT NULL"
                              : is_news(table, guard, "excluded.")));
}

std::string append_sql(const BoundTable& table) {
    const auto& loaded_at = table.loaded_at.value();
    const auto last = "(SELECT max(" + loaded_at.quoted + ") FROM " + table.quoted + ")";
    const auto taken_at =
        loaded_at.is_unix
            ? "greatest(extract(epoch FROM $1::timestamptz)::bigint, " + last + " + 1)"
            : "greatest($1::timestamptz, " + last + " + interval '1 second')";
    const auto stamps = stamps_of(table);
    return "INSERT INTO " + table.quoted + " (" + column_list(table, "") + ", " + stamps.names +
           ", " + loaded_at.quoted + ") SELECT " + column_list(table, "s.") + ", " +
           stamps.inserted + ", v.taken_at FROM " + table.stage + " s, (SELECT " + taken_at +
           " AS taken_at) v";
}

std::string delete_sql(const BoundTable& table, Guard guard) {
    return "WITH gone AS (DELETE FROM " + table.quoted + " t USING " + rows_of_arrays(table) +
           " WHERE t." + table.id() + " = u." + table.id() + " AND " + is_news(table, guard, "u.") +
           " RETURNING 1) SELECT count(*) FROM gone";
}

std::string stamps_on_delete(const BoundTable& table) {
    std::string out;
    for (const auto& stamp : table.stamps) {
        out += stamp.on_delete.empty() ? "" : ", " + stamp.quoted + " = " + stamp.on_delete;
    }
    return out;
}

std::string merge_sql(const BoundTable& table, const std::string& condition) {
    const std::string guard =
        table.version ? "(s._authoritative OR " + version_allows(table, "t.", "s.") + ") AND "
                      : std::string{};
    // Joined first and written after: ON CONFLICT alone would lock, and so dirty, every unchanged
    // row.
    auto set = assignments(table);
    set += set.empty() ? "" : ", ";
    const auto stamps = stamps_of(table);
    return counted("INSERT INTO " + table.quoted + " AS target (" + column_list(table, "") + ", " +
                   stamps.names + ") SELECT " + column_list(table, "s.") + ", " + stamps.inserted +
                   " FROM " + table.stage + " s LEFT JOIN " + table.quoted + " t ON t." +
                   table.id() + " = s." + table.id() + " WHERE (t." + table.id() + " IS NULL OR (" +
                   guard + "(t._deleted_at IS NOT NULL OR " + differs(table, "t.", "s.") + ")))" +
                   condition + " ON CONFLICT (" + table.id() + ") DO UPDATE SET " + set +
                   stamps.updated);
}

std::string statement_prefix(const BoundTable& table) {
    const auto sql = upsert_sql(table, Destination::table, Guard::version);
    return "t" + sha256_hex(sql).substr(0, 16) + "_";
}

} // namespace zohosyncd::postgres
