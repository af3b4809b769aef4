#pragma once

#include "sinks/sink.hpp"
#include "sinks/sqlite/page_writer.hpp"
#include "sinks/sqlite/tables.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace zohosyncd::sqlite {

/// What a merge does with rows that the walk did not meet.
struct AbsentRows {
    DeletePolicy policy;
    std::chrono::sys_seconds walked_at;
    /// The walk began here: rows with an older version were never looked for.
    std::optional<std::chrono::sys_seconds> anchor;
    /// What the stage must hold.
    std::optional<std::uint64_t> staged_rows;
};

void create_stage(Database& database, const BoundTable& table);

/// The rows in the stage; nothing without one.
std::optional<std::uint64_t> count_stage(Database& database, const BoundTable& table);

/// Appends the stage to a table of snapshots and drops it.
PageResult append_stage(Database& database, const BoundTable& table, const AbsentRows& snapshot);

/// Merges the stage into the table and drops it; rows that the table refuses are quarantined. An
/// empty stage changes no row.
PageResult merge_stage(Database& database, const BoundTable& table, const AbsentRows& absent);

} // namespace zohosyncd::sqlite
