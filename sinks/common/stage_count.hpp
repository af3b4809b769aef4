#pragma once

#include "daemon/core/stream_state.hpp"
#include "sinks/sink.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace zohosyncd {

/// Throws SyncError{sink_conflict} when a stage does not hold what was written to it. Without an
/// expectation anything is right.
void check_stage_count(const std::string& target,
                       std::uint64_t found,
                       std::optional<std::uint64_t> expected);

/// What a commit to a stage stores: the scan says what the stage holds with it.
Checkpoint with_staged_rows(Checkpoint checkpoint, const WriteStats& written);

} // namespace zohosyncd
