#pragma once

#include "daemon/core/schema.hpp"
#include "daemon/core/stream_state.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace zohosyncd {

/// One thing that a look at the target found.
struct TargetFinding {
    enum class Level { ok, warn, fail };

    Level level = Level::ok;
    std::string check; ///< "target rights", "state schema", …
    std::string text;  ///< What is so, and what to change.
    std::string key;   ///< Of the connection, where that is at fault: "schema"; may be empty.
};

/// What a target is like before anything is done to it.
struct TargetInspection {
    std::vector<TargetFinding> findings;
    bool has_state = false;          ///< The state tables exist and can be read.
    std::string old_state;           ///< Why they can not yet: they are of an older version.
    std::vector<StreamState> states; ///< Of the connection asked for.
    std::uint64_t credits_spent = 0; ///< In the last 24 hours.

    void
    add(TargetFinding::Level level, std::string check, std::string text, std::string key = {}) {
        findings.push_back({level, std::move(check), std::move(text), std::move(key)});
    }
};

} // namespace zohosyncd
