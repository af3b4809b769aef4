#include "sinks/sqlite/stage.hpp"

#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/row_text.hpp"
#include "sinks/common/stage_count.hpp"
#include "sinks/sqlite/lines.hpp"

#include <string>

namespace zohosyncd::sqlite {
namespace {

// More of them, and more than half of all rows: then the table is wrong, not the rows.
constexpr std::uint64_t few_refusals = 20;

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
                            sql_now + stamps_of(table).deleted + " WHERE " + condition,
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

/// Merges by halves where the table refuses rows; those go to quarantine.
class StageMerge {
public:
    StageMerge(Database& database, const BoundTable& table, PageResult& page)
        : database_(database), table_(table), page_(page),
          joined_(" FROM " + table.stage + " s LEFT JOIN " + table.quoted + " t ON t." +
                  table.id() + " = s." + table.id() + " WHERE s." + table.id() +
                  " BETWEEN ?1 AND ?2") {}

    void run(std::uint64_t staged) {
        staged_ = staged;
        const auto end = [&](const char* function) {
            return database_
                .number(std::string("SELECT ") + function + "(" + table_.id() + ") FROM " +
                        table_.stage)
                .value();
        };
        merge(end("min"), end("max"), staged);
        page_.stats.unchanged =
            staged - page_.stats.inserted - page_.stats.updated - page_.stats.refused;
    }

private:
    void merge(std::int64_t first, std::int64_t last, std::uint64_t rows) {
        if (try_range(first, last)) {
            return;
        }
        if (rows == 1) {
            set_aside(first);
            return;
        }
        const auto id_at = [&](std::uint64_t offset) {
            return database_
                .number("SELECT " + table_.id() + " FROM " + table_.stage + " WHERE " +
                            table_.id() + " >= ?1 ORDER BY " + table_.id() + " LIMIT 1 OFFSET ?2",
                        first,
                        static_cast<std::int64_t>(offset))
                .value();
        };
        const auto half = rows / 2;
        const auto end = id_at(half - 1);
        const auto begin = id_at(half);
        merge(first, end, half);
        merge(begin, last, rows - half);
    }

    /// A statement that is refused leaves nothing behind.
    bool try_range(std::int64_t first, std::int64_t last) {
        const auto is_new = "t." + table_.id() + " IS NULL";
        const auto inserted = static_cast<std::uint64_t>(
            database_.number("SELECT count(*)" + joined_ + " AND " + is_new, first, last)
                .value_or(0));
        const auto stamps = stamps_of(table_);
        try {
            const auto written = database_.run(
                "INSERT INTO " + table_.quoted + " (" + column_list(table_, "") +
                    ", _synced_at, _deleted_at" + stamps.names + ") SELECT " +
                    column_list(table_, "s.") + ", " + sql_now + ", NULL" + stamps.inserted +
                    joined_ + " AND (" + is_new + " OR ((s._authoritative OR " +
                    version_allows(table_, "t.", "s.") + ") AND (t._deleted_at IS NOT NULL OR " +
                    differs(table_, "t.", "s.") + "))) ON CONFLICT (" + table_.id() +
                    ") DO UPDATE SET " + assignments(table_) +
                    "_synced_at = excluded._synced_at, _deleted_at = NULL" + stamps.updated,
                first,
                last);
            page_.stats.inserted += inserted;
            page_.stats.updated += written - inserted;
            return true;
        } catch (const DataError& error) {
            refusal_ = error.sqlstate();
            if (page_.stats.refused > few_refusals && page_.stats.refused * 2 > staged_) {
                throw;
            }
            return false;
        }
    }

    void set_aside(std::int64_t id) {
        Batch batch(table_.names.size());
        for (std::size_t i = 1; i < table_.names.size(); ++i) {
            auto& row = database_.prepare("SELECT CAST(" + table_.names[i] + " AS TEXT) FROM " +
                                              table_.stage + " WHERE " + table_.id() + " = ?1",
                                          id);
            if (row.step() && !row.is_null(0)) {
                batch.column(i).append(row.text(0));
            } else {
                batch.column(i).append_null();
            }
            row.reset();
        }
        batch.end_row(id, {});
        ++page_.stats.refused;
        page_.quarantined.push_back(
            {id, "record: " + refusal_, row_as_json(table_.schema, batch, 0)});
    }

    Database& database_;
    const BoundTable& table_;
    PageResult& page_;
    const std::string joined_;
    std::uint64_t staged_ = 0;
    std::string refusal_; ///< Name of the last one.
};

/// When the snapshot was taken, in the type of the table's column: ?1, or just after the last one.
std::string taken_at_sql(const BoundTable& table) {
    const auto& loaded_at = table.loaded_at.value();
    const auto last = "(SELECT max(" + loaded_at.quoted + ") FROM " + table.quoted + ")";
    if (loaded_at.is_integer) {
        return "max(CAST(strftime('%s', ?1) AS INTEGER), coalesce(" + last + " + 1, 0))";
    }
    return "max(?1, coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', " + last + ", '+1 second'), ''))";
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

std::optional<std::uint64_t> count_stage(Database& database, const BoundTable& table) {
    const bool is_there =
        database
            .number("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
                    stage_of(database, table.schema.target))
            .has_value();
    if (!is_there) {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(
        database.number("SELECT count(*) FROM " + table.stage).value_or(0));
}

PageResult append_stage(Database& database, const BoundTable& table, const AbsentRows& snapshot) {
    PageResult page;
    const auto staged = static_cast<std::uint64_t>(
        database.number("SELECT count(*) FROM " + table.stage).value_or(0));
    check_stage_count(table.target, staged, snapshot.staged_rows);
    if (staged > 0) {
        ZOHOSYNCD_FAILPOINT("sqlite.merge");
        const auto stamps = stamps_of(table);
        page.stats.inserted = database.run(
            "INSERT INTO " + table.quoted + " (" + column_list(table, "") + ", _synced_at" +
                stamps.names + ", " + table.loaded_at.value().quoted + ") SELECT " +
                column_list(table, "s.") + ", " + sql_now + stamps.inserted + ", v.taken_at FROM " +
                table.stage + " s, (SELECT " + taken_at_sql(table) + " AS taken_at) v",
            format_utc(snapshot.walked_at));
        ZOHOSYNCD_FAILPOINT("sqlite.merge.rows");
    }
    database.script("DROP TABLE " + table.stage);
    ZOHOSYNCD_FAILPOINT("sqlite.merge.dropped");
    return page;
}

PageResult merge_stage(Database& database, const BoundTable& table, const AbsentRows& absent) {
    PageResult page;
    const auto staged = static_cast<std::uint64_t>(
        database.number("SELECT count(*) FROM " + table.stage).value_or(0));
    check_stage_count(table.target, staged, absent.staged_rows);
    if (staged > 0) {
        ZOHOSYNCD_FAILPOINT("sqlite.merge");
        StageMerge(database, table, page).run(staged);
        ZOHOSYNCD_FAILPOINT("sqlite.merge.rows");
        const auto anchor = absent.anchor ? format_utc(*absent.anchor) : std::string{};
        if (absent.policy == DeletePolicy::none) {
            database.run("DELETE FROM " + database.state_table("absent") + " WHERE target = ?1",
                         table.target);
        } else {
            page.stats.deleted = remove_absent_twice(database, table, absent, anchor);
            ZOHOSYNCD_FAILPOINT("sqlite.merge.absent");
            delete_lines(database, table, absent.policy, std::nullopt);
            remember_absent(database, table, anchor);
        }
    }
    database.script("DROP TABLE " + table.stage);
    ZOHOSYNCD_FAILPOINT("sqlite.merge.dropped");
    return page;
}

} // namespace zohosyncd::sqlite
