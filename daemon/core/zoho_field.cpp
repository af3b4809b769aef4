#include "daemon/core/zoho_field.hpp"

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

/// Ids of what a lookup names are digits always, as every record's.
void add_parts(StreamSchema& schema,
               const ZohoField& field,
               const FieldSelection& select,
               const ColumnRules& rules) {
    for (const auto& part : parts_of(field)) {
        const std::string name = field.api_name + "__" + part;
        if (!select.keeps_part(field.api_name, name)) {
            continue;
        }
        Column column{name,
                      "",
                      field.label + " (" + part + ")",
                      field.id,
                      field.data_type,
                      part == "id" ? ColumnType::bigint : ColumnType::text,
                      true,
                      {}};
        column.field = field.api_name;
        column.part = part;
        column.alias = select.alias_of(name);
        rules.apply_to(column);
        schema.columns.push_back(std::move(column));
    }
}

Column column_of(const ZohoField& field) {
    return {field.api_name,
            "",
            field.label,
            field.id,
            field.data_type,
            column_type_of(field),
            true,
            field.is_rich_text ? std::optional(rich_text_in_lists) : std::nullopt};
}

/// Id, Modified_Time where there is one, and what is selected in one column. Fields by name, so
/// that the column's text does not follow the order in which Zoho lists them.
StreamSchema folded_schema(StreamSchema all, const FieldSelection& select) {
    StreamSchema schema;
    schema.target = all.target;
    schema.columns = {all.columns.front()};
    if (all.version_column) {
        schema.columns.push_back(all.columns[*all.version_column]);
        schema.version_column = 1;
    }
    schema.columns.push_back({data_column, "", "Record", "", "record", ColumnType::json, true, {}});
    schema.columns.back().alias = select.alias_of(data_column);
    all.columns.erase(all.columns.begin());
    for (auto& column : all.columns) {
        column.type = column.list_limit ? ColumnType::text : ColumnType::json;
    }
    std::ranges::sort(all.columns, {}, &Column::api_name);
    schema.folded = std::move(all.columns);
    return schema;
}

/// What `select` says of fields where they are all in one column: naming that keeps them all.
FieldSelection selection_to_fold(FieldSelection select) {
    if (select.keeps(data_column)) {
        select.kept.clear();
    }
    return select;
}

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

std::vector<std::string> parts_of(const ZohoField& field) {
    if (field.json_type != "jsonobject") {
        return {};
    }
    // zoho-api-facts §3.7: what else an object holds is not known before data is seen.
    if (field.data_type == "ownerlookup" || field.data_type == "userlookup") {
        return {"id", "name", "email"};
    }
    return field.data_type == "lookup" ? std::vector<std::string>{"id", "name"}
                                       : std::vector<std::string>{};
}

std::vector<std::string> names_to_select(const std::vector<ZohoField>& fields, bool flattens) {
    std::vector<std::string> names{"id"};
    for (const auto& field : fields) {
        if (!is_delivered_by_lists(field)) {
            continue;
        }
        names.push_back(field.api_name);
        for (const auto& part : flattens ? parts_of(field) : std::vector<std::string>{}) {
            names.push_back(field.api_name + "__" + part);
        }
    }
    return names;
}

std::vector<std::string> fields_to_ask(const StreamSchema& schema) {
    std::vector<std::string> names;
    for (const auto& column : schema.columns) {
        if (names.empty() || names.back() != column.source()) {
            names.push_back(column.source());
        }
    }
    return names;
}

StreamSchema schema_of_records(const TableName& target,
                               const std::vector<ZohoField>& fields,
                               const FieldSelection& select,
                               const ColumnRules& rules) {
    if (rules.folds) {
        ColumnRules unfolded;
        auto schema = folded_schema(
            schema_of_records(target, fields, selection_to_fold(select), unfolded), select);
        schema.options = rules.table_for(schema.columns);
        return schema;
    }
    StreamSchema schema;
    schema.target = target;
    schema.columns.push_back({"id", "", "Record Id", "", "bigint", ColumnType::bigint, true, {}});
    schema.columns.front().alias = select.alias_of("id");
    rules.apply_to(schema.columns.front());
    std::set<std::string> seen{"id"};
    for (const auto& field : fields) {
        if (!is_delivered_by_lists(field) || !seen.insert(field.api_name).second) {
            continue;
        }
        if (rules.flattens && !parts_of(field).empty()) {
            add_parts(schema, field, select, rules);
            continue;
        }
        if (field.api_name == "Modified_Time") {
            schema.version_column = schema.columns.size();
        } else if (!select.keeps(field.api_name)) {
            continue;
        }
        schema.columns.push_back(column_of(field));
        schema.columns.back().alias = select.alias_of(field.api_name);
        rules.apply_to(schema.columns.back());
    }
    schema.options = rules.table_for(schema.columns);
    return schema;
}

bool has_versions(const std::vector<ZohoField>& fields) {
    return std::any_of(fields.begin(), fields.end(), [](const ZohoField& field) {
        return field.api_name == "Modified_Time" && is_delivered_by_lists(field);
    });
}

std::string mapping_hash(const StreamSchema& schema) {
    // Sorted, because the order in which Zoho lists the fields carries no meaning.
    std::vector<std::string> parts;
    for (const auto& column : schema.columns) {
        // Fields that swapped their names are others; and what Zoho makes of the values of a field
        // that changes its type shows in no Modified_Time, whatever column takes them.
        auto text = column.api_name + "\x1f" + to_string(column.type) + "\x1f" + column.data_type +
                    "\x1f" + column.field_id;
        if (!column.part.empty() || !column.declared.empty() || column.rules) {
            text += "\x1f" + column.part + "\x1f" + column.declared + "\x1f" +
                    (column.rules ? column.rules->text() : "");
        }
        parts.push_back(std::move(text));
    }
    for (const auto& field : schema.folded) {
        parts.push_back("\x1d" + field.api_name + "\x1f" + field.alias);
    }
    std::sort(parts.begin(), parts.end());
    std::string joined;
    for (const auto& part : parts) {
        joined += part + "\x1e";
    }
    return sha256_hex(joined).substr(0, 16);
}

} // namespace zohosyncd
