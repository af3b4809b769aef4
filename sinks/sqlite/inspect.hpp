#pragma once

#include "sinks/common/inspection.hpp"
#include "sinks/sqlite/sqlite_sink.hpp"

#include <span>
#include <string>

namespace zohosyncd {

/// Looks at the file and its state tables; writes nothing, and makes no file. Throws SyncError when
/// the file can not be used at all.
TargetInspection inspect_sqlite(const SqliteOptions& options,
                                const std::string& connection,
                                std::span<const TableName> tables);

/// The statements that preparing the stream's table would run, tried on an empty copy in memory.
std::vector<std::string> preview_sqlite(const SqliteOptions& options,
                                        const StreamKey& key,
                                        const StreamSchema& wanted,
                                        ColumnCasing casing,
                                        bool has_state);

} // namespace zohosyncd
