#pragma once

#include "daemon/app/run_context.hpp"

#include <stop_token>

namespace zohosyncd {

/// One pass over one stream: reads what changed, or everything, and commits it with its marks. On a
/// throw everything read up to the failed page is committed, and the next run goes on there. Throws
/// SyncError.
void run_stream(const RunContext& context,
                const StreamConfig& stream,
                StreamMemory& memory,
                const std::stop_token& stop);

} // namespace zohosyncd
