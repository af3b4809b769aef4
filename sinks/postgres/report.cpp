#include "sinks/postgres/report.hpp"

#include "sinks/postgres/catalog.hpp"

#include <algorithm>

namespace zohosyncd::postgres {
namespace {

// Up to here a count costs a few milliseconds; beyond, what statistics say is near enough.
constexpr std::int64_t few_rows = 20'000;

std::chrono::sys_seconds instant_of(const pqxx::field& field) {
    return std::chrono::sys_seconds(std::chrono::seconds(field.as<std::int64_t>()));
}

std::vector<RecordedRun>
load_runs(Session& session, pqxx::work& tx, const std::string& connection) {
    std::vector<RecordedRun> runs;
    for (const auto& row : tx.exec_params(
             "SELECT stream, coalesce(mode, ''), floor(extract(epoch FROM finished_at))::bigint,"
             " (extract(epoch FROM took) * 1000)::bigint, pages, requests, rows_read,"
             " rows_inserted, rows_updated, rows_deleted, rows_quarantined FROM " +
                 session.state_table("sync_runs") +
                 " WHERE connection = $1 AND finished_at > now() - interval '24 hours'"
                 " ORDER BY finished_at DESC, run DESC LIMIT $2",
             connection,
             most_reported_runs)) {
        RecordedRun run;
        run.stream = row[0].c_str();
        run.mode = row[1].c_str();
        run.finished_at = instant_of(row[2]);
        run.took = std::chrono::milliseconds(row[3].as<std::int64_t>());
        run.pages = row[4].as<std::uint64_t>();
        run.requests = row[5].as<std::uint64_t>();
        run.rows_read = row[6].as<std::uint64_t>();
        run.inserted = row[7].as<std::uint64_t>();
        run.updated = row[8].as<std::uint64_t>();
        run.deleted = row[9].as<std::uint64_t>();
        run.quarantined = row[10].as<std::uint64_t>();
        runs.push_back(std::move(run));
    }
    return runs;
}

} // namespace

TargetReport load_report(Session& session, pqxx::work& tx, const std::string& connection) {
    TargetReport report;
    report.runs = load_runs(session, tx, connection);
    for (const auto& row : tx.exec_params(
             "SELECT floor(extract(epoch FROM minute) / 600)::bigint * 600, sum(credits)::bigint"
             " FROM " +
                 session.state_table("credits") +
                 " WHERE connection = $1 AND minute > now() - interval '24 hours' GROUP BY 1",
             connection)) {
        report.credits[instant_of(row[0])] = row[1].as<std::uint64_t>();
    }
    for (const auto& row : tx.exec("SELECT target, count(*) FROM " +
                                   session.state_table("quarantine") + " GROUP BY 1")) {
        report.quarantined[row[0].c_str()] = row[1].as<std::uint64_t>();
    }
    for (const auto& row :
         tx.exec("SELECT target, count(*) FROM " + session.state_table("columns") +
                 " WHERE retired_at IS NULL GROUP BY 1")) {
        report.columns[row[0].c_str()] = row[1].as<std::uint64_t>();
    }
    return report;
}

std::uint64_t about_rows(pqxx::work& tx, const TableName& table) {
    const auto quoted = quote_table(table);
    const auto row = tx.exec_params1(
        "SELECT greatest(reltuples::bigint, pg_stat_get_live_tuples(oid)) FROM pg_class"
        " WHERE oid = to_regclass($1) UNION ALL SELECT -1 LIMIT 1",
        quoted);
    const auto estimate = row[0].as<std::int64_t>();
    if (estimate < 0) {
        return 0; // No such table yet.
    }
    if (estimate > few_rows) {
        return static_cast<std::uint64_t>(estimate);
    }
    // The estimate may be of a table that has grown since: the count has an end of its own.
    const auto counted = tx.exec_params1("SELECT count(*) FROM (SELECT 1 FROM " + quoted +
                                             " WHERE _deleted_at IS NULL LIMIT $1) AS live",
                                         few_rows + 1)[0]
                             .as<std::int64_t>();
    return static_cast<std::uint64_t>(counted > few_rows ? std::max(counted, estimate) : counted);
}

} // namespace zohosyncd::postgres
