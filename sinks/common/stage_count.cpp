#include "sinks/common/stage_count.hpp"

#include "daemon/core/errors.hpp"

namespace zohosyncd {

void check_stage_count(const std::string& target,
                       std::uint64_t found,
                       std::optional<std::uint64_t> expected) {
    if (expected && found != *expected) {
        throw SyncError(ErrorKind::sink_conflict,
                        "the stage of " + target + " holds " + std::to_string(found) +
                            " rows and not the " + std::to_string(*expected) +
                            " that were written to it, so that nothing is merged: leave the "
                            "tables of the state alone; the walk begins anew");
    }
}

Checkpoint with_staged_rows(Checkpoint checkpoint, const WriteStats& written) {
    if (checkpoint.staged_rows) {
        checkpoint.scan =
            with_staged_rows(checkpoint.scan, *checkpoint.staged_rows + written.inserted);
    }
    return checkpoint;
}

} // namespace zohosyncd
