#include "sinks/common/metadata_columns.hpp"

#include "sinks/common/column_names.hpp"

#include <strings.h>

#include <algorithm>

namespace zohosyncd {

std::vector<MetadataColumn> metadata_columns(const StreamSchema& schema,
                                             std::span<const std::string> taken) {
    const auto& wanted = schema.options.metadata;
    using Kind = MetadataColumn::Kind;
    std::vector<MetadataColumn> columns;
    const auto add = [&](Kind kind, std::string name, bool is_unix) {
        // Columns that differ in case alone are one to SQLite.
        while (std::ranges::any_of(taken, [&](const std::string& other) {
            return strcasecmp(other.c_str(), name.c_str()) == 0;
        })) {
            name += '_';
        }
        columns.push_back({kind, std::move(name), is_unix});
    };
    if (schema.is_snapshot || wanted.loaded_at != MetadataColumns::LoadedAt::none) {
        add(Kind::loaded_at,
            loaded_at_column,
            wanted.loaded_at == MetadataColumns::LoadedAt::unix_time);
    }
    if (wanted.synced) {
        add(Kind::synced_at, "_sling_synced_at", false);
        add(Kind::synced_op, "_sling_synced_op", false);
    }
    return columns;
}

std::vector<MetadataColumn> metadata_columns(const StreamSchema& schema) {
    std::vector<std::string> names;
    for (const auto& column : schema.columns) {
        names.push_back(column.name);
    }
    return metadata_columns(schema, names);
}

} // namespace zohosyncd
