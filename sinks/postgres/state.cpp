#include "sinks/postgres/state.hpp"

#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "sinks/postgres/migrate.hpp"

namespace zohosyncd::postgres {
namespace {

// A message is for people; a runaway one must not swell the row.
constexpr std::size_t longest_error = 2000;

std::string update_sql(const Session& session) {
    const auto unless_reset = [](const std::string& column, const std::string& value) {
        return column + " = CASE WHEN generation = $8::bigint THEN " + value + " ELSE " + column +
               " END, ";
    };
    const auto mark = [&](const std::string& column, const std::string& parameter) {
        return unless_reset(column,
                            "coalesce(nullif(" + parameter + ", '')::timestamptz, " + column + ")");
    };
    return "UPDATE " + session.state_table("sync_state") + " SET " + mark("anchor", "$9") +
           mark("high_water_mark", "$10") + mark("deletes_mark", "$11") +
           unless_reset("consistent_as_of",
                        "CASE WHEN unverified THEN consistent_as_of ELSE "
                        "coalesce(nullif($12, '')::timestamptz, consistent_as_of) END") +
           unless_reset("unverified_as_of",
                        "CASE WHEN unverified THEN coalesce(nullif($12, '')::timestamptz, "
                        "unverified_as_of) END") +
           unless_reset("scan", "nullif($13, '')::jsonb") +
           unless_reset("mapping_hash", "coalesce(nullif($14, ''), mapping_hash)") +
           unless_reset("status", "CASE WHEN $15::boolean THEN 'ok' ELSE status END") +
           unless_reset("last_success_at",
                        "CASE WHEN $15::boolean THEN now() ELSE last_success_at END") +
           unless_reset("consecutive_failures",
                        "CASE WHEN $15::boolean THEN 0 ELSE consecutive_failures END") +
           unless_reset("last_error", "CASE WHEN $15::boolean THEN NULL ELSE last_error END") +
           "org = coalesce(nullif($16, ''), org), mode = coalesce(nullif($17, ''), mode), "
           "last_attempt_at = now(),"
           " rows_upserted = rows_upserted + $5::bigint, rows_unchanged = rows_unchanged + "
           "$6::bigint,"
           " rows_deleted = rows_deleted + $7::bigint, commit_id = $4::bigint"
           " WHERE connection = $1 AND stream = $2 AND target = $3 AND table_id = to_regclass($18)";
}

std::optional<std::chrono::sys_seconds> instant_of(const pqxx::field& field) {
    if (field.is_null()) {
        return std::nullopt;
    }
    return std::chrono::sys_seconds(std::chrono::seconds(field.as<std::int64_t>()));
}

std::string text_of(const pqxx::field& field) {
    return field.is_null() ? std::string{} : std::string(field.c_str());
}

// Seconds since 1970: no format to agree on.
const char* const state_columns =
    "connection, stream, target, org, mode, extract(epoch FROM anchor)::bigint, extract(epoch FROM "
    "high_water_mark)::bigint,"
    " extract(epoch FROM deletes_mark)::bigint, extract(epoch FROM consistent_as_of)::bigint, "
    "scan::text, mapping_hash,"
    " generation, floor(extract(epoch FROM last_attempt_at))::bigint, floor(extract(epoch FROM "
    "last_success_at))::bigint,"
    " status, rows_upserted, rows_unchanged, rows_deleted, consecutive_failures, last_error,"
    " floor(extract(epoch FROM verified_at))::bigint, verify_missing, verify_extra, "
    "verify_differing, unverified, extract(epoch FROM unverified_as_of)::bigint,"
    " floor(extract(epoch FROM formulas_at))::bigint, formulas_compared, formulas_corrected, "
    "formulas_requests";

StreamState state_of(const pqxx::row& row) {
    StreamState state;
    state.key.connection = row[0].c_str();
    state.key.stream = row[1].c_str();
    const std::string target = row[2].c_str();
    const auto dot = target.find('.');
    state.key.target = dot == std::string::npos
                           ? TableName{"", target}
                           : TableName{target.substr(0, dot), target.substr(dot + 1)};
    state.org = text_of(row[3]);
    state.mode = text_of(row[4]);
    state.anchor = instant_of(row[5]);
    state.high_water_mark = instant_of(row[6]);
    state.deletes_mark = instant_of(row[7]);
    state.consistent_as_of = instant_of(row[8]);
    state.scan = text_of(row[9]);
    state.mapping_hash = text_of(row[10]);
    state.generation = row[11].as<std::int64_t>();
    state.last_attempt_at = instant_of(row[12]);
    state.last_success_at = instant_of(row[13]);
    state.status = stream_status_from(row[14].c_str()).value_or(StreamStatus::never);
    state.rows_upserted = row[15].as<std::uint64_t>();
    state.rows_unchanged = row[16].as<std::uint64_t>();
    state.rows_deleted = row[17].as<std::uint64_t>();
    state.consecutive_failures = row[18].as<int>();
    state.last_error = text_of(row[19]);
    if (const auto verified_at = instant_of(row[20])) {
        state.verification = {*verified_at,
                              row[21].as<std::uint64_t>(0),
                              row[22].as<std::uint64_t>(0),
                              row[23].as<std::uint64_t>(0)};
    }
    state.unverified = row[24].as<bool>();
    state.unverified_as_of = instant_of(row[25]);
    if (const auto formulas_at = instant_of(row[26])) {
        state.formulas = {*formulas_at,
                          row[27].as<std::uint64_t>(0),
                          row[28].as<std::uint64_t>(0),
                          row[29].as<std::uint64_t>(0)};
    }
    return state;
}

} // namespace

std::string sql_time(std::optional<std::chrono::sys_seconds> instant) {
    return instant ? format_utc(*instant) : std::string{};
}

void store_state(Session& session, pqxx::work& tx, const StateChange& change) {
    const auto& checkpoint = change.checkpoint;
    const std::string values[] = {
        change.key.connection,
        change.key.stream,
        change.key.target.text(),
        std::to_string(change.commit_id),
        std::to_string(change.stats.inserted + change.stats.updated),
        std::to_string(change.stats.unchanged),
        std::to_string(change.stats.deleted),
        std::to_string(checkpoint.generation),
        sql_time(checkpoint.anchor),
        sql_time(checkpoint.high_water_mark),
        sql_time(checkpoint.deletes_mark),
        sql_time(checkpoint.consistent_as_of),
        checkpoint.scan,
        checkpoint.mapping_hash,
        checkpoint.finished ? "true" : "false",
        checkpoint.org,
        checkpoint.mode,
        quote_identifier(change.key.target.schema) + '.' +
            quote_identifier(change.key.target.table),
    };
    std::vector<const char*> parameters;
    for (const auto& value : values) {
        parameters.push_back(value.c_str());
    }
    const auto answer = session.run(tx, "store_state", update_sql(session), parameters);
    if (answer.affected_rows() != 1) {
        throw SyncError(ErrorKind::sink_refused,
                        "table " + change.key.target.text() +
                            " was dropped or replaced, or its state row is gone, during the run");
    }
}

bool has_committed(Session& session, const StreamKey& key, std::int64_t commit_id) {
    ZOHOSYNCD_FAILPOINT("postgres.settle");
    return session.read("settle a commit in doubt", [&](pqxx::work& tx) {
        // The lock waits for the old backend, should it still be at work on the row.
        const auto rows = tx.exec_params(
            "SELECT commit_id = $4::bigint FROM " + session.state_table("sync_state") +
                " WHERE connection = $1 AND stream = $2 AND target = $3 FOR NO KEY UPDATE",
            key.connection,
            key.stream,
            key.target.text(),
            commit_id);
        return !rows.empty() && !rows[0][0].is_null() && rows[0][0].as<bool>();
    });
}

void record_run(Session& session,
                pqxx::work& tx,
                const StateChange& change,
                const RunTotals& totals) {
    const auto table = session.state_table("sync_runs");
    const auto& run = *change.checkpoint.finished;
    tx.exec_params(
        "INSERT INTO " + table +
            " (connection, stream, target, mode, took, pages, requests, rows_read, rows_inserted, "
            "rows_updated,"
            " rows_unchanged, rows_deleted, rows_quarantined, high_water_mark) VALUES"
            " ($1, $2, $3, $4, $5::bigint * interval '1 ms', $6, $7, $8, $9, $10, $11, $12, $13,"
            " nullif($14, '')::timestamptz)",
        change.key.connection,
        change.key.stream,
        change.key.target.text(),
        change.checkpoint.mode,
        run.took.count(),
        run.pages,
        run.requests,
        run.rows_read,
        totals.rows.inserted,
        totals.rows.updated,
        totals.rows.unchanged,
        totals.rows.deleted,
        totals.quarantined,
        sql_time(change.checkpoint.high_water_mark));
    tx.exec("DELETE FROM " + table + " WHERE finished_at < now() - interval '30 days'");
}

std::vector<StreamState>
load_states(Session& session, pqxx::transaction_base& tx, const std::string& connection) {
    if (!has_current_state(tx, session)) {
        return {};
    }
    const auto rows = tx.exec_params(
        std::string("SELECT ") + state_columns + " FROM " + session.state_table("sync_state") +
            " WHERE $1 = '' OR connection = $1 ORDER BY connection, stream, target",
        connection);
    std::vector<StreamState> states;
    for (const auto& row : rows) {
        states.push_back(state_of(row));
    }
    return states;
}

std::optional<StreamState>
load_state(Session& session, pqxx::transaction_base& tx, const StreamKey& key) {
    const auto rows = tx.exec_params(std::string("SELECT ") + state_columns + " FROM " +
                                         session.state_table("sync_state") +
                                         " WHERE connection = $1 AND stream = $2 AND target = $3",
                                     key.connection,
                                     key.stream,
                                     key.target.text());
    if (rows.empty()) {
        return std::nullopt;
    }
    auto state = state_of(rows[0]);
    state.key = key;
    return state;
}

void store_failure(Session& session,
                   pqxx::work& tx,
                   const StreamKey& key,
                   StreamStatus status,
                   const std::string& error) {
    // A stream whose first preparation failed has no row yet, and must be seen all the same.
    tx.exec_params(
        "INSERT INTO " + session.state_table("sync_state") +
            " AS s (connection, stream, target, status, last_error, consecutive_failures, "
            "last_attempt_at)"
            " VALUES ($1, $2, $3, $4, $5, 1, now()) ON CONFLICT (connection, stream, target) DO "
            "UPDATE SET"
            " status = excluded.status, last_error = excluded.last_error,"
            " consecutive_failures = s.consecutive_failures + 1, last_attempt_at = now()",
        key.connection,
        key.stream,
        key.target.text(),
        to_string(status),
        error.substr(0, longest_error));
}

void store_verification(Session& session,
                        pqxx::work& tx,
                        const StreamKey& key,
                        const Verification& found) {
    tx.exec_params("UPDATE " + session.state_table("sync_state") +
                       " SET verified_at = $4::timestamptz, verify_missing = $5, verify_extra = "
                       "$6, verify_differing = $7,"
                       " consistent_as_of = CASE WHEN unverified AND generation = $8 THEN "
                       "unverified_as_of ELSE consistent_as_of END,"
                       " unverified_as_of = CASE WHEN generation = $8 THEN NULL ELSE "
                       "unverified_as_of END,"
                       " unverified = unverified AND generation IS DISTINCT FROM $8"
                       " WHERE connection = $1 AND stream = $2 AND target = $3",
                   key.connection,
                   key.stream,
                   key.target.text(),
                   format_utc(found.at),
                   found.missing,
                   found.extra,
                   found.differing,
                   found.mended_generation);
}

void store_formulas(Session& session,
                    pqxx::work& tx,
                    const StreamKey& key,
                    const FormulaRefresh& found) {
    tx.exec_params("UPDATE " + session.state_table("sync_state") +
                       " SET formulas_at = $4::timestamptz, formulas_compared = $5, "
                       "formulas_corrected = $6, formulas_requests = $7"
                       " WHERE connection = $1 AND stream = $2 AND target = $3",
                   key.connection,
                   key.stream,
                   key.target.text(),
                   format_utc(found.at),
                   found.compared,
                   found.corrected,
                   found.requests);
}

int forget_marks(Session& session,
                 pqxx::work& tx,
                 const std::string& connection,
                 const std::string& stream) {
    if (!has_current_state(tx, session)) {
        return 0;
    }
    const auto answer = tx.exec_params(
        "UPDATE " + session.state_table("sync_state") +
            " SET high_water_mark = NULL, deletes_mark = NULL, consistent_as_of = NULL,"
            " unverified_as_of = NULL, scan = NULL, generation = generation + 1 WHERE connection = "
            "$1 AND stream = $2",
        connection,
        stream);
    return static_cast<int>(answer.affected_rows());
}

} // namespace zohosyncd::postgres
