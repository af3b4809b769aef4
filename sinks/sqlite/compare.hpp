#pragma once

#include "sinks/sink.hpp"
#include "sinks/sqlite/database.hpp"
#include "sinks/sqlite/tables.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace zohosyncd::sqlite {

/// What Sink::live_rows, live_rows_after and differing promise. Each call reads one snapshot.
std::vector<RowVersion>
live_rows(Database& database, const BoundTable& table, std::span<const std::int64_t> ids);

std::vector<RowVersion> live_rows_after(Database& database,
                                        const BoundTable& table,
                                        const std::optional<RowVersion>& after,
                                        std::chrono::sys_seconds from,
                                        std::size_t limit);

std::vector<std::int64_t>
differing(Database& database, const BoundTable& table, const Batch& records);

} // namespace zohosyncd::sqlite
