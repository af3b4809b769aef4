#pragma once

#include "sinks/common/column_evolution.hpp"
#include "sinks/postgres/catalog.hpp"

#include <optional>
#include <string>
#include <vector>

namespace zohosyncd::postgres {

/// What the database holds of a stream's table before prepare() touches it.
struct Observed {
    std::optional<Relation> table;
    std::optional<Relation> stage;
    bool has_schema = false;
    std::vector<KnownColumn> known;
    bool has_state = false;
    std::string state_table_id; ///< The oid that the state is about; empty for none.
};

/// What is missing. Empty when the table is ready.
struct PreparePlan {
    StreamSchema schema; ///< What is wanted, less the columns that the table is not to get.
    std::vector<std::string> names; ///< One per column of it.
    std::string unique_index;       ///< Quoted name of one to create on the id; empty for none.
    std::vector<std::string> ddl;
    std::vector<KnownColumn> record;
    std::vector<std::string> retire;   ///< Names of columns.
    std::vector<ColumnRename> renames; ///< Those of `ddl`, and those of columns that are gone.
    bool store_state = false;
    /// The table is there, but no state vouches for its rows.
    bool takes_over = false;
    /// What the first mark of such a table is the greatest value of, over rows "t"; empty for none.
    std::string adopted_mark;
    std::string version_name; ///< The table's column of versions; empty for none.
    bool creates_schema = false;
    bool creates_table = false;
    bool adds_columns = false;
    /// A column that was retired is in use again, with old values; or one takes what it refused.
    bool takes_up_columns = false;
    /// The target whose details, as they were asked for until now, lack something; empty: none.
    std::string more_details_of = {};

    [[nodiscard]] bool is_empty() const {
        return unique_index.empty() && ddl.empty() && record.empty() && retire.empty() &&
               renames.empty() && !store_state;
    }
};

/// Pure: compares and decides. Throws SyncError{schema_conflict}, with the SQL to run, where only
/// an operator can help.
PreparePlan plan_prepare(const Observed& seen,
                         const StreamSchema& wanted,
                         ColumnCasing casing,
                         const std::string& state_schema);

/// 'text' with its quotes doubled, for statements that take no parameters.
std::string quote_literal(const std::string& text);

} // namespace zohosyncd::postgres
