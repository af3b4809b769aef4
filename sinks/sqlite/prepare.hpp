#pragma once

#include "sinks/sink.hpp"
#include "sinks/sqlite/lease.hpp"

#include <functional>
#include <string>
#include <vector>

namespace zohosyncd::sqlite {

/// Makes the table what the stream needs and gives the stream its state row. Only reads when
/// nothing is missing.
PreparedStream prepare_stream(Database& database,
                              Leases& leases,
                              const StreamKey& key,
                              const StreamSchema& wanted,
                              ColumnCasing casing);

/// Which rows of a table of lines lack values.
enum class LinesLack { nothing, listed_fields, everything };

/// Called in the transaction that changes a table of lines, with the columns' names.
using OnLinesChanged = std::function<void(LinesLack, const std::vector<std::string>&)>;

/// The same for a table of lines, `wanted.target`, which has no state: its records' state vouches
/// for it. Returns the columns' names.
std::vector<std::string> prepare_line_table(Database& database,
                                            Leases& leases,
                                            const StreamSchema& wanted,
                                            ColumnCasing casing,
                                            const OnLinesChanged& on_changed);

} // namespace zohosyncd::sqlite
