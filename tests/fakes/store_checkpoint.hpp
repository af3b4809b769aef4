#pragma once

#include "daemon/core/stream_state.hpp"

#include <utility>

namespace zohosyncd::fakes {

/// As the SQL of the real sinks does it: a mark that is not given stays, and after a reset all of
/// them stay. False after a reset.
inline bool
store_checkpoint(StreamState& state, const StreamKey& key, const Checkpoint& checkpoint) {
    const auto keep_mark = [](auto& mark, const auto& given) {
        if (given) {
            mark = given;
        }
    };
    state.key = key;
    state.org = checkpoint.org;
    state.mode = checkpoint.mode;
    if (state.generation != checkpoint.generation) {
        return false;
    }
    keep_mark(state.anchor, checkpoint.anchor);
    keep_mark(state.high_water_mark, checkpoint.high_water_mark);
    keep_mark(state.deletes_mark, checkpoint.deletes_mark);
    keep_mark(state.unverified ? state.unverified_as_of : state.consistent_as_of,
              checkpoint.consistent_as_of);
    state.scan = checkpoint.scan;
    if (!checkpoint.mapping_hash.empty()) {
        state.mapping_hash = checkpoint.mapping_hash;
    }
    if (checkpoint.finished) {
        state.status = StreamStatus::ok;
        state.consecutive_failures = 0;
        state.last_error.clear();
    }
    return true;
}

/// As well: a verification that mended ends the doubt about a table that was taken over.
inline void store_verification(StreamState& state, const Verification& found) {
    if (state.unverified && found.mended_generation == state.generation) {
        state.unverified = false;
        state.consistent_as_of = std::exchange(state.unverified_as_of, std::nullopt);
    }
    state.verification = found;
}

} // namespace zohosyncd::fakes
