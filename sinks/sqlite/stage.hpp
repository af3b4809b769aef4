#pragma once

#include "sinks/sink.hpp"
#include "sinks/sqlite/page_writer.hpp"
#include "sinks/sqlite/tables.hpp"

#include <chrono>
#include <optional>

namespace zohosyncd::sqlite {

/// What a merge does with rows that the walk did not meet.
struct AbsentRows {
    DeletePolicy policy;
    std::chrono::sys_seconds walked_at;
    /// The walk began here: rows with an older version were never looked for.
    std::optional<std::chrono::sys_seconds> anchor;
};

void create_stage(Database& database, const BoundTable& table);

/// Merges the stage into the table and drops it; rows that the table refuses are quarantined. An
/// empty stage changes no row.
PageResult merge_stage(Database& database, const BoundTable& table, const AbsentRows& absent);

} // namespace zohosyncd::sqlite
