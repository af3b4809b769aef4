#pragma once

#include "sinks/postgres/catalog.hpp"
#include "sinks/sink.hpp"

#include <chrono>
#include <optional>

namespace zohosyncd::postgres {

/// What a merge does with rows that the walk did not meet.
struct AbsentRows {
    DeletePolicy policy;
    std::chrono::sys_seconds walked_at;
    /// The walk began here: rows with an older version were never looked for.
    std::optional<std::chrono::sys_seconds> anchor;
};

void create_stage(pqxx::work& tx, const BoundTable& table);

/// Merges the stage into the table and drops it. An empty stage changes no row.
WriteStats
merge_stage(Session& session, pqxx::work& tx, const BoundTable& table, const AbsentRows& absent);

} // namespace zohosyncd::postgres
