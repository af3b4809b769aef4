#pragma once

#include "daemon/core/stream_state.hpp"
#include "sinks/common/run_totals.hpp"
#include "sinks/postgres/session.hpp"
#include "sinks/sink.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd::postgres {

/// One commit's change of a state row.
struct StateChange {
    const StreamKey& key;
    const Checkpoint& checkpoint;
    const WriteStats& stats;
    std::int64_t commit_id;
};

/// Stores marks, totals and commit id; of a run that a reset has overtaken, only the latter two.
/// Throws SyncError{sink_refused} when the row is gone or the table is another than the one it is
/// about.
void store_state(Session& session, pqxx::work& tx, const StateChange& change);

/// Whether the commit that drew `commit_id` happened. Waits for its backend to end.
bool has_committed(Session& session, const StreamKey& key, std::int64_t commit_id);

/// Adds a row to sync_runs and forgets old ones.
void record_run(Session& session,
                pqxx::work& tx,
                const StateChange& change,
                const RunTotals& totals);

std::vector<StreamState>
load_states(Session& session, pqxx::transaction_base& tx, const std::string& connection);
std::optional<StreamState>
load_state(Session& session, pqxx::transaction_base& tx, const StreamKey& key);

void store_failure(Session& session,
                   pqxx::work& tx,
                   const StreamKey& key,
                   StreamStatus status,
                   const std::string& error);

void store_verification(Session& session,
                        pqxx::work& tx,
                        const StreamKey& key,
                        const Verification& found);

/// The outcome of a refresh of formula fields. No mark moves.
void store_formulas(Session& session,
                    pqxx::work& tx,
                    const StreamKey& key,
                    const FormulaRefresh& found);

/// Forgets marks and scan and raises the generation; returns how many rows there were.
int forget_marks(Session& session,
                 pqxx::work& tx,
                 const std::string& connection,
                 const std::string& stream);

/// An instant as SQL text; empty for none. Statements turn '' into NULL.
std::string sql_time(std::optional<std::chrono::sys_seconds> instant);

} // namespace zohosyncd::postgres
