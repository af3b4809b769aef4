#pragma once

#include "daemon/core/details.hpp"
#include "sinks/postgres/lease.hpp"
#include "sinks/postgres/page_writer.hpp"
#include "sinks/postgres/quarantine.hpp"
#include "sinks/sink.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd::postgres {

/// Whose table is to get lines.
struct LinesOf {
    const StreamKey& key;
    const StreamSchema& schema; ///< With the columns' names, and the lines that are wanted.
    ColumnCasing casing;
    bool has_state = true; ///< There are state tables.
};

/// Makes the column _details_at with its index and the tables of lines, and returns these with
/// every column named. Only reads when nothing is missing.
std::vector<LineTable> prepare_lines(Session& session, Leases& leases, const LinesOf& lines);

/// Notes that the lines of other fields are not read any more. Should they be wanted again,
/// prepare_lines makes all records wait: what they had meanwhile is unknown.
void retire_other_lines(Session& session,
                        Leases& leases,
                        const TableName& records,
                        const std::vector<LineTable>& tables);

/// The statements that prepare_lines would run now; runs none.
std::vector<std::string> preview_lines(Session& session, const LinesOf& lines);

/// Nothing when the table does not exist or has no column _details_at.
std::optional<std::uint64_t> count_without_details(pqxx::work& tx, const TableName& table);

std::vector<RowVersion>
rows_without_details(Session& session, const BoundTable& table, std::size_t limit);

/// See Sink::details_generation.
std::int64_t
load_details_generation(const Session& session, pqxx::work& tx, const std::string& target);

/// Whether it is this one; then it stays so until the transaction ends.
bool hold_details_generation(const Session& session,
                             pqxx::work& tx,
                             const std::string& target,
                             std::int64_t generation);

/// A page of details as statements need it.
struct BoundDetails {
    const BoundTable& records;
    const std::vector<const BoundTable*>& tables;
    const DetailsPage& page;
};

/// Inside the caller's transaction. When `careful`, values that a table refuses are quarantined,
/// otherwise they end the transaction with a DataError.
DetailsWritten write_details(pqxx::work& tx,
                             PageWriter& writer,
                             Quarantine& quarantine,
                             const BoundDetails& details,
                             bool careful);

/// What deleting records means for their lines. `ids` are the records; without them all of the
/// table are looked at.
void delete_lines(Session& session,
                  pqxx::work& tx,
                  const BoundTable& records,
                  DeletePolicy policy,
                  const std::optional<std::vector<std::int64_t>>& ids);

} // namespace zohosyncd::postgres
