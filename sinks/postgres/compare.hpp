#pragma once

#include "sinks/postgres/arrays.hpp"
#include "sinks/postgres/catalog.hpp"
#include "sinks/postgres/session.hpp"
#include "sinks/sink.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace zohosyncd::postgres {

/// What Sink::live_rows, live_rows_after and differing promise. Each call is one read-only
/// transaction.
std::vector<RowVersion>
live_rows(Session& session, const BoundTable& table, std::span<const std::int64_t> ids);

std::vector<RowVersion> live_rows_after(Session& session,
                                        const BoundTable& table,
                                        const std::optional<RowVersion>& after,
                                        std::chrono::sys_seconds from,
                                        std::size_t limit);

std::vector<std::int64_t>
differing(Session& session, const BoundTable& table, const Batch& records);

} // namespace zohosyncd::postgres
