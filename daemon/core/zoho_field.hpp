#pragma once

#include "daemon/core/column_rules.hpp"
#include "daemon/core/field_selection.hpp"
#include "daemon/core/schema.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// What `settings/fields` says of one field, as far as we need it.
struct ZohoField {
    std::string api_name;
    std::string label;
    std::string id;
    std::string data_type;
    std::string json_type;     ///< Empty when Zoho says null.
    std::string return_type;   ///< Of formula and rollup_summary.
    bool is_rich_text = false; ///< ui_type 250: HTML, cut after 500 characters in list replies.
    bool is_virtual = false;   ///< Never delivered by list calls (zoho-api-facts §5.2).
    std::string associated_module = {}; ///< Of a subform: the module that its lines are of.
};

/// The column type that contract §6 gives to the field.
ColumnType column_type_of(const ZohoField& field);

/// Whether a list call delivers the field at all. Subforms, line items and multi-select lookups
/// come only with single records.
bool is_delivered_by_lists(const ZohoField& field);

/// Whether the field is a list of lines: a subform, or the items of a quote or order.
bool holds_lines(const ZohoField& field);

/// The schema of a module of records: `id` first, then the selected fields that list calls deliver
/// in Zoho's order, then, if the rules want details, those that they leave out, all under the
/// rules. Whatever is selected, id and Modified_Time are kept: they are the key and the version of
/// a row. Where the rules fold records, these and the column `data` are all there is, and the
/// fields stand in `folded`. A module without Modified_Time gives a schema without a version, and
/// without details: nothing would tell to which version of a record they belong.
StreamSchema schema_of_records(const TableName& target,
                               const std::vector<ZohoField>& fields,
                               const FieldSelection& select = {},
                               const ColumnRules& rules = {});

/// The keys that the objects of a data type are known to have; empty: not known before data is
/// seen.
std::vector<std::string> parts_of(const ZohoField& field);

/// What names under `select` and `columns` can mean: the fields that are columns, and their parts
/// where these are.
std::vector<std::string> names_to_select(const std::vector<ZohoField>& fields,
                                         const ColumnRules& rules);

/// The column that holds whole records under `flatten: false`.
constexpr const char* data_column = "data";

/// The names that a `fields` parameter has to hold for the schema's columns, in their order.
std::vector<std::string> fields_to_ask(const StreamSchema& schema);

/// Whether a module with these fields can be read by what changed. Without Modified_Time its list
/// can only be read whole.
bool has_versions(const std::vector<ZohoField>& fields);

/// Why a module without Modified_Time is read whole, in words for people.
constexpr const char* why_read_whole =
    "the module has no field Modified_Time: its list is read whole at each run";

/// Stands for no mapping at all: rows were read under more than one. Never the hash of a schema.
constexpr const char* mixed_mapping = "mixed";

/// Changes when what is read or how it is stored changes; kept with the marks.
std::string mapping_hash(const StreamSchema& schema);

} // namespace zohosyncd
