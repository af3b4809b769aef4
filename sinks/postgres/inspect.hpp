#pragma once

#include "sinks/common/inspection.hpp"
#include "sinks/postgres/postgres_sink.hpp"

#include <span>
#include <string>

namespace zohosyncd {

/// Looks at the server, our rights, the tables of the streams and the state schema; writes nothing.
/// Throws SyncError when the target can not be used at all: not reached, refused, read-only, not
/// UTF8.
TargetInspection inspect_postgres(const PostgresOptions& options,
                                  const std::string& connection,
                                  std::span<const TableName> tables);

/// The statements that preparing the stream's table would run; runs none.
std::vector<std::string> preview_postgres(const PostgresOptions& options,
                                          const StreamKey& key,
                                          const StreamSchema& wanted,
                                          ColumnCasing casing,
                                          bool has_state);

} // namespace zohosyncd
