#pragma once

#include "daemon/config/problems.hpp"
#include "daemon/core/schema.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace zohosyncd {

/// What Sling takes from variables.
struct SlingSettings {
    std::optional<std::chrono::milliseconds> timeout; ///< SLING_TIMEOUT
    MetadataColumns metadata; ///< SLING_LOADED_AT_COLUMN, SLING_SYNCED_AT_COLUMN
};

/// Whether read_sling_settings() honours it.
bool is_sling_setting(std::string_view name);

/// Those of the file's `env`, else of the environment.
SlingSettings read_sling_settings(const std::map<std::string, std::string>& env_of_file,
                                  const std::string& file,
                                  const std::map<std::string, std::string>& environment,
                                  Problems& problems);

} // namespace zohosyncd
