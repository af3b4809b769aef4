#pragma once

#include "sinks/common/column_names.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zohosyncd {

/// Whether a column can hold the values of a field: as it is, once it is made wider, or not without
/// loss.
enum class ColumnFit { as_is, widened, none };

/// The sink's judgement of a column that it knows.
using FitOf = std::function<ColumnFit(const KnownColumn&, const Column&)>;

struct ColumnRename {
    std::string from;
    std::string to;

    bool operator==(const ColumnRename&) const = default;
};

/// Which column of a table holds which field, after all that may have become of the fields.
struct ColumnAssignment {
    std::vector<std::string> names; ///< One per wanted column, as they are after the renames.
    /// One per wanted column: the index of the known column that it goes on with.
    std::vector<std::optional<std::size_t>> known;
    /// In this order, before anything else; a cycle passes through a name of its own.
    std::vector<ColumnRename> renames;
    /// Names of columns that were in use and are no more, as they are after the renames.
    std::vector<std::string> retired;
};

/// A field is followed by its id: under another API name it keeps its column, which is renamed. One
/// without a known id, or that Zoho made anew under the same API name, goes on by that name. Where
/// no column of the field can hold its values, it gets a twin, named by its type; the old one stays
/// as it is, and is taken up again when the type comes back. Whatever else is wanted is named by
/// name_columns(). The order of the fields does not matter.
ColumnAssignment assign_columns(const StreamSchema& wanted,
                                ColumnCasing casing,
                                std::span<const KnownColumn> known,
                                std::span<const std::string> existing,
                                const FitOf& fit);

/// Takes out of both what `add_new_columns: false` keeps out of a table that exists: columns that
/// the table, as `has` tells, has neither by their names nor by those from before the renames; one
/// that was known is retired. The key and the version stay, whatever the table has.
void leave_out_new_columns(StreamSchema& schema,
                           ColumnAssignment& assigned,
                           std::span<const KnownColumn> known,
                           const std::function<bool(const std::string&)>& has);

/// Whether the rows of a table may lack values of a field that Zoho lists: its column is new, in
/// use again, or was that of another name, field or type. `had` tells what columns the table had,
/// `known` what was known of them; `names` are those of the columns now.
bool lacks_listed_fields(std::span<const Column> columns,
                         std::span<const std::string> names,
                         std::span<const KnownColumn> known,
                         const std::function<bool(const std::string&)>& had);

/// What is to be read of single records beyond what was until now.
enum class MoreDetails {
    none,
    of_changed_rows, ///< A text that lists cut is new: each row that gets one waits by itself.
    of_all_rows,     ///< What no list has is new; a column is in use again, was that of another
                     ///< name, field or type, or took what lists have until now.
};

/// Compares the columns with those that were there: `had` and `known` are from before the renames.
MoreDetails more_details(std::span<const Column> columns,
                         const ColumnAssignment& assigned,
                         std::span<const KnownColumn> known,
                         const std::function<bool(const std::string&)>& had);

/// Makes all rows of the table wait for their details; "t" is the row.
std::string let_rows_wait_for_details(const std::string& quoted_table);

} // namespace zohosyncd
