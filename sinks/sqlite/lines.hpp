#pragma once

#include "daemon/core/details.hpp"
#include "sinks/sink.hpp"
#include "sinks/sqlite/lease.hpp"
#include "sinks/sqlite/quarantine.hpp"
#include "sinks/sqlite/tables.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace zohosyncd::sqlite {

/// Makes the column _details_at with its index and the tables of lines, and returns these with
/// every column named. `schema` has the columns' names, and the lines that are wanted. Only reads
/// when nothing is missing.
std::vector<LineTable> prepare_lines(Database& database,
                                     Leases& leases,
                                     const StreamKey& key,
                                     const StreamSchema& schema,
                                     ColumnCasing casing);

/// Notes that the lines of other fields are not read any more. Should they be wanted again,
/// prepare_lines makes all records wait: what they had meanwhile is unknown.
void retire_other_lines(Database& database,
                        Leases& leases,
                        const TableName& records,
                        const std::vector<LineTable>& tables);

/// Nothing when the table does not exist or has no column _details_at.
std::optional<std::uint64_t> count_without_details(Database& database, const TableName& table);

std::vector<RowVersion>
rows_without_details(Database& database, const BoundTable& table, std::size_t limit);

/// Inside the caller's transaction; `tables` in the order of the page's.
DetailsWritten write_details(Database& database,
                             Quarantine& quarantine,
                             const BoundTable& records,
                             const std::vector<BoundTable>& tables,
                             const DetailsPage& page);

/// What deleting records means for their lines. `ids` are the records; without them all of the
/// table are looked at.
void delete_lines(Database& database,
                  const BoundTable& records,
                  DeletePolicy policy,
                  const std::optional<std::vector<std::int64_t>>& ids);

} // namespace zohosyncd::sqlite
