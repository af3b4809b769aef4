#pragma once

#include "sinks/postgres/prepare_plan.hpp"

#include <string>

namespace zohosyncd::postgres {

constexpr const char* insufficient_privilege = "42501"; ///< Its SQLSTATE.

/// What a preparation throws when a right is missing: with the statements to run.
SyncError lacks_rights(Session& session, const StreamSchema& wanted, const PreparePlan& plan);

/// The greatest Modified_Time of a table that is taken over, as text; empty without one. Looked up
/// before the table is locked: what is written meanwhile only makes it too small, which costs
/// repeats. Throws SyncError{schema_conflict}, with the SQL to run, when our role may not read and
/// write the rows.
std::string mark_of_adopted(Session& session, const StreamSchema& wanted, const PreparePlan& plan);

/// Gives the id a unique index without locking out writers. Throws SyncError{schema_conflict}, with
/// the SQL to run, when ids are held twice or the table takes no such index.
void create_unique_index(Session& session, const StreamSchema& wanted, const PreparePlan& plan);

} // namespace zohosyncd::postgres
