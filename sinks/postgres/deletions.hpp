#pragma once

#include "sinks/postgres/catalog.hpp"
#include "sinks/sink.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace zohosyncd::postgres {

/// See Sink::soft_deleted.
std::vector<Deletion> soft_deleted(Session& session,
                                   const BoundTable& table,
                                   std::chrono::sys_seconds since,
                                   std::size_t limit);

/// Applies deletions, and what they mean for lines, inside the caller's transaction; `policy` is
/// soft or hard. Returns how many live rows there were.
std::uint64_t delete_rows(Session& session,
                          pqxx::work& tx,
                          const BoundTable& table,
                          std::span<const Deletion> deletions,
                          DeletePolicy policy);

} // namespace zohosyncd::postgres
