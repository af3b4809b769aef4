#include "daemon/app/stream_run.hpp"

#include "daemon/app/loose_run.hpp"
#include "daemon/app/records_run.hpp"
#include "daemon/core/errors.hpp"

namespace zohosyncd {

void run_stream(const RunContext& context,
                const StreamConfig& stream,
                StreamMemory& memory,
                const std::stop_token& stop) {
    if (stream.endpoint.kind == EndpointKind::records) {
        RecordsRun(context, stream, memory, stop).run();
    } else {
        LooseRun(context, stream, stop).run();
    }
}

} // namespace zohosyncd
