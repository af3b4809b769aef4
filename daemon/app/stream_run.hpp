#pragma once

#include "daemon/app/details_run.hpp"
#include "daemon/app/run_context.hpp"
#include "daemon/app/timetable.hpp"

#include <stop_token>

namespace zohosyncd {

/// One pass over one stream: reads what changed, or everything, and commits it with its marks, then
/// a part of a verification that is due; or, where the context says so, a verification instead. On
/// a throw everything read up to the failed page is committed, and the next run goes on there.
/// Throws SyncError.
void run_stream(const RunContext& context,
                const StreamConfig& stream,
                StreamMemory& memory,
                const std::stop_token& stop);

/// The same, but what goes wrong is seen to: logged, shown, written down, and the organisation
/// paused where the trouble is everybody's. `attempt` counts the failures in a row, for the log.
/// Throws SyncError only for what ends the process.
RunResult attempt_stream(const RunContext& context,
                         const StreamConfig& stream,
                         StreamMemory& memory,
                         int attempt,
                         const std::stop_token& stop);

/// How a part of a stream's details went.
struct DetailsResult {
    DetailsProgress progress;
    bool has_failed = false;
    std::chrono::milliseconds retry_after{0};
};

/// Reads some of the details that the stream waits for. What goes wrong is logged, and the
/// organisation paused where the trouble is everybody's. `attempt` counts the failures in a row,
/// for the log. Throws SyncError only for what ends the process.
DetailsResult attempt_details(const RunContext& context,
                              const StreamConfig& stream,
                              DetailsMemory& memory,
                              DetailsBudget& budget,
                              int attempt,
                              const std::stop_token& stop);

} // namespace zohosyncd
