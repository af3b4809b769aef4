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

/// `line_items` and `product_details` are what older versions call the items of a quote.
constexpr std::array<std::string_view, 3> kinds_with_lines{
    "subform", "line_items", "product_details"};

/// Virtual by kind, as those are, although not every metadata answer marks them (zoho-api-facts
/// §3.4, §5.2).
constexpr std::array<std::string_view, 2> kinds_of_single_records{"multiselectlookup",
                                                                  "multiuserlookup"};

template <std::size_t N>
bool is_among(const std::array<std::string_view, N>& kinds, const ZohoField& field) {
    return std::ranges::find(kinds, field.data_type) != kinds.end();
}

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

/// What no list has is no change of a row: it waits for its details after any.
Column column_left_out(const ZohoField& field) {
    auto column = column_of(field);
    column.list_limit.reset();
    column.is_detail = true;
    column.counts_as_change = false;
    return column;
}

bool is_left_out(const ZohoField& field) {
    return !is_delivered_by_lists(field) && !holds_lines(field);
}

/// Whether all of a text shows that what a list gives is its beginning.
bool keeps_beginnings(const Column& column) {
    return column.rules == nullptr || (column.rules->transforms.empty() && !column.rules->null_if &&
                                       !column.rules->characters);
}

/// Fields that lists cut become details, and those that they leave out are added, last: pages fill
/// the columns before them.
void add_details(StreamSchema& schema,
                 const std::vector<ZohoField>& fields,
                 const FieldSelection& select,
                 const ColumnRules& rules) {
    std::set<std::string> seen;
    for (auto& column : schema.columns) {
        column.is_detail = column.list_limit.has_value() && keeps_beginnings(column);
        seen.insert(column.source());
    }
    for (const auto& field : fields) {
        if (is_left_out(field) && select.keeps(field.api_name) &&
            seen.insert(field.api_name).second) {
            auto column = column_left_out(field);
            column.alias = select.alias_of(field.api_name);
            rules.apply_to(column);
            schema.columns.push_back(std::move(column));
        }
    }
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
    return !field.is_virtual && !holds_lines(field) && !is_among(kinds_of_single_records, field);
}

bool holds_lines(const ZohoField& field) {
    return is_among(kinds_with_lines, field);
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

std::vector<std::string> names_to_select(const std::vector<ZohoField>& fields,
                                         const ColumnRules& rules) {
    const bool has_details = rules.has_details && !rules.folds && has_versions(fields);
    std::vector<std::string> names{"id"};
    for (const auto& field : fields) {
        if (!is_delivered_by_lists(field) && !(has_details && is_left_out(field))) {
            continue;
        }
        names.push_back(field.api_name);
        for (const auto& part : rules.flattens ? parts_of(field) : std::vector<std::string>{}) {
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
        const ColumnRules unfolded;
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
    if (rules.has_details && schema.version_column) {
        add_details(schema, fields, select, rules);
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
        if (column.is_left_out()) {
            continue; // Lists bring nothing for it, however often they are read.
        }
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
