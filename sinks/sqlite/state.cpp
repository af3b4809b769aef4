#include "sinks/sqlite/state.hpp"

#include "daemon/core/time.hpp"
#include "sinks/common/state_sql.hpp"
#include "sinks/sqlite/migrate.hpp"

namespace zohosyncd::sqlite {
namespace {

// A message is for people; a runaway one must not swell the row.
constexpr std::size_t longest_error = 2000;

// They begin at 1 and only grow.
constexpr std::int64_t no_generation = 0;

std::string text_time(std::optional<std::chrono::sys_seconds> instant) {
    return instant ? format_utc(*instant) : std::string{};
}

std::optional<std::chrono::sys_seconds> instant_of(const Statement& row, int column) {
    return row.is_null(column) ? std::nullopt : parse_zoho_time(row.text(column));
}

std::string update_sql(const Database& database) {
    const auto unless_reset = [](const std::string& column, const std::string& value) {
        return column + " = CASE WHEN generation = ?7 THEN " + value + " ELSE " + column + " END, ";
    };
    const auto mark = [&](const std::string& column, const std::string& parameter) {
        return unless_reset(column, "coalesce(nullif(" + parameter + ", ''), " + column + ")");
    };
    return "UPDATE " + database.state_table("sync_state") + " SET " + mark("anchor", "?8") +
           mark("high_water_mark", "?9") + mark("deletes_mark", "?10") +
           unless_reset("consistent_as_of",
                        "CASE WHEN unverified THEN consistent_as_of ELSE "
                        "coalesce(nullif(?11, ''), consistent_as_of) END") +
           unless_reset("unverified_as_of",
                        "CASE WHEN unverified THEN coalesce(nullif(?11, ''), unverified_as_of) "
                        "END") +
           unless_reset("scan", "nullif(?12, '')") + mark("mapping_hash", "?13") +
           unless_reset("status", "CASE WHEN ?14 THEN 'ok' ELSE status END") +
           unless_reset("last_success_at",
                        std::string("CASE WHEN ?14 THEN ") + sql_now +
                            " ELSE last_success_at END") +
           unless_reset("consecutive_failures",
                        "CASE WHEN ?14 THEN 0 ELSE consecutive_failures END") +
           unless_reset("last_error", "CASE WHEN ?14 THEN NULL ELSE last_error END") +
           "org = coalesce(nullif(?15, ''), org), mode = coalesce(nullif(?16, ''), mode), "
           "last_attempt_at = " +
           sql_now +
           ", rows_upserted = rows_upserted + ?4, rows_unchanged = rows_unchanged + ?5, "
           "rows_deleted = rows_deleted + ?6"
           " WHERE connection = ?1 AND stream = ?2 AND target = ?3 AND table_id IN (SELECT name "
           "FROM sqlite_schema"
           " WHERE type = 'index' AND tbl_name = ?17 COLLATE NOCASE)";
}

const char* const state_columns = "connection, stream, target, org, mode, anchor, high_water_mark, "
                                  "deletes_mark, consistent_as_of, scan, mapping_hash,"
                                  " generation, last_attempt_at, last_success_at, status, "
                                  "rows_upserted, rows_unchanged, rows_deleted,"
                                  " consecutive_failures, last_error, verified_at, "
                                  "verify_missing, verify_extra, verify_differing, "
                                  "unverified, unverified_as_of, formulas_at, formulas_compared, "
                                  "formulas_corrected, formulas_requests";

StreamState state_of(const Statement& row) {
    StreamState state;
    state.key.connection = row.text(0);
    state.key.stream = row.text(1);
    const auto target = row.text(2);
    const auto dot = target.find('.');
    state.key.target = dot == std::string::npos
                           ? TableName{"", target}
                           : TableName{target.substr(0, dot), target.substr(dot + 1)};
    state.org = row.text(3);
    state.mode = row.text(4);
    state.anchor = instant_of(row, 5);
    state.high_water_mark = instant_of(row, 6);
    state.deletes_mark = instant_of(row, 7);
    state.consistent_as_of = instant_of(row, 8);
    state.scan = row.text(9);
    state.mapping_hash = row.text(10);
    state.generation = row.integer(11);
    state.last_attempt_at = instant_of(row, 12);
    state.last_success_at = instant_of(row, 13);
    state.status = stream_status_from(row.text(14)).value_or(StreamStatus::never);
    state.rows_upserted = static_cast<std::uint64_t>(row.integer(15));
    state.rows_unchanged = static_cast<std::uint64_t>(row.integer(16));
    state.rows_deleted = static_cast<std::uint64_t>(row.integer(17));
    state.consecutive_failures = static_cast<int>(row.integer(18));
    state.last_error = row.text(19);
    if (const auto verified_at = instant_of(row, 20)) {
        const auto count = [&](int column) {
            return static_cast<std::uint64_t>(row.integer(column));
        };
        state.verification = {*verified_at, count(21), count(22), count(23)};
    }
    state.unverified = row.integer(24) != 0;
    state.unverified_as_of = instant_of(row, 25);
    if (const auto formulas_at = instant_of(row, 26)) {
        const auto count = [&](int column) {
            return static_cast<std::uint64_t>(row.integer(column));
        };
        state.formulas = {*formulas_at, count(27), count(28), count(29)};
    }
    return state;
}

} // namespace

std::string state_table_id(Database& database, const StreamKey& key) {
    auto& row = database.prepare("SELECT table_id FROM " + database.state_table("sync_state") +
                                     " WHERE connection = ?1 AND stream = ?2 AND target = ?3",
                                 key.connection,
                                 key.stream,
                                 key.target.text());
    const auto id = row.step() ? row.text(0) : std::string{};
    row.reset();
    return id;
}

void begin_state(Database& database, const StreamKey& key, const FirstState& first) {
    const auto target = key.target.text();
    database.run("INSERT INTO " + database.state_table("sync_state") +
                     " AS s (connection, stream, target, table_id, high_water_mark, mapping_hash, "
                     "unverified) VALUES (?1, ?2, ?3, ?4, nullif(?5, ''), nullif(?6, ''), ?7)" +
                     or_keep_state_of_same_table(),
                 key.connection,
                 key.stream,
                 target,
                 first.table_id,
                 first.high_water_mark,
                 first.mapping_hash,
                 first.has_rows ? 1 : 0);
    database.run("DELETE FROM " + database.state_table("absent") + " WHERE target = ?1", target);
}

void store_state(Database& database, const StateChange& change) {
    const auto& checkpoint = change.checkpoint;
    const auto changed = database.run(update_sql(database),
                                      change.key.connection,
                                      change.key.stream,
                                      change.key.target.text(),
                                      change.stats.inserted + change.stats.updated,
                                      change.stats.unchanged,
                                      change.stats.deleted,
                                      checkpoint.generation,
                                      text_time(checkpoint.anchor),
                                      text_time(checkpoint.high_water_mark),
                                      text_time(checkpoint.deletes_mark),
                                      text_time(checkpoint.consistent_as_of),
                                      checkpoint.scan,
                                      checkpoint.mapping_hash,
                                      checkpoint.finished ? 1 : 0,
                                      checkpoint.org,
                                      checkpoint.mode,
                                      change.key.target.table);
    if (changed != 1) {
        throw SyncError(ErrorKind::sink_refused,
                        "table " + change.key.target.table +
                            " was dropped or replaced, or its state row is gone, during the run");
    }
}

void record_run(Database& database, const StateChange& change, const RunTotals& totals) {
    const auto table = database.state_table("sync_runs");
    const auto& run = *change.checkpoint.finished;
    database.run(
        "INSERT INTO " + table +
            " (connection, stream, target, mode, finished_at, took_ms, pages, requests, rows_read, "
            "rows_inserted,"
            " rows_updated, rows_unchanged, rows_deleted, rows_quarantined, high_water_mark)"
            " VALUES (?1, ?2, ?3, ?4, " +
            sql_now + ", ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, nullif(?14, ''))",
        change.key.connection,
        change.key.stream,
        change.key.target.text(),
        change.checkpoint.mode,
        std::int64_t{run.took.count()},
        run.pages,
        run.requests,
        run.rows_read,
        totals.rows.inserted,
        totals.rows.updated,
        totals.rows.unchanged,
        totals.rows.deleted,
        totals.quarantined,
        text_time(change.checkpoint.high_water_mark));
    database.run("DELETE FROM " + table +
                 " WHERE finished_at < strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-30 days')");
}

std::vector<StreamState> load_states(Database& database, const std::string& connection) {
    if (!has_current_state(database)) {
        return {};
    }
    auto& rows = database.prepare(
        std::string("SELECT ") + state_columns + " FROM " + database.state_table("sync_state") +
            " WHERE ?1 = '' OR connection = ?1 ORDER BY connection, stream, target",
        connection);
    std::vector<StreamState> states;
    while (rows.step()) {
        states.push_back(state_of(rows));
    }
    rows.reset();
    return states;
}

std::optional<StreamState> load_state(Database& database, const StreamKey& key) {
    const auto target = key.target.text();
    auto& rows = database.prepare(std::string("SELECT ") + state_columns + " FROM " +
                                      database.state_table("sync_state") +
                                      " WHERE connection = ?1 AND stream = ?2 AND target = ?3",
                                  key.connection,
                                  key.stream,
                                  target);
    std::optional<StreamState> state;
    if (rows.step()) {
        state = state_of(rows);
        state->key = key;
    }
    rows.reset();
    return state;
}

void store_failure(Database& database,
                   const StreamKey& key,
                   StreamStatus status,
                   const std::string& error) {
    // A stream whose first preparation failed has no row yet, and must be seen all the same.
    database.run(
        "INSERT INTO " + database.state_table("sync_state") +
            " AS s (connection, stream, target, status, last_error, consecutive_failures, "
            "last_attempt_at)"
            " VALUES (?1, ?2, ?3, ?4, ?5, 1, " +
            sql_now +
            ") ON CONFLICT (connection, stream, target) DO UPDATE SET status = excluded.status,"
            " last_error = excluded.last_error, consecutive_failures = s.consecutive_failures + 1,"
            " last_attempt_at = excluded.last_attempt_at",
        key.connection,
        key.stream,
        key.target.text(),
        to_string(status),
        error.substr(0, longest_error));
}

void store_verification(Database& database, const StreamKey& key, const Verification& found) {
    database.run("UPDATE " + database.state_table("sync_state") +
                     " SET verified_at = ?4, verify_missing = ?5, verify_extra = ?6, "
                     "verify_differing = ?7,"
                     " consistent_as_of = CASE WHEN unverified AND generation = ?8 THEN "
                     "unverified_as_of ELSE consistent_as_of END,"
                     " unverified_as_of = CASE WHEN generation = ?8 THEN NULL ELSE "
                     "unverified_as_of END,"
                     " unverified = unverified AND generation IS NOT ?8"
                     " WHERE connection = ?1 AND stream = ?2 AND target = ?3",
                 key.connection,
                 key.stream,
                 key.target.text(),
                 format_utc(found.at),
                 found.missing,
                 found.extra,
                 found.differing,
                 found.mended_generation.value_or(no_generation));
}

void store_formulas(Database& database, const StreamKey& key, const FormulaRefresh& found) {
    database.run("UPDATE " + database.state_table("sync_state") +
                     " SET formulas_at = ?4, formulas_compared = ?5, formulas_corrected = ?6, "
                     "formulas_requests = ?7 WHERE connection = ?1 AND stream = ?2 AND target = ?3",
                 key.connection,
                 key.stream,
                 key.target.text(),
                 format_utc(found.at),
                 found.compared,
                 found.corrected,
                 found.requests);
}

int forget_marks(Database& database, const std::string& connection, const std::string& stream) {
    if (!has_current_state(database)) {
        return 0;
    }
    return static_cast<int>(
        database.run("UPDATE " + database.state_table("sync_state") +
                         " SET high_water_mark = NULL, deletes_mark = NULL, consistent_as_of = "
                         "NULL, unverified_as_of = NULL, scan = NULL,"
                         " generation = generation + 1 WHERE connection = ?1 AND stream = ?2",
                     connection,
                     stream));
}

} // namespace zohosyncd::sqlite
