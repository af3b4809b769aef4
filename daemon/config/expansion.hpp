#pragma once

#include "daemon/config/replication_file.hpp"
#include "daemon/core/endpoints.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// One stream after patterns are expanded.
struct ExpandedStream {
    Endpoint endpoint;
    StreamEntry entry; ///< The explicit one, or the pattern's.
};

struct Expansion {
    std::vector<ExpandedStream> streams;
    std::optional<StreamEntry> every_module; ///< 'module:*'
    std::vector<std::string> excluded_modules;
};

/// Expands patterns in place, alphabetically; streams that are written out keep their own place
/// and block, and disabled ones vanish. Reports names that mean nothing or the same thing twice.
Expansion expand_streams(const std::vector<StreamEntry>& entries,
                         const std::string& file,
                         Problems& problems);

/// The endpoint of a stream's name: one of the 14 in any case of letters, or a module's API name.
std::optional<Endpoint> endpoint_for_stream(std::string_view name);

} // namespace zohosyncd
