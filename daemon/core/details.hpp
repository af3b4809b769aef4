#pragma once

#include "daemon/core/batch.hpp"
#include "daemon/core/field_selection.hpp"
#include "daemon/core/schema.hpp"
#include "daemon/core/zoho_field.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd {

/// Places in LineTable::columns.
constexpr std::size_t parent_column = 1;
constexpr std::size_t position_column = 2;
constexpr std::size_t first_line_field = 3;

/// One table for each selected field that holds lines, named after the record's table and the
/// field, with the columns of every such table: id, record and place. Of fields whose tables would
/// be called alike the one that is first bytewise keeps the name; the others, and names over 63
/// bytes, get a part of the field's hash.
std::vector<LineTable> line_tables(const TableName& target,
                                   const std::vector<ZohoField>& fields,
                                   const FieldSelection& select);

/// Adds a column for each field of the lines' own module, but for those that are columns already.
void add_line_fields(LineTable& table, const std::vector<ZohoField>& fields);

/// A table of lines as statements see it.
StreamSchema schema_of_lines(const LineTable& table);

/// Which of the known columns holds the wanted one's field, whatever the field is called by now;
/// null: none.
const Column* column_of_field(const std::vector<Column>& known, const Column& wanted);

/// What one record holds beside what lists deliver.
struct RecordDetails {
    std::int64_t id = 0;
    std::chrono::sys_seconds version;
    std::vector<std::string> values; ///< JSON, one for each column; empty when the record lacks it.
    bool is_text_cut = false;        ///< Zoho did not give all of a rich text.

    /// The lines of one field.
    struct Lines {
        std::string json;    ///< The array as it came; empty when the record lacks the field.
        bool is_cut = false; ///< Zoho has more of them than it sent.
    };

    std::vector<Lines> fields; ///< One for each table of lines.
};

/// Rows for one table of lines.
struct LineRows {
    Batch rows;
    /// Records all of whose lines are in `rows`: others that the table has of them are gone.
    std::vector<std::int64_t> complete;
};

/// The details of some records, to be written at once. `tables` has one entry for each table.
struct DetailsPage {
    std::int64_t generation = 0; ///< See Sink::details_generation.
    std::vector<std::int64_t> ids;
    std::vector<std::chrono::sys_seconds> versions; ///< Whose details they are.
    std::vector<LineRows> tables;
    /// What goes into the records' own table: id, version and columns; no rows where there are only
    /// lines.
    Batch columns;
};

/// The rows whose record is among `records`, which is sorted.
Batch lines_of_records(const Batch& rows, const std::vector<std::int64_t>& records);

} // namespace zohosyncd
