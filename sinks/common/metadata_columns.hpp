#pragma once

#include "daemon/core/schema.hpp"

#include <span>
#include <string>
#include <vector>

namespace zohosyncd {

/// One of Sling's columns about the writing of a row.
struct MetadataColumn {
    enum class Kind { loaded_at, synced_at, synced_op };
    Kind kind = Kind::loaded_at;
    std::string name;
    bool is_unix = false; ///< A new column holds seconds since 1970, not a time.
};

/// Those that are wanted beside columns of these names; with a snapshot, when it was loaded comes
/// first, asked for or not. A name that is taken gets a `_` behind it, as in Sling.
std::vector<MetadataColumn> metadata_columns(const StreamSchema& schema,
                                             std::span<const std::string> taken);

/// The same for a schema whose columns have their names.
std::vector<MetadataColumn> metadata_columns(const StreamSchema& schema);

} // namespace zohosyncd
