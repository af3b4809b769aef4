#pragma once

#include "sinks/common/column_names.hpp"
#include "sinks/sink.hpp"
#include "sinks/sqlite/lease.hpp"

namespace zohosyncd::sqlite {

/// Makes the table what the stream needs and gives the stream its state row. Only reads when
/// nothing is missing.
PreparedStream prepare_stream(Database& database,
                              Leases& leases,
                              const StreamKey& key,
                              const StreamSchema& wanted,
                              ColumnCasing casing);

/// The rows of the state table `columns` about one target.
std::vector<KnownColumn> load_columns(Database& database, const std::string& target);

} // namespace zohosyncd::sqlite
