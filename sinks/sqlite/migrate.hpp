#pragma once

#include "sinks/sqlite/database.hpp"

namespace zohosyncd::sqlite {

/// Nothing when there are no state tables. Throws SyncError{sink_refused} when they are newer than
/// this program.
std::optional<std::int64_t> state_version(Database& database);

/// The same, but older state tables are refused, too: they can not be read before migrate().
bool has_current_state(Database& database);

/// Applies the migrations that the state tables lack, all at once, so that nobody finds them half
/// done; returns how many.
int migrate(Database& database);

} // namespace zohosyncd::sqlite
