#include "sinks/postgres/stage.hpp"

#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "sinks/postgres/statements.hpp"

#include <string>

namespace zohosyncd::postgres {
namespace {

/// Rows "t" that are live, that the walk could have met, and that it did not.
std::string is_missing(const BoundTable& table) {
    std::string sql = "t._deleted_at IS NULL AND NOT EXISTS (SELECT FROM " + table.stage +
                      " s WHERE s." + table.id() + " = t." + table.id() + ")";
    if (table.version) {
        const auto version = "t." + table.columns[*table.version].quoted;
        sql += " AND ($2::text = '' OR " + version + " IS NULL OR " + version +
               " >= nullif($2::text, '')::timestamptz)";
    } else {
        sql += " AND $2::text IS NOT NULL";
    }
    return sql + and_id_of_zoho(table);
}

std::uint64_t remove_absent_twice(Session& session,
                                  pqxx::work& tx,
                                  const BoundTable& table,
                                  const AbsentRows& absent) {
    const auto condition = "EXISTS (SELECT FROM " + session.state_table("absent") +
                           " a WHERE a.target = $1 AND a.id = t." + table.id() +
                           "::text::bigint) AND " + is_missing(table);
    const auto anchor = absent.anchor ? format_utc(*absent.anchor) : std::string{};
    if (absent.policy == DeletePolicy::hard) {
        return tx
            .exec_params(
                "DELETE FROM " + table.quoted + " t WHERE " + condition, table.target, anchor)
            .affected_rows();
    }
    return tx
        .exec_params("UPDATE " + table.quoted +
                         " t SET _deleted_at = $3::timestamptz, _synced_at = now() WHERE " +
                         condition,
                     table.target,
                     anchor,
                     format_utc(absent.walked_at))
        .affected_rows();
}

void remember_absent(Session& session,
                     pqxx::work& tx,
                     const BoundTable& table,
                     const AbsentRows& absent) {
    const auto remembered = session.state_table("absent");
    const auto anchor = absent.anchor ? format_utc(*absent.anchor) : std::string{};
    tx.exec_params(
        "WITH missing AS MATERIALIZED (SELECT t." + table.id() + "::text::bigint AS id FROM " +
            table.quoted + " t WHERE " + is_missing(table) + "), gone AS (DELETE FROM " +
            remembered +
            " a WHERE a.target = $1 AND NOT EXISTS (SELECT FROM missing m WHERE m.id = a.id))"
            " INSERT INTO " +
            remembered +
            " (target, id) SELECT $1, id FROM missing m WHERE NOT EXISTS (SELECT FROM " +
            remembered + " a WHERE a.target = $1 AND a.id = m.id)",
        table.target,
        anchor);
}

} // namespace

void create_stage(pqxx::work& tx, const BoundTable& table) {
    tx.exec("DROP TABLE IF EXISTS " + table.stage);
    std::string sql = "CREATE TABLE " + table.stage + " (";
    for (const auto& column : table.columns) {
        sql += column.quoted + " " + column.declared + ", ";
    }
    tx.exec(sql + "_authoritative boolean NOT NULL, UNIQUE (" + table.id() + "))");
}

WriteStats
merge_stage(Session& session, pqxx::work& tx, const BoundTable& table, const AbsentRows& absent) {
    // A merge is one statement over the whole table; a hung client is noticed by other means.
    tx.exec("SET LOCAL statement_timeout = '1h'");
    WriteStats stats;
    const auto staged = tx.exec1("SELECT count(*) FROM " + table.stage)[0].as<std::uint64_t>();
    if (staged > 0) {
        // Without numbers the planner takes a fresh stage for small and loops over the target.
        tx.exec("ANALYZE " + table.stage);
        ZOHOSYNCD_FAILPOINT("postgres.merge");
        const auto merged = tx.exec1(merge_sql(table));
        ZOHOSYNCD_FAILPOINT("postgres.merge.rows");
        stats.inserted = merged[0].as<std::uint64_t>();
        stats.updated = merged[1].as<std::uint64_t>();
        stats.unchanged = staged - stats.inserted - stats.updated;
        if (absent.policy == DeletePolicy::none) {
            tx.exec_params("DELETE FROM " + session.state_table("absent") + " WHERE target = $1",
                           table.target);
        } else {
            stats.deleted = remove_absent_twice(session, tx, table, absent);
            ZOHOSYNCD_FAILPOINT("postgres.merge.absent");
            remember_absent(session, tx, table, absent);
        }
    }
    tx.exec("DROP TABLE " + table.stage);
    ZOHOSYNCD_FAILPOINT("postgres.merge.dropped");
    return stats;
}

} // namespace zohosyncd::postgres
