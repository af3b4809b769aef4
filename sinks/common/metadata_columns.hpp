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
/// has the column of an index, `remove` takes out what else goes by that index. The key and the
/// version stay, whatever the table has.
template <class Has, class Remove>
void leave_out_new_columns(StreamSchema& schema, Has has, Remove remove) {
    for (std::size_t i = schema.columns.size(); !schema.options.adds_columns && i-- > 1;) {
        if (i != schema.version_column && !has(i)) {
            schema.remove_column(i);
            remove(i);
        }
    }
}

} // namespace zohosyncd
