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

/// Those that are wanted beside columns of these names. A name that is taken gets a `_` behind it,
/// as in Sling.
std::vector<MetadataColumn> metadata_columns(const MetadataColumns& wanted,
                                             std::span<const std::string> taken);

/// The same for a schema whose columns have their names.
std::vector<MetadataColumn> metadata_columns(const StreamSchema& schema);

/// Takes out what `add_new_columns: false` keeps out of a table that exists: `has` tells whether it
/// has a column. The key and the version stay, whatever the table has.
template <class Has>
void leave_out_new_columns(StreamSchema& schema, std::vector<std::string>& names, Has has) {
    for (std::size_t i = schema.columns.size(); !schema.options.adds_columns && i-- > 1;) {
        if (i != schema.version_column && !has(names[i])) {
            schema.remove_column(i);
            names.erase(names.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
}

} // namespace zohosyncd
