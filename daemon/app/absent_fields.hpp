#pragma once

#include "daemon/app/run_context.hpp"
#include "daemon/core/schema.hpp"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace zohosyncd {

/// Whether a page lacks a field of which it is not known yet that lists do not deliver it. NULL
/// would be written over what its column holds, so Zoho has to be asked first whether it is still
/// there.
[[nodiscard]] bool has_news_of_absence(const std::vector<std::string>& absent,
                                       const std::set<std::string>& known);

/// What lacked fields.
struct LackingRead {
    const char* what;                     ///< For people: "the full refresh".
    std::string hash;                     ///< mapping_hash of what was asked for.
    std::function<StreamSchema()> wanted; ///< What would be asked for now.
};

/// Asks so. The fields are known to be absent then, unless others are wanted by now: throws
/// SyncError{bad_response}, as the reading has to begin anew.
void ask_for_absent(const RunContext& context,
                    const StreamConfig& stream,
                    const std::vector<std::string>& absent,
                    const LackingRead& lacking,
                    std::set<std::string>& known);

} // namespace zohosyncd
