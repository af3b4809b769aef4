#include "sinks/postgres/postgres_sink.hpp"

#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/row_text.hpp"
#include "sinks/common/stage_count.hpp"
#include "sinks/postgres/bound_tables.hpp"
#include "sinks/postgres/compare.hpp"
#include "sinks/postgres/credits.hpp"
#include "sinks/postgres/deletions.hpp"
#include "sinks/postgres/lease.hpp"
#include "sinks/postgres/lines.hpp"
#include "sinks/postgres/migrate.hpp"
#include "sinks/postgres/page_writer.hpp"
#include "sinks/postgres/prepare.hpp"
#include "sinks/postgres/quarantine.hpp"
#include "sinks/postgres/report.hpp"
#include "sinks/postgres/session.hpp"
#include "sinks/postgres/stage.hpp"
#include "sinks/postgres/state.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace zohosyncd {
namespace postgres {
namespace {

class PostgresSink final : public Sink {
public:
    explicit PostgresSink(PostgresOptions options) : session_(std::move(options)) {}

    int migrate() override { return postgres::migrate(session_); }

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
    std::vector<Column> known_columns(const TableName& target) override;
    std::vector<StreamState> states(const std::string& connection) override;
    std::optional<StreamState> state(const StreamKey& key) override;
    WriteStats write(const StreamKey& key,
                     const StreamSchema& schema,
                     const PageWrite& page,
                     const Checkpoint& checkpoint) override;

    std::vector<Deletion> soft_deleted(const StreamSchema& schema,
                                       std::chrono::sys_seconds since,
                                       std::size_t limit) override {
        return postgres::soft_deleted(session_, tables_.get(schema), since, limit);
    }

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
        return postgres::count_stage(session_, tables_.get(schema));
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
        return postgres::live_rows(session_, tables_.get(schema), ids);
    }

    std::vector<RowVersion> live_rows_after(const StreamSchema& schema,
                                            const std::optional<RowVersion>& after,
                                            std::chrono::sys_seconds from,
                                            std::size_t limit) override {
        return postgres::live_rows_after(session_, tables_.get(schema), after, from, limit);
    }

    std::vector<std::int64_t> differing(const StreamSchema& schema, const Batch& records) override {
        return postgres::differing(session_, tables_.get(schema), records);
    }

    void record_verification(const StreamKey& key, const Verification& found) override;
    void record_formulas(const StreamKey& key, const FormulaRefresh& found) override;
    void
    record_failure(const StreamKey& key, StreamStatus status, const std::string& error) override;
    int reset(const std::string& connection, const std::string& stream) override;
    std::uint64_t count_rows(const TableName& table) override;

    std::uint64_t spend_credits(const std::string& connection, std::uint64_t credits) override {
        return postgres::spend_credits(session_, connection, credits);
    }

    std::optional<std::uint64_t> details_backlog(const TableName& table) override {
        return session_.read(
            "count what waits for details in " + table.text(),
            [&](pqxx::work& tx) { return postgres::count_without_details(tx, table); });
    }

    std::int64_t details_generation(const TableName& table) override {
        return session_.read("read the generation of details", [&](pqxx::work& tx) {
            return load_details_generation(session_, tx, table.text());
        });
    }

    std::vector<LineTable>
    prepare_lines(const StreamKey& key, const StreamSchema& schema, ColumnCasing casing) override;

    std::vector<RowVersion> rows_without_details(const StreamSchema& schema,
                                                 std::size_t limit) override {
        return postgres::rows_without_details(session_, tables_.get(schema), limit);
    }

    DetailsWritten write_details(const StreamSchema& schema,
                                 const std::vector<LineTable>& tables,
                                 const DetailsPage& page) override;

    std::uint64_t about_rows(const TableName& table) override {
        return session_.read("estimate the rows of " + table.text(),
                             [&](pqxx::work& tx) { return postgres::about_rows(tx, table); });
    }

    TargetReport report(const std::string& connection) override {
        return session_.read("read the report",
                             [&](pqxx::work& tx) { return load_report(session_, tx, connection); });
    }

private:
    std::vector<LineTable>
    make_lines(const StreamKey& key, const StreamSchema& schema, ColumnCasing casing);
    WriteStats write_page(const StreamKey& key,
                          const StreamSchema& schema,
                          Destination destination,
                          const PageWrite& page,
                          const Checkpoint& checkpoint);
    /// Runs `work`, which returns a PageResult, and stores what it did, in one transaction under
    /// the lease.
    template <class Work>
    PageResult commit(const std::string& what,
                      const StreamKey& key,
                      const Checkpoint& checkpoint,
                      bool counts,
                      Work work);
    WriteStats end_stage(const StreamKey& key,
                         const StreamSchema& schema,
                         Merge merge,
                         const Checkpoint& checkpoint);
    void end_run(pqxx::work& tx, const StateChange& change, const RunTotals& totals);
    /// The stats with the commits in doubt that were settled since the last call.
    WriteStats with_settled(WriteStats stats);

    Session session_;
    Leases leases_{session_};
    Quarantine quarantine_{session_};
    PageWriter writer_{session_};
    BoundTables tables_{session_};
    std::map<std::string, RunTotals> totals_; ///< Of runs that are not finished.
    std::uint64_t settled_ = 0;
};

PreparedStream
PostgresSink::prepare(const StreamKey& key, const StreamSchema& wanted, ColumnCasing casing) {
    auto prepared = prepare_stream(session_, leases_, key, wanted, casing);
    const auto target = key.target.text();
    totals_.erase(target);
    if (prepared.schema.has_details()) {
        prepared.schema.lines = make_lines(key, prepared.schema, casing);
    }
    // A fresh look at the types: somebody may have altered one since the last run.
    session_.read("read the catalogue of " + target, [&](pqxx::work& tx) {
        quarantine_.look(tx, target);
        tables_.renew(tx, prepared.schema);
        return true;
    });
    return prepared;
}

std::vector<Column> PostgresSink::known_columns(const TableName& target) {
    return session_.read("read the columns", [&](pqxx::work& tx) {
        return columns_in_use(load_columns(session_, tx, target.text()));
    });
}

std::vector<StreamState> PostgresSink::states(const std::string& connection) {
    return session_.read("read the state",
                         [&](pqxx::work& tx) { return load_states(session_, tx, connection); });
}

std::optional<StreamState> PostgresSink::state(const StreamKey& key) {
    return session_.read("read the state",
                         [&](pqxx::work& tx) { return load_state(session_, tx, key); });
}

void PostgresSink::end_run(pqxx::work& tx, const StateChange& change, const RunTotals& totals) {
    if (totals.did_something()) {
        record_run(session_, tx, change, totals);
    }
    quarantine_.prune(tx, change.key.target.text());
}

template <class Work>
PageResult PostgresSink::commit(const std::string& what,
                                const StreamKey& key,
                                const Checkpoint& checkpoint,
                                bool counts,
                                Work work) {
    const auto target = key.target.text();
    const auto commit_id = draw_commit_id();
    auto totals = totals_[target];
    const auto settle = [&] {
        const bool happened = has_committed(session_, key, commit_id);
        settled_ += happened ? 1 : 0;
        return happened;
    };
    auto result = session_.write(what + " " + target, settle, [&](pqxx::work& tx) {
        leases_.check(tx);
        ZOHOSYNCD_FAILPOINT("postgres.lease.checked");
        PageResult page = work(tx);
        ZOHOSYNCD_FAILPOINT("postgres.rows.written");
        page.stats.released = quarantine_.store(tx, target, page);
        // Rows in a stage are not in the target yet.
        const WriteStats stats = counts ? page.stats : WriteStats{};
        totals = totals_[target];
        totals.add(stats, page.quarantined.size());
        const auto stored = counts ? checkpoint : with_staged_rows(checkpoint, page.stats);
        const StateChange change{key, stored, stats, commit_id};
        ZOHOSYNCD_FAILPOINT("postgres.checkpoint");
        // A walk that can not be resumed has nothing to tell before its end: should the reply be
        // lost, it begins again.
        if (counts || !checkpoint.scan.empty()) {
            store_state(session_, tx, change);
        }
        ZOHOSYNCD_FAILPOINT("postgres.checkpoint.stored");
        if (checkpoint.finished) {
            end_run(tx, change, totals);
            ZOHOSYNCD_FAILPOINT("postgres.run.recorded");
        }
        return page;
    });
    totals_[target] = checkpoint.finished ? RunTotals{} : totals;
    return result;
}

WriteStats PostgresSink::with_settled(WriteStats stats) {
    stats.settled = std::exchange(settled_, 0);
    return stats;
}

WriteStats PostgresSink::write_page(const StreamKey& key,
                                    const StreamSchema& schema,
                                    Destination destination,
                                    const PageWrite& page,
                                    const Checkpoint& checkpoint) {
    const bool has_rows = (page.corrections != nullptr && page.corrections->rows() > 0) ||
                          (page.listed != nullptr && page.listed->rows() > 0) ||
                          (page.authoritative != nullptr && page.authoritative->rows() > 0);
    const auto attempt = [&](bool careful) {
        // Looked up before the transaction begins: a connection holds one at a time.
        const auto* table = has_rows ? &tables_.get(schema) : nullptr;
        return commit(
            "write to", key, checkpoint, destination == Destination::table, [&](pqxx::work& tx) {
                return table == nullptr ? quarantined_only(page)
                                        : writer_.write(tx, *table, destination, page, careful);
            });
    };
    try {
        return attempt(false).stats;
    } catch (const DataError&) {
        if (!has_rows) {
            throw;
        }
    }
    auto result = attempt(true);
    result.stats.refused = result.quarantined.size() - quarantined_only(page).quarantined.size();
    return result.stats;
}

WriteStats PostgresSink::write(const StreamKey& key,
                               const StreamSchema& schema,
                               const PageWrite& page,
                               const Checkpoint& checkpoint) {
    return with_settled(write_page(key, schema, Destination::table, page, checkpoint));
}

std::vector<std::int64_t> PostgresSink::set_aside(const TableName& table, std::size_t limit) {
    if (!quarantine_.holds(table.text())) {
        return {};
    }
    return session_.read("read the quarantine of " + table.text(), [&](pqxx::work& tx) {
        return quarantine_.set_aside(tx, table.text(), limit);
    });
}

WriteStats PostgresSink::write_deletions(const StreamKey& key,
                                         const StreamSchema& schema,
                                         std::span<const Deletion> deletions,
                                         DeletePolicy policy,
                                         const Checkpoint& checkpoint) {
    const auto& table = tables_.get(schema);
    const auto result = commit("delete from", key, checkpoint, true, [&](pqxx::work& tx) {
        PageResult page;
        if (policy != DeletePolicy::none) {
            page.stats.deleted = delete_rows(session_, tx, table, deletions, policy);
        }
        return page;
    });
    return with_settled(result.stats);
}

std::vector<LineTable>
PostgresSink::prepare_lines(const StreamKey& key, const StreamSchema& schema, ColumnCasing casing) {
    auto tables = make_lines(key, schema, casing);
    retire_other_lines(session_, leases_, key.target, tables);
    return tables;
}

std::vector<LineTable>
PostgresSink::make_lines(const StreamKey& key, const StreamSchema& schema, ColumnCasing casing) {
    auto tables = postgres::prepare_lines(session_, leases_, {key, schema, casing});
    tables_.forget(key.target.text()); // It may have a column more.
    session_.read("read the quarantine of " + key.target.text(), [&](pqxx::work& tx) {
        for (const auto& table : tables) {
            tables_.forget(table.target.text());
            quarantine_.look(tx, table.target.text());
        }
        return true;
    });
    return tables;
}

DetailsWritten PostgresSink::write_details(const StreamSchema& schema,
                                           const std::vector<LineTable>& tables,
                                           const DetailsPage& page) {
    const auto attempt = [&](bool careful) {
        // Looked up before the transaction begins: a connection holds one at a time.
        const auto& records = tables_.get(schema);
        std::vector<const BoundTable*> lines;
        lines.reserve(tables.size());
        for (const auto& table : tables) {
            lines.push_back(&tables_.get(schema_of_lines(table)));
        }
        // Without a way to tell whether a commit in doubt happened: then the rows just wait on.
        return session_.write("write details to " + records.target, {}, [&](pqxx::work& tx) {
            leases_.check(tx);
            if (!hold_details_generation(session_, tx, records.target, page.generation)) {
                DetailsWritten nothing;
                nothing.is_outdated = true;
                return nothing;
            }
            return postgres::write_details(
                tx, writer_, quarantine_, {records, lines, page}, careful);
        });
    };
    try {
        return attempt(false);
    } catch (const DataError&) {
        return attempt(true);
    }
}

void PostgresSink::begin_stage(const StreamKey&, const StreamSchema& schema) {
    const auto& table = tables_.get(schema);
    session_.write("begin the stage of " + table.target, {}, [&](pqxx::work& tx) {
        leases_.check(tx);
        ZOHOSYNCD_FAILPOINT("postgres.stage.begin");
        create_stage(tx, table);
        ZOHOSYNCD_FAILPOINT("postgres.stage.created");
        return true;
    });
}

WriteStats PostgresSink::write_stage(const StreamKey& key,
                                     const StreamSchema& schema,
                                     const PageWrite& page,
                                     const Checkpoint& checkpoint) {
    return write_page(key, schema, Destination::stage, page, checkpoint);
}

WriteStats PostgresSink::end_stage(const StreamKey& key,
                                   const StreamSchema& schema,
                                   Merge merge,
                                   const Checkpoint& checkpoint) {
    const auto attempt = [&] {
        const auto& table = tables_.get(schema);
        return commit("merge the stage of", key, checkpoint, true, [&](pqxx::work& tx) {
            return schema.is_snapshot ? postgres::append_stage(tx, table, merge)
                                      : postgres::merge_stage(session_, tx, table, merge);
        });
    };
    try {
        return with_settled(attempt().stats);
    } catch (const DataError&) {
        if (schema.is_snapshot) {
            throw; // It is there whole or not at all.
        }
        merge.careful = true; // A row that is refused must not stop the others.
        return with_settled(attempt().stats);
    }
}

void PostgresSink::record_formulas(const StreamKey& key, const FormulaRefresh& found) {
    session_.write("record a refresh of formula fields of " + key.stream, {}, [&](pqxx::work& tx) {
        store_formulas(session_, tx, key, found);
        return true;
    });
}

void PostgresSink::record_verification(const StreamKey& key, const Verification& found) {
    session_.write("record a verification of " + key.stream, {}, [&](pqxx::work& tx) {
        store_verification(session_, tx, key, found);
        return true;
    });
}

void PostgresSink::record_failure(const StreamKey& key,
                                  StreamStatus status,
                                  const std::string& error) {
    session_.write("record a failure of " + key.stream, {}, [&](pqxx::work& tx) {
        leases_.check(tx);
        ZOHOSYNCD_FAILPOINT("postgres.failure");
        store_failure(session_, tx, key, status, error);
        return true;
    });
}

int PostgresSink::reset(const std::string& connection, const std::string& stream) {
    return session_.write("reset " + stream, {}, [&](pqxx::work& tx) {
        return forget_marks(session_, tx, connection, stream);
    });
}

std::uint64_t PostgresSink::count_rows(const TableName& table) {
    return session_.read("count the rows of " + table.text(), [&](pqxx::work& tx) {
        return tx
            .exec1("SELECT count(*) FROM " + quote_table(table) + " WHERE _deleted_at IS NULL")[0]
            .as<std::uint64_t>();
    });
}

} // namespace
} // namespace postgres

std::unique_ptr<Sink> make_postgres_sink(PostgresOptions options) {
    return std::make_unique<postgres::PostgresSink>(std::move(options));
}

} // namespace zohosyncd
