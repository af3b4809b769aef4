#pragma once

#include "sinks/postgres/session.hpp"

#include <optional>

namespace zohosyncd::postgres {

/// Nothing when there is no state schema. Throws SyncError{sink_refused} when it is newer than this
/// program.
std::optional<int> state_version(pqxx::transaction_base& tx, const Session& session);

/// The same, but an older state schema is refused, too: it can not be read before migrate().
bool has_current_state(pqxx::transaction_base& tx, const Session& session);

/// Applies the migrations that the state schema lacks, all at once, so that nobody finds it half
/// done; returns how many.
int migrate(Session& session);

} // namespace zohosyncd::postgres
