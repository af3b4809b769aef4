#pragma once

#include "daemon/core/batch.hpp"
#include "sinks/sink.hpp"
#include "sinks/sqlite/tables.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace zohosyncd::sqlite {

enum class Destination { table, stage };

/// What writing a page came to.
struct PageResult {
    WriteStats stats;
    std::vector<std::int64_t> written;    ///< Ids of the rows that the table took.
    std::vector<Quarantined> quarantined; ///< What it did not take.
    std::vector<std::int64_t> gone;       ///< Ids of records that quarantine need not keep.
};

/// Upserts both batches of `page`, row by row, inside the caller's transaction. Rows that the table
/// refuses are returned as quarantined.
PageResult write_page(Database& database,
                      const BoundTable& table,
                      Destination destination,
                      const PageWrite& page);

/// Binds a value as the column's type is stored in SQLite.
void bind_value(Statement& statement, int index, ColumnType type, std::string_view value);
/// Binds a row of the batch from ?1 on; the texts stay the batch's.
void bind_row(Statement& statement, const BoundTable& table, const Batch& batch, std::uint32_t row);

} // namespace zohosyncd::sqlite
