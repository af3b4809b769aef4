#pragma once

#include "sinks/postgres/catalog.hpp"
#include "sinks/postgres/page_writer.hpp"
#include "sinks/sink.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace zohosyncd::postgres {

/// How a stage is merged. `policy` is for rows that the walk did not meet.
struct Merge {
    DeletePolicy policy;
    std::chrono::sys_seconds walked_at;
    /// The walk began here: rows with an older version were never looked for.
    std::optional<std::chrono::sys_seconds> anchor;
    /// What the stage must hold.
    std::optional<std::uint64_t> staged_rows;
    /// Rows that the table refuses are found and quarantined; else they end the transaction.
    bool careful = false;
};

void create_stage(pqxx::work& tx, const BoundTable& table);

/// The rows in the stage; nothing without one.
std::optional<std::uint64_t> count_stage(Session& session, const BoundTable& table);

/// Appends the stage to a table of snapshots and drops it.
PageResult append_stage(pqxx::work& tx, const BoundTable& table, const Merge& snapshot);

/// Merges the stage into the table and drops it. An empty stage changes no row.
PageResult
merge_stage(Session& session, pqxx::work& tx, const BoundTable& table, const Merge& merge);

} // namespace zohosyncd::postgres
