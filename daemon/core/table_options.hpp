#pragma once

namespace zohosyncd {

/// Sling's column `_sling_loaded_at`: when the row was written. As a time, or as seconds since
/// 1970.
enum class LoadedAt { none, timestamp, unix_seconds };

/// How a stream's table is made and written, beyond its columns. Settings of the target, not of the
/// schema: they do not change what a row says.
struct TableOptions {
    bool adds_columns = true; ///< False: a table that exists is left as it is.
    bool appends = false;     ///< Mode snapshot: each complete walk is added to the rows.
    LoadedAt loaded_at = LoadedAt::none; ///< With `appends` at least a timestamp.

    bool operator==(const TableOptions&) const = default;
};

inline constexpr const char* loaded_at_column = "_sling_loaded_at";

} // namespace zohosyncd
