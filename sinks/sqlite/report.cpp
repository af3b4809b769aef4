#include "sinks/sqlite/report.hpp"

#include "daemon/core/time.hpp"

namespace zohosyncd::sqlite {
namespace {

std::uint64_t number_in(const Statement& row, int column) {
    return static_cast<std::uint64_t>(row.integer(column));
}

std::vector<RecordedRun> load_runs(Database& database, const std::string& connection) {
    auto& rows = database.prepare(
        "SELECT stream, coalesce(mode, ''), finished_at, took_ms, pages, requests, rows_read,"
        " rows_inserted, rows_updated, rows_deleted, rows_quarantined FROM " +
            database.state_table("sync_runs") +
            " WHERE connection = ?1 AND finished_at > strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-1 "
            "day') ORDER BY finished_at DESC, run DESC LIMIT ?2",
        connection,
        most_reported_runs);
    std::vector<RecordedRun> runs;
    while (rows.step()) {
        RecordedRun run;
        run.stream = rows.text(0);
        run.mode = rows.text(1);
        run.finished_at = parse_zoho_time(rows.text(2)).value_or(Instant{});
        run.took = std::chrono::milliseconds(rows.integer(3));
        run.pages = number_in(rows, 4);
        run.requests = number_in(rows, 5);
        run.rows_read = number_in(rows, 6);
        run.inserted = number_in(rows, 7);
        run.updated = number_in(rows, 8);
        run.deleted = number_in(rows, 9);
        run.quarantined = number_in(rows, 10);
        runs.push_back(std::move(run));
    }
    rows.reset();
    return runs;
}

std::map<std::string, std::uint64_t> counts_by_table(Database& database, const std::string& from) {
    auto& rows = database.prepare("SELECT target, count(*) FROM " + from + " GROUP BY 1");
    std::map<std::string, std::uint64_t> counts;
    while (rows.step()) {
        counts[rows.text(0)] = number_in(rows, 1);
    }
    rows.reset();
    return counts;
}

} // namespace

TargetReport load_report(Database& database, const std::string& connection) {
    TargetReport report;
    report.runs = load_runs(database, connection);
    auto& rows = database.prepare(
        "SELECT minute / 10 * 600, sum(credits) FROM " + database.state_table("credits") +
            " WHERE connection = ?1 AND minute > strftime('%s', 'now') / 60 - 1440 GROUP BY 1",
        connection);
    while (rows.step()) {
        report.credits[Instant(std::chrono::seconds(rows.integer(0)))] = number_in(rows, 1);
    }
    rows.reset();
    report.quarantined = counts_by_table(database, database.state_table("quarantine"));
    report.columns =
        counts_by_table(database, database.state_table("columns") + " WHERE retired_at IS NULL");
    return report;
}

} // namespace zohosyncd::sqlite
