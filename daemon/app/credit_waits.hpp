#pragma once

#include "daemon/app/run_context.hpp"

#include <cstdint>
#include <string>

namespace zohosyncd {

/// Whether loads of old records, refreshes and ranges have to leave the credits to changes.
[[nodiscard]] bool must_loads_wait(const RunContext& context);

/// Shows that the rest of a run, `what`, waits for credits, and logs it the first time. No mark
/// moves: the stream's next run goes on where this one was.
void put_off_run(const RunContext& context,
                 const StreamConfig& stream,
                 const std::string& what,
                 std::uint64_t rows_read,
                 StreamMemory& memory);

/// Whether what compares the table with Zoho, `what`, has to wait for credits; logs it the first
/// time, which `said` remembers.
[[nodiscard]] bool must_comparison_wait(const RunContext& context,
                                        const StreamConfig& stream,
                                        const char* what,
                                        bool& said);

} // namespace zohosyncd
