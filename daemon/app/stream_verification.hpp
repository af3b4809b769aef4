#pragma once

#include "daemon/app/run_context.hpp"

#include <stop_token>

namespace zohosyncd {

/// Compares one stream with Zoho as `context.verify` says, to the end. After a throw the next call
/// goes on where this one was. The findings are shown on the board. Throws SyncError.
void verify_stream(const RunContext& context,
                   const StreamConfig& stream,
                   StreamMemory& memory,
                   const std::stop_token& stop);

/// Does a part of the verification that `context.verify_schedule` asks for, if one is due or under
/// way: small enough that no stream waits long for its next run. After a throw the next call goes
/// on where this one was. Throws SyncError.
void verify_on_schedule(const RunContext& context,
                        const StreamConfig& stream,
                        StreamMemory& memory,
                        const std::stop_token& stop);

} // namespace zohosyncd
