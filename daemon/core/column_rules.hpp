#pragma once

#include "daemon/core/schema.hpp"
#include "daemon/core/value_rules.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// One entry of `columns`. Names are matched in any case with Zoho's name and with what the casings
/// make of it; "*" is every column that no other entry names.
struct ColumnRule {
    std::string name;
    std::optional<ColumnType> type; ///< Unset: as Zoho's field has it.
    std::string declared;           ///< See Column.
    ValueRules limits;              ///< Those that follow from the type.
    std::string description;        ///< Instead of Zoho's label.
    bool not_null = false;
    bool is_unique = false;
    bool is_indexed = false;
};

/// Functions for one column, or for all texts ("*").
struct TransformRule {
    std::string name;
    std::vector<Transform> steps;
};

/// What a stream's keys say of its columns beyond `select`. Types and values of id and
/// Modified_Time, the key and the version of a row, are exempt.
struct ColumnRules {
    std::vector<ColumnRule> columns;
    std::vector<TransformRule> transforms;
    bool empty_as_null = false;
    std::optional<std::string> null_if;
    std::optional<unsigned> max_decimals;
    bool flattens = false;    ///< Lookups become a column for each of their parts.
    bool folds = false;       ///< Records become one column; only `table` counts beside it.
    bool has_details = false; ///< Fields that lists leave out have columns, too.
    TableOptions table;       ///< Names in its indexes are as written.

    /// Gives the column its type, declaration, label and rules for values.
    void apply_to(Column& column) const;

    /// `table` for the columns that there are: names become API names, modifiers become indexes. An
    /// index over a column that is not there is left out.
    [[nodiscard]] TableOptions table_for(const std::vector<Column>& columns) const;

    /// The names under `columns`, `transforms` and `table_keys` that no column has.
    [[nodiscard]] std::vector<std::string>
    without_match(const std::vector<std::string>& api_names) const;
};

/// Whether a name of the file means this field: its API name, or that in snake or camel case, in
/// any case.
bool means_field(std::string_view written, std::string_view api_name);

} // namespace zohosyncd
