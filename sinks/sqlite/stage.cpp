#include "sinks/sqlite/stage.hpp"

#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"

#include <string>

namespace zohosyncd::sqlite {
namespace {

/// Rows "t" that are live, that the walk could have met, and that it did not. ?2 is the anchor or
/// ''.
std::string is_missing(const BoundTable& table) {
    std::string sql = "t._deleted_at IS NULL AND typeof(t." + table.id() +
                      ") = 'integer' AND NOT EXISTS (SELECT 1 FROM " + table.stage + " s WHERE s." +
                      table.id() + " = t." + table.id() + ")";
    if (table.schema.version_column) {
        const auto version = "t." + table.names[*table.schema.version_column];
        sql += " AND (?2 = '' OR " + version + " IS NULL OR " + version + " >= ?2)";
    } else {
        sql += " AND ?2 IS NOT NULL";
    }
    return sql;
}

std::uint64_t remove_absent_twice(Database& database,
                                  const BoundTable& table,
                                  const AbsentRows& absent,
                                  const std::string& anchor) {
    const auto condition = "EXISTS (SELECT 1 FROM " + database.state_table("absent") +
                           " a WHERE a.target = ?1 AND a.id = t." + table.id() + ") AND " +
                           is_missing(table);
    if (absent.policy == DeletePolicy::hard) {
        return database.run(
            "DELETE FROM " + table.quoted + " AS t WHERE " + condition, table.target, anchor);
    }
    return database.run("UPDATE " + table.quoted + " AS t SET _deleted_at = ?3, _synced_at = " +
                            sql_now + " WHERE " + condition,
                        table.target,
                        anchor,
                        format_utc(absent.walked_at));
}

void remember_absent(Database& database, const BoundTable& table, const std::string& anchor) {
    const auto remembered = database.state_table("absent");
    const auto missing =
        "SELECT t." + table.id() + " FROM " + table.quoted + " AS t WHERE " + is_missing(table);
    database.run("DELETE FROM " + remembered + " WHERE target = ?1 AND id NOT IN (" + missing + ")",
                 table.target,
                 anchor);
    database.run("INSERT INTO " + remembered + " (target, id) SELECT ?1, m.* FROM (" + missing +
                     ") m WHERE true ON CONFLICT DO NOTHING",
                 table.target,
                 anchor);
}

WriteStats merge_rows(Database& database, const BoundTable& table, std::uint64_t staged) {
    WriteStats stats;
    const auto joined = " FROM " + table.stage + " s LEFT JOIN " + table.quoted + " t ON t." +
                        table.id() + " = s." + table.id();
    const auto is_new = "t." + table.id() + " IS NULL";
    stats.inserted = static_cast<std::uint64_t>(
        database.number("SELECT count(*)" + joined + " WHERE " + is_new).value_or(0));
    const auto written = database.run(
        "INSERT INTO " + table.quoted + " (" + column_list(table, "") +
        ", _synced_at, _deleted_at) SELECT " + column_list(table, "s.") + ", " + sql_now +
        ", NULL" + joined + " WHERE " + is_new + " OR ((s._authoritative OR " +
        version_allows(table, "t.", "s.") + ") AND (t._deleted_at IS NOT NULL OR " +
        differs(table, "t.", "s.") + ")) ON CONFLICT (" + table.id() + ") DO UPDATE SET " +
        assignments(table) + "_synced_at = excluded._synced_at, _deleted_at = NULL");
    stats.updated = written - stats.inserted;
    stats.unchanged = staged - written;
    return stats;
}

} // namespace

void create_stage(Database& database, const BoundTable& table) {
    database.script("DROP TABLE IF EXISTS " + table.stage);
    std::string sql = "CREATE TABLE " + table.stage + " (";
    for (std::size_t i = 0; i < table.names.size(); ++i) {
        sql += table.names[i] + " " + table.declared[i] + (i == 0 ? " PRIMARY KEY, " : ", ");
    }
    database.script(sql + "_authoritative INTEGER NOT NULL)");
}

WriteStats merge_stage(Database& database, const BoundTable& table, const AbsentRows& absent) {
    WriteStats stats;
    const auto staged = static_cast<std::uint64_t>(
        database.number("SELECT count(*) FROM " + table.stage).value_or(0));
    if (staged > 0) {
        ZOHOSYNCD_FAILPOINT("sqlite.merge");
        stats = merge_rows(database, table, staged);
        ZOHOSYNCD_FAILPOINT("sqlite.merge.rows");
        const auto anchor = absent.anchor ? format_utc(*absent.anchor) : std::string{};
        if (absent.policy == DeletePolicy::none) {
            database.run("DELETE FROM " + database.state_table("absent") + " WHERE target = ?1",
                         table.target);
        } else {
            stats.deleted = remove_absent_twice(database, table, absent, anchor);
            ZOHOSYNCD_FAILPOINT("sqlite.merge.absent");
            remember_absent(database, table, anchor);
        }
    }
    database.script("DROP TABLE " + table.stage);
    ZOHOSYNCD_FAILPOINT("sqlite.merge.dropped");
    return stats;
}

} // namespace zohosyncd::sqlite
