#include "sinks/postgres/stage.hpp"

#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/stage_count.hpp"
#include "sinks/postgres/lines.hpp"
#include "sinks/postgres/statements.hpp"

#include <string>

namespace zohosyncd::postgres {
namespace {

// More of them, and more than half of all rows: then the table is wrong, not the rows.
constexpr std::uint64_t few_refusals = 20;

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

std::uint64_t
remove_absent_twice(Session& session, pqxx::work& tx, const BoundTable& table, const Merge& merge) {
    const auto condition = "EXISTS (SELECT FROM " + session.state_table("absent") +
                           " a WHERE a.target = $1 AND a.id = t." + table.id() +
                           "::text::bigint) AND " + is_missing(table);
    const auto anchor = merge.anchor ? format_utc(*merge.anchor) : std::string{};
    if (merge.policy == DeletePolicy::hard) {
        return tx
            .exec_params(
                "DELETE FROM " + table.quoted + " t WHERE " + condition, table.target, anchor)
            .affected_rows();
    }
    return tx
        .exec_params("UPDATE " + table.quoted +
                         " t SET _deleted_at = $3::timestamptz, _synced_at = now()" +
                         stamps_on_delete(table) + " WHERE " + condition,
                     table.target,
                     anchor,
                     format_utc(merge.walked_at))
        .affected_rows();
}

void remember_absent(Session& session,
                     pqxx::work& tx,
                     const BoundTable& table,
                     const Merge& merge) {
    const auto remembered = session.state_table("absent");
    const auto anchor = merge.anchor ? format_utc(*merge.anchor) : std::string{};
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

/// Merges by halves, down to the rows that the table refuses; those go to quarantine.
class CarefulMerge {
public:
    CarefulMerge(pqxx::work& tx, const BoundTable& table, PageResult& page)
        : tx_(tx), table_(table), page_(page),
          in_range_(" AND s." + table.id() + " >= $1::" + table.columns.front().type + " AND s." +
                    table.id() + " <= $2::" + table.columns.front().type) {}

    void run(std::uint64_t staged) {
        staged_ = staged;
        const auto ends = tx_.exec1("SELECT min(s." + table_.id() + ")::text, max(s." +
                                    table_.id() + ")::text FROM " + table_.stage + " s");
        merge(ends[0].c_str(), ends[1].c_str(), staged);
    }

private:
    void merge(const std::string& first, const std::string& last, std::uint64_t rows) {
        if (try_range(first, last)) {
            return;
        }
        if (rows == 1) {
            set_aside(first);
            return;
        }
        const auto middle = tx_.exec_params1(
            "SELECT max(h.id) FILTER (WHERE h.n <= $3)::text, min(h.id) FILTER (WHERE h.n > "
            "$3)::text FROM (SELECT s." +
                table_.id() + " AS id, row_number() OVER (ORDER BY s." + table_.id() +
                ") AS n FROM " + table_.stage + " s WHERE true" + in_range_ + ") h",
            first,
            last,
            rows / 2);
        const std::string end = middle[0].c_str();
        const std::string begin = middle[1].c_str();
        merge(first, end, rows / 2);
        merge(begin, last, rows - rows / 2);
    }

    bool try_range(const std::string& first, const std::string& last) {
        tx_.exec("SAVEPOINT merge");
        try {
            const auto merged = tx_.exec_params1(merge_sql(table_, in_range_), first, last);
            page_.stats.inserted += merged[0].as<std::uint64_t>();
            page_.stats.updated += merged[1].as<std::uint64_t>();
        } catch (const pqxx::sql_error& error) {
            refusal_ = sqlstate_of(error);
            if (!blames_data(refusal_)) {
                throw;
            }
            tx_.exec("ROLLBACK TO SAVEPOINT merge");
            return false;
        }
        tx_.exec("RELEASE SAVEPOINT merge");
        return true;
    }

    void set_aside(const std::string& id) {
        const auto body = tx_.exec_params1("SELECT (to_jsonb(s) - '_authoritative')::text FROM " +
                                               table_.stage + " s WHERE s." + table_.id() +
                                               " = $1::" + table_.columns.front().type,
                                           id);
        page_.quarantined.push_back({std::stoll(id),
                                     "record: " + refusal_ + " " + condition_name(refusal_),
                                     body[0].c_str()});
        ++page_.stats.refused;
        if (page_.stats.refused > few_refusals && page_.stats.refused * 2 > staged_) {
            throw SyncError(ErrorKind::schema_conflict,
                            "table " + table_.target + " refuses most rows of a walk, last with " +
                                refusal_ + " " + condition_name(refusal_) +
                                "; look at its types, constraints and triggers")
                .with_sqlstate(refusal_);
        }
    }

    pqxx::work& tx_;
    const BoundTable& table_;
    PageResult& page_;
    const std::string in_range_;
    std::uint64_t staged_ = 0;
    std::string refusal_; ///< SQLSTATE of the last one.
};

} // namespace

void create_stage(pqxx::work& tx, const BoundTable& table) {
    tx.exec("DROP TABLE IF EXISTS " + table.stage);
    std::string sql = "CREATE TABLE " + table.stage + " (";
    for (const auto& column : table.columns) {
        sql += column.quoted + " " + column.declared + ", ";
    }
    tx.exec(sql + "_authoritative boolean NOT NULL, UNIQUE (" + table.id() + "))");
}

std::optional<std::uint64_t> count_stage(Session& session, const BoundTable& table) {
    return session.read(
        "count the stage of " + table.target, [&](pqxx::work& tx) -> std::optional<std::uint64_t> {
            const auto found = tx.exec_params1("SELECT to_regclass($1) IS NOT NULL", table.stage);
            if (!found[0].as<bool>()) {
                return std::nullopt;
            }
            return tx.exec1("SELECT count(*) FROM " + table.stage)[0].as<std::uint64_t>();
        });
}

PageResult append_stage(pqxx::work& tx, const BoundTable& table, const Merge& snapshot) {
    tx.exec("SET LOCAL statement_timeout = '1h'"); // As below.
    PageResult page;
    const auto staged = tx.exec1("SELECT count(*) FROM " + table.stage)[0].as<std::uint64_t>();
    check_stage_count(table.target, staged, snapshot.staged_rows);
    if (staged > 0) {
        ZOHOSYNCD_FAILPOINT("postgres.merge");
        page.stats.inserted =
            tx.exec_params(append_sql(table), format_utc(snapshot.walked_at)).affected_rows();
        ZOHOSYNCD_FAILPOINT("postgres.merge.rows");
    }
    tx.exec("DROP TABLE " + table.stage);
    ZOHOSYNCD_FAILPOINT("postgres.merge.dropped");
    return page;
}

PageResult
merge_stage(Session& session, pqxx::work& tx, const BoundTable& table, const Merge& merge) {
    // A merge is one statement over the whole table; a hung client is noticed by other means.
    tx.exec("SET LOCAL statement_timeout = '1h'");
    PageResult page;
    auto& stats = page.stats;
    const auto staged = tx.exec1("SELECT count(*) FROM " + table.stage)[0].as<std::uint64_t>();
    check_stage_count(table.target, staged, merge.staged_rows);
    if (staged > 0) {
        // Without numbers the planner takes a fresh stage for small and loops over the target.
        tx.exec("ANALYZE " + table.stage);
        ZOHOSYNCD_FAILPOINT("postgres.merge");
        if (merge.careful) {
            CarefulMerge(tx, table, page).run(staged);
        } else {
            const auto merged = tx.exec1(merge_sql(table));
            stats.inserted = merged[0].as<std::uint64_t>();
            stats.updated = merged[1].as<std::uint64_t>();
        }
        ZOHOSYNCD_FAILPOINT("postgres.merge.rows");
        stats.unchanged = staged - stats.inserted - stats.updated - stats.refused;
        if (merge.policy == DeletePolicy::none) {
            tx.exec_params("DELETE FROM " + session.state_table("absent") + " WHERE target = $1",
                           table.target);
        } else {
            stats.deleted = remove_absent_twice(session, tx, table, merge);
            ZOHOSYNCD_FAILPOINT("postgres.merge.absent");
            delete_lines(session, tx, table, merge.policy, std::nullopt);
            remember_absent(session, tx, table, merge);
        }
    }
    tx.exec("DROP TABLE " + table.stage);
    ZOHOSYNCD_FAILPOINT("postgres.merge.dropped");
    return page;
}

} // namespace zohosyncd::postgres
