#include "daemon/core/zoho_field.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/identifiers.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace zohosyncd {
namespace {

// Contract §6; everything that is not listed is text.
constexpr std::array<std::pair<std::string_view, ColumnType>, 13> types{{
    {"integer", ColumnType::bigint},
    {"bigint", ColumnType::bigint},
    {"long", ColumnType::bigint},
    {"number", ColumnType::numeric},
    {"double", ColumnType::numeric},
    {"decimal", ColumnType::numeric},
    {"currency", ColumnType::numeric},
    {"percent", ColumnType::numeric},
    {"boolean", ColumnType::boolean},
    {"date", ColumnType::date},
    {"datetime", ColumnType::timestamptz},
    {"jsonobject", ColumnType::json},
    {"jsonarray", ColumnType::json},
}};

ColumnType type_named(std::string_view name) {
    const auto* found = std::find_if(
        types.begin(), types.end(), [name](const auto& entry) { return entry.first == name; });
    return found == types.end() ? ColumnType::text : found->second;
}

// zoho-api-facts §3.4.
constexpr std::size_t rich_text_in_lists = 500;

/// Virtual by kind, although not every metadata answer marks them (zoho-api-facts §3.4, §5.2).
constexpr std::array<std::string_view, 5> kinds_of_single_records{
    "subform", "multiselectlookup", "multiuserlookup", "line_items", "product_details"};

} // namespace

ColumnType column_type_of(const ZohoField& field) {
    if (field.json_type == "jsonobject" || field.json_type == "jsonarray") {
        return ColumnType::json;
    }
    if (field.data_type == "formula" || field.data_type == "rollup_summary") {
        return type_named(field.return_type.empty() ? field.json_type : field.return_type);
    }
    return type_named(field.data_type);
}

bool is_delivered_by_lists(const ZohoField& field) {
    return !field.is_virtual && std::find(kinds_of_single_records.begin(),
                                          kinds_of_single_records.end(),
                                          field.data_type) == kinds_of_single_records.end();
}

StreamSchema schema_of_records(const TableName& target,
                               const std::vector<ZohoField>& fields,
                               const FieldSelection& select) {
    StreamSchema schema;
    schema.target = target;
    schema.columns.push_back({"id", "", "Record Id", "", "bigint", ColumnType::bigint, true, {}});
    std::set<std::string> seen{"id"};
    for (const auto& field : fields) {
        if (!is_delivered_by_lists(field) || !seen.insert(field.api_name).second) {
            continue;
        }
        if (field.api_name == "Modified_Time") {
            schema.version_column = schema.columns.size();
        } else if (!select.keeps(field.api_name)) {
            continue;
        }
        schema.columns.push_back(
            {field.api_name,
             "",
             field.label,
             field.id,
             field.data_type,
             column_type_of(field),
             true,
             field.is_rich_text ? std::optional(rich_text_in_lists) : std::nullopt});
    }
    if (!schema.version_column) {
        throw SyncError(
            ErrorKind::schema_conflict,
            "the module has no field Modified_Time, so its changes can not be followed; take "
            "the stream out of the file");
    }
    return schema;
}

std::string mapping_hash(const StreamSchema& schema) {
    // Sorted, because the order in which Zoho lists the fields carries no meaning.
    std::vector<std::string> parts;
    for (const auto& column : schema.columns) {
        parts.push_back(column.api_name + "\x1f" + to_string(column.type));
    }
    std::sort(parts.begin(), parts.end());
    std::string joined;
    for (const auto& part : parts) {
        joined += part + "\x1e";
    }
    return sha256_hex(joined).substr(0, 16);
}

} // namespace zohosyncd
