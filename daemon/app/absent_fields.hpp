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

/// Asks so. The fields are known to be absent then, unless the schema is not the one whose
/// mapping_hash is `hash` any more: throws SyncError{bad_response}, as `what` has to begin anew.
void ask_for_absent(const RunContext& context,
                    const StreamConfig& stream,
                    const std::vector<std::string>& absent,
                    std::set<std::string>& known,
                    const std::function<StreamSchema()>& schema,
                    const std::string& hash,
                    const char* what);

} // namespace zohosyncd
