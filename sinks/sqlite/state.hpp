#pragma once

#include "daemon/core/stream_state.hpp"
#include "sinks/common/run_totals.hpp"
#include "sinks/sink.hpp"
#include "sinks/sqlite/database.hpp"

#include <optional>
#include <string>
#include <vector>

namespace zohosyncd::sqlite {

/// One commit's change of a state row.
struct StateChange {
    const StreamKey& key;
    const Checkpoint& checkpoint;
    const WriteStats& stats;
};

/// What is known of a table when its stream begins with it.
struct FirstState {
    std::string table_id;
    std::string high_water_mark; ///< Of a table that is taken over; empty for none.
    std::string mapping_hash;    ///< Empty: the first scan begins at the anchor.
    bool has_rows = false;       ///< Of somebody else's making: nothing vouches for them yet.
};

/// The table that the state is about; empty for none, or for no row.
std::string state_table_id(Database& database, const StreamKey& key);

/// Makes the stream's row, or begins it anew with another table. What a row says of the same table
/// stays.
void begin_state(Database& database, const StreamKey& key, const FirstState& first);

/// Stores marks and totals; of a run that a reset has overtaken, only the latter. Throws
/// SyncError{sink_refused} when the row is gone or the table is another than the one it is about.
void store_state(Database& database, const StateChange& change);

/// Adds a row to sync_runs and forgets old ones.
void record_run(Database& database, const StateChange& change, const RunTotals& totals);

std::vector<StreamState> load_states(Database& database, const std::string& connection);
std::optional<StreamState> load_state(Database& database, const StreamKey& key);

void store_failure(Database& database,
                   const StreamKey& key,
                   StreamStatus status,
                   const std::string& error);

void store_verification(Database& database, const StreamKey& key, const Verification& found);
/// The outcome of a refresh of formula fields. No mark moves.
void store_formulas(Database& database, const StreamKey& key, const FormulaRefresh& found);

/// Forgets marks and scan and raises the generation; returns how many rows there were.
int forget_marks(Database& database, const std::string& connection, const std::string& stream);

} // namespace zohosyncd::sqlite
