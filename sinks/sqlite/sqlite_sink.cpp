#include "sinks/sqlite/sqlite_sink.hpp"

#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/stage_count.hpp"
#include "sinks/sqlite/compare.hpp"
#include "sinks/sqlite/database.hpp"
#include "sinks/sqlite/known_columns.hpp"
#include "sinks/sqlite/lease.hpp"
#include "sinks/sqlite/lines.hpp"
#include "sinks/sqlite/migrate.hpp"
#include "sinks/sqlite/page_writer.hpp"
#include "sinks/sqlite/prepare.hpp"
#include "sinks/sqlite/quarantine.hpp"
#include "sinks/sqlite/report.hpp"
#include "sinks/sqlite/stage.hpp"
#include "sinks/sqlite/state.hpp"
#include "sinks/sqlite/tables.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace zohosyncd {
namespace sqlite {
namespace {

class SqliteSink final : public Sink {
public:
    explicit SqliteSink(SqliteOptions options) : database_(std::move(options)) {}

    int migrate() override { return sqlite::migrate(database_); }

    void write_under_lease(const std::string& connection, std::int64_t epoch) override {
        leases_.write_under(connection, epoch);
    }

    Lease try_acquire_lease(const std::string& connection, const std::string& holder) override {
        return leases_.try_acquire(connection, holder);
    }

    void heartbeat(const std::string& connection, std::int64_t epoch) override {
        leases_.heartbeat(connection, epoch);
    }

    void release_lease(const std::string& connection, std::int64_t epoch) override {
        leases_.release(connection, epoch);
    }

    PreparedStream
    prepare(const StreamKey& key, const StreamSchema& wanted, ColumnCasing casing) override;

    std::vector<Column> known_columns(const TableName& target) override {
        return database_.read(
            [&] { return columns_in_use(load_columns(database_, target.text())); });
    }

    std::vector<StreamState> states(const std::string& connection) override {
        return database_.read([&] { return load_states(database_, connection); });
    }

    std::optional<StreamState> state(const StreamKey& key) override {
        return database_.read([&] { return load_state(database_, key); });
    }

    WriteStats write(const StreamKey& key,
                     const StreamSchema& schema,
                     const PageWrite& page,
                     const Checkpoint& checkpoint) override;
    std::vector<Deletion> soft_deleted(const StreamSchema& schema,
                                       std::chrono::sys_seconds since,
                                       std::size_t limit) override;
    std::vector<std::int64_t> set_aside(const TableName& table, std::size_t limit) override;
    WriteStats write_deletions(const StreamKey& key,
                               const StreamSchema& schema,
                               std::span<const Deletion> deletions,
                               DeletePolicy policy,
                               const Checkpoint& checkpoint) override;
    void begin_stage(const StreamKey& key, const StreamSchema& schema) override;
    WriteStats write_stage(const StreamKey& key,
                           const StreamSchema& schema,
                           const PageWrite& page,
                           const Checkpoint& checkpoint) override;

    std::optional<std::uint64_t> count_stage(const StreamSchema& schema) override {
        return database_.read([&] { return sqlite::count_stage(database_, bound(schema)); });
    }

    WriteStats merge_stage(const StreamKey& key,
                           const StreamSchema& schema,
                           DeletePolicy policy,
                           std::chrono::sys_seconds walked_at,
                           const Checkpoint& checkpoint) override {
        return end_stage(key,
                         schema,
                         {policy, walked_at, checkpoint.anchor, checkpoint.staged_rows},
                         checkpoint);
    }

    WriteStats append_stage(const StreamKey& key,
                            const StreamSchema& schema,
                            std::chrono::sys_seconds taken_at,
                            const Checkpoint& checkpoint) override {
        return end_stage(
            key, schema, {DeletePolicy::none, taken_at, {}, checkpoint.staged_rows}, checkpoint);
    }

    std::vector<RowVersion> live_rows(const StreamSchema& schema,
                                      std::span<const std::int64_t> ids) override {
        return sqlite::live_rows(database_, bound(schema), ids);
    }

    std::vector<RowVersion> live_rows_after(const StreamSchema& schema,
                                            const std::optional<RowVersion>& after,
                                            std::chrono::sys_seconds from,
                                            std::size_t limit) override {
        return sqlite::live_rows_after(database_, bound(schema), after, from, limit);
    }

    std::vector<std::int64_t> differing(const StreamSchema& schema, const Batch& records) override {
        return sqlite::differing(database_, bound(schema), records);
    }

    void record_verification(const StreamKey& key, const Verification& found) override;
    void record_formulas(const StreamKey& key, const FormulaRefresh& found) override;
    void
    record_failure(const StreamKey& key, StreamStatus status, const std::string& error) override;
    int reset(const std::string& connection, const std::string& stream) override;
    std::uint64_t count_rows(const TableName& table) override;
    std::uint64_t spend_credits(const std::string& connection, std::uint64_t credits) override;

    std::optional<std::uint64_t> details_backlog(const TableName& table) override {
        return database_.read([&] { return sqlite::count_without_details(database_, table); });
    }

    std::int64_t details_generation(const TableName& table) override {
        return database_.read([&] { return load_details_generation(database_, table.text()); });
    }

    std::vector<LineTable>
    prepare_lines(const StreamKey& key, const StreamSchema& schema, ColumnCasing casing) override;

    std::vector<RowVersion> rows_without_details(const StreamSchema& schema,
                                                 std::size_t limit) override {
        return sqlite::rows_without_details(database_, bound(schema), limit);
    }

    DetailsWritten write_details(const StreamSchema& schema,
                                 const std::vector<LineTable>& tables,
                                 const DetailsPage& page) override;

    std::uint64_t about_rows(const TableName& table) override {
        const bool is_there =
            database_
                .number("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
                        table.table)
                .has_value();
        return is_there ? count_rows(table) : 0;
    }

    TargetReport report(const std::string& connection) override {
        return database_.read([&] { return load_report(database_, connection); });
    }

private:
    std::vector<LineTable>
    make_lines(const StreamKey& key, const StreamSchema& schema, ColumnCasing casing);
    const BoundTable& bound(const StreamSchema& schema);
    WriteStats end_stage(const StreamKey& key,
                         const StreamSchema& schema,
                         const AbsentRows& absent,
                         const Checkpoint& checkpoint);
    /// Runs `work`, which returns a PageResult, and stores what it did, in one transaction under
    /// the lease.
    template <class Work>
    WriteStats commit(const StreamKey& key, const Checkpoint& checkpoint, bool counts, Work work);

    Database database_;
    Leases leases_{database_};
    Quarantine quarantine_{database_};
    std::map<std::string, BoundTable> tables_;
    std::map<std::string, RunTotals> totals_; ///< Of runs that are not finished.
};

const BoundTable& SqliteSink::bound(const StreamSchema& schema) {
    const auto found = tables_.find(schema.target.text());
    if (found != tables_.end()) {
        const auto& columns = found->second.schema.columns;
        const auto same_column = [](const Column& a, const Column& b) {
            return a.name == b.name && a.type == b.type &&
                   a.counts_as_change == b.counts_as_change && a.is_detail == b.is_detail;
        };
        if (std::equal(columns.begin(),
                       columns.end(),
                       schema.columns.begin(),
                       schema.columns.end(),
                       same_column) &&
            found->second.schema.version_column == schema.version_column &&
            found->second.schema.options == schema.options) {
            return found->second;
        }
    }
    return tables_.insert_or_assign(schema.target.text(), bind_table(database_, schema))
        .first->second;
}

PreparedStream
SqliteSink::prepare(const StreamKey& key, const StreamSchema& wanted, ColumnCasing casing) {
    auto prepared = prepare_stream(database_, leases_, key, wanted, casing);
    if (prepared.schema.has_details()) {
        prepared.schema.lines = make_lines(key, prepared.schema, casing);
    }
    tables_.erase(key.target.text());
    totals_.erase(key.target.text());
    quarantine_.look(key.target.text());
    return prepared;
}

template <class Work>
WriteStats
SqliteSink::commit(const StreamKey& key, const Checkpoint& checkpoint, bool counts, Work work) {
    const auto target = key.target.text();
    auto totals = totals_[target];
    const auto result = database_.write([&] {
        leases_.check();
        ZOHOSYNCD_FAILPOINT("sqlite.lease.checked");
        PageResult page = work();
        ZOHOSYNCD_FAILPOINT("sqlite.rows.written");
        page.stats.released = quarantine_.store(target, page);
        // Rows in a stage are not in the target yet.
        const WriteStats stats = counts ? page.stats : WriteStats{};
        totals.add(stats, page.quarantined.size());
        const auto stored = counts ? checkpoint : with_staged_rows(checkpoint, page.stats);
        const StateChange change{key, stored, stats};
        ZOHOSYNCD_FAILPOINT("sqlite.checkpoint");
        // A walk that can not be resumed has nothing to tell before its end.
        if (counts || !checkpoint.scan.empty()) {
            store_state(database_, change);
        }
        ZOHOSYNCD_FAILPOINT("sqlite.checkpoint.stored");
        if (checkpoint.finished) {
            if (totals.did_something()) {
                record_run(database_, change, totals);
            }
            ZOHOSYNCD_FAILPOINT("sqlite.run.recorded");
            quarantine_.prune(target);
        }
        return page;
    });
    totals_[target] = checkpoint.finished ? RunTotals{} : totals;
    return result.stats;
}

WriteStats SqliteSink::write(const StreamKey& key,
                             const StreamSchema& schema,
                             const PageWrite& page,
                             const Checkpoint& checkpoint) {
    return commit(key, checkpoint, true, [&] {
        return write_page(database_, bound(schema), Destination::table, page);
    });
}

std::vector<Deletion> SqliteSink::soft_deleted(const StreamSchema& schema,
                                               std::chrono::sys_seconds since,
                                               std::size_t limit) {
    const auto& table = bound(schema);
    return database_.read([&] {
        auto& rows = database_.prepare(
            "SELECT " + table.id() + ", _deleted_at FROM " + table.quoted +
                " WHERE _deleted_at >= ?1 ORDER BY _deleted_at, " + table.id() + " LIMIT ?2",
            format_utc(since),
            std::uint64_t{limit});
        std::vector<Deletion> deletions;
        while (rows.step()) {
            if (const auto time = parse_zoho_time(rows.text(1))) {
                deletions.push_back({rows.integer(0), *time});
            }
        }
        rows.reset();
        return deletions;
    });
}

std::vector<std::int64_t> SqliteSink::set_aside(const TableName& table, std::size_t limit) {
    if (!quarantine_.holds(table.text())) {
        return {};
    }
    return database_.read([&] { return quarantine_.set_aside(table.text(), limit); });
}

WriteStats SqliteSink::write_deletions(const StreamKey& key,
                                       const StreamSchema& schema,
                                       std::span<const Deletion> deletions,
                                       DeletePolicy policy,
                                       const Checkpoint& checkpoint) {
    std::map<std::int64_t, std::chrono::sys_seconds> latest;
    for (const auto& deletion : deletions) {
        auto& time = latest.try_emplace(deletion.id, deletion.deleted_time).first->second;
        time = std::max(time, deletion.deleted_time);
    }
    return commit(key, checkpoint, true, [&] {
        const auto& table = bound(schema);
        const auto where = " WHERE " + table.id() + " = ?1";
        PageResult page;
        for (const auto& [id, time] : latest) {
            if (policy == DeletePolicy::none) {
                break;
            }
            if (policy == DeletePolicy::hard) {
                page.stats.deleted += database_.run("DELETE FROM " + table.quoted + where, id);
                continue;
            }
            ZOHOSYNCD_FAILPOINT("sqlite.deletions");
            const bool was_live =
                database_.number("SELECT _deleted_at IS NULL FROM " + table.quoted + where, id) ==
                1;
            const auto marked = database_.run(
                "UPDATE " + table.quoted + " SET _deleted_at = ?2, _synced_at = " + sql_now +
                    stamps_of(table).deleted + where + " AND _deleted_at IS NOT ?2",
                id,
                format_utc(time));
            ZOHOSYNCD_FAILPOINT("sqlite.deletions.marked");
            page.stats.deleted += was_live ? marked : 0;
        }
        if (!latest.empty()) {
            std::vector<std::int64_t> ids;
            ids.reserve(latest.size());
            for (const auto& [id, time] : latest) {
                ids.push_back(id);
            }
            delete_lines(database_, table, policy, ids);
        }
        return page;
    });
}

std::vector<LineTable>
SqliteSink::prepare_lines(const StreamKey& key, const StreamSchema& schema, ColumnCasing casing) {
    auto tables = make_lines(key, schema, casing);
    retire_other_lines(database_, leases_, key.target, tables);
    return tables;
}

std::vector<LineTable>
SqliteSink::make_lines(const StreamKey& key, const StreamSchema& schema, ColumnCasing casing) {
    auto tables = sqlite::prepare_lines(database_, leases_, key, schema, casing);
    tables_.erase(key.target.text()); // It may have a column more.
    for (const auto& table : tables) {
        tables_.erase(table.target.text());
        quarantine_.look(table.target.text());
    }
    return tables;
}

DetailsWritten SqliteSink::write_details(const StreamSchema& schema,
                                         const std::vector<LineTable>& tables,
                                         const DetailsPage& page) {
    return database_.write([&] {
        leases_.check();
        if (load_details_generation(database_, schema.target.text()) != page.generation) {
            DetailsWritten nothing;
            nothing.is_outdated = true;
            return nothing;
        }
        const auto& records = bound(schema);
        std::vector<BoundTable> lines;
        lines.reserve(tables.size());
        for (const auto& table : tables) {
            lines.push_back(bound(schema_of_lines(table)));
        }
        return sqlite::write_details(database_, quarantine_, records, lines, page);
    });
}

void SqliteSink::begin_stage(const StreamKey&, const StreamSchema& schema) {
    database_.write([&] {
        leases_.check();
        ZOHOSYNCD_FAILPOINT("sqlite.stage.begin");
        create_stage(database_, bound(schema));
        ZOHOSYNCD_FAILPOINT("sqlite.stage.created");
        return true;
    });
}

WriteStats SqliteSink::write_stage(const StreamKey& key,
                                   const StreamSchema& schema,
                                   const PageWrite& page,
                                   const Checkpoint& checkpoint) {
    return commit(key, checkpoint, false, [&] {
        return write_page(database_, bound(schema), Destination::stage, page);
    });
}

WriteStats SqliteSink::end_stage(const StreamKey& key,
                                 const StreamSchema& schema,
                                 const AbsentRows& absent,
                                 const Checkpoint& checkpoint) {
    return commit(key, checkpoint, true, [&] {
        const auto& table = bound(schema);
        return schema.is_snapshot ? sqlite::append_stage(database_, table, absent)
                                  : sqlite::merge_stage(database_, table, absent);
    });
}

void SqliteSink::record_formulas(const StreamKey& key, const FormulaRefresh& found) {
    database_.write([&] {
        store_formulas(database_, key, found);
        return true;
    });
}

void SqliteSink::record_verification(const StreamKey& key, const Verification& found) {
    database_.write([&] {
        store_verification(database_, key, found);
        return true;
    });
}

void SqliteSink::record_failure(const StreamKey& key,
                                StreamStatus status,
                                const std::string& error) {
    database_.write([&] {
        leases_.check();
        ZOHOSYNCD_FAILPOINT("sqlite.failure");
        store_failure(database_, key, status, error);
        return true;
    });
}

int SqliteSink::reset(const std::string& connection, const std::string& stream) {
    return database_.write([&] { return forget_marks(database_, connection, stream); });
}

std::uint64_t SqliteSink::count_rows(const TableName& table) {
    const auto rows = database_.number("SELECT count(*) FROM " + quote_identifier(table.table) +
                                       " WHERE _deleted_at IS NULL");
    return static_cast<std::uint64_t>(rows.value_or(0));
}

std::uint64_t SqliteSink::spend_credits(const std::string& connection, std::uint64_t credits) {
    const auto table = database_.state_table("credits");
    const auto sum = [&] {
        return static_cast<std::uint64_t>(
            database_
                .number(
                    "SELECT coalesce(sum(credits), 0) FROM " + table +
                        " WHERE connection = ?1 AND minute >= strftime('%s', 'now') / 60 - 1440",
                    connection)
                .value_or(0));
    };
    if (credits == 0) {
        return database_.read(sum);
    }
    return database_.write([&] {
        ZOHOSYNCD_FAILPOINT("sqlite.credits");
        database_.run(
            "INSERT INTO " + table +
                " AS c (connection, minute, credits) VALUES (?1, strftime('%s', 'now') / 60, ?2)"
                " ON CONFLICT (connection, minute) DO UPDATE SET credits = c.credits + "
                "excluded.credits",
            connection,
            credits);
        database_.run("DELETE FROM " + table +
                          " WHERE connection = ?1 AND minute < strftime('%s', 'now') / 60 - 1500",
                      connection);
        return sum();
    });
}

} // namespace
} // namespace sqlite

std::unique_ptr<Sink> make_sqlite_sink(SqliteOptions options) {
    return std::make_unique<sqlite::SqliteSink>(std::move(options));
}

} // namespace zohosyncd
