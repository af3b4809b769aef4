#pragma once

#include "daemon/core/identifiers.hpp"
#include "daemon/core/schema.hpp"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace zohosyncd {

/// A row of the state table `columns`.
struct KnownColumn {
    std::string api_name;
    std::string name;
    std::string label = {};
    std::string field_id = {};
    std::string data_type = {};
    std::string column_type = {};
    bool adopted = false;
    bool retired = false;
    bool is_detail = false; ///< See Column.
};

/// Columns that every target has beside Zoho's.
constexpr const char* synced_at_column = "_synced_at";
constexpr const char* deleted_at_column = "_deleted_at";
/// Sling's name for when a row was loaded.
constexpr const char* loaded_at_column = "_sling_loaded_at";
/// Only in tables whose records have details.
constexpr const char* details_at_column = "_details_at";

/// Names the wanted columns: as they were named before, else as `select` has it, else as a column
/// of the table that fits in any casing, else by `casing`. `existing` are the names in the table;
/// `reserved` those that no column may get. Returns one name per wanted column.
std::vector<std::string> name_columns(const StreamSchema& wanted,
                                      ColumnCasing casing,
                                      std::span<const KnownColumn> known,
                                      std::span<const std::string> existing,
                                      std::span<const std::string> reserved);

/// Which field a column is of, and which part of it, whatever the field is called; empty where Zoho
/// gives no id.
std::string field_key(const Column& column);

/// Whether `known` says all that we would record about `column`.
bool is_recorded(const KnownColumn& known, const Column& column, const std::string& name);

/// The columns that are in use, as a schema would ask for them again, with the names that they
/// have.
std::vector<Column> columns_in_use(std::span<const KnownColumn> known);

} // namespace zohosyncd
