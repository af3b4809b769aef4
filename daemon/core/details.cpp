#include "daemon/core/details.hpp"

#include "daemon/core/identifiers.hpp"
#include "daemon/core/number.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

namespace zohosyncd {
namespace {

/// `line_items` and `product_details` are what older versions call the items of a quote.
constexpr std::array<std::string_view, 3> kinds_with_lines{
    "subform", "line_items", "product_details"};

// PostgreSQL's limit for names, shared with assign_column_names; what is cut makes room for `_` and
// 8 digits.
constexpr std::size_t longest_name = 63;
constexpr std::size_t digits_of_hash = 8;

std::string with_hash(std::string name, const std::string& field) {
    std::size_t length = std::min(name.size(), longest_name - digits_of_hash - 1);
    while (length > 0 && (static_cast<unsigned char>(name[length]) & 0xC0U) == 0x80U) {
        --length; // Not inside a character.
    }
    name.resize(length);
    return name + "_" + sha256_hex(field).substr(0, digits_of_hash);
}

Column own_column(const char* api_name, const char* label) {
    return {api_name, "", label, "", "bigint", ColumnType::bigint, true, {}};
}

} // namespace

bool holds_lines(const ZohoField& field) {
    return std::find(kinds_with_lines.begin(), kinds_with_lines.end(), field.data_type) !=
           kinds_with_lines.end();
}

std::vector<LineTable> line_tables(const TableName& target,
                                   const std::vector<ZohoField>& fields,
                                   const FieldSelection& select) {
    std::map<std::string, const ZohoField*> by_name; // Bytewise, and each of them once.
    for (const auto& field : fields) {
        if (holds_lines(field) && select.keeps(field.api_name)) {
            by_name.emplace(field.api_name, &field);
        }
    }
    std::vector<LineTable> tables;
    std::set<std::string> taken;
    for (const auto& [api_name, field] : by_name) {
        auto name = target.table + "_" + snake_case(api_name);
        if (name.size() > longest_name || !taken.insert(name).second) {
            name = with_hash(std::move(name), api_name);
            taken.insert(name);
        }
        const auto& module = field->associated_module.empty() ? api_name : field->associated_module;
        tables.push_back({api_name,
                          module,
                          {target.schema, name},
                          {own_column("id", "Line Id"),
                           own_column("Parent_Id", "Record"),
                           own_column("_position", "Place among the lines")}});
    }
    return tables;
}

void add_line_fields(LineTable& table, const std::vector<ZohoField>& fields) {
    std::set<std::string> seen;
    for (const auto& column : table.columns) {
        seen.insert(column.api_name);
    }
    for (const auto& field : fields) {
        // Zoho has no subforms within subforms; a field of that kind is the way back to the record.
        if (!holds_lines(field) && seen.insert(field.api_name).second) {
            table.columns.push_back({field.api_name,
                                     "",
                                     field.label,
                                     field.id,
                                     field.data_type,
                                     column_type_of(field),
                                     true,
                                     {}});
        }
    }
}

StreamSchema schema_of_lines(const LineTable& table) {
    StreamSchema schema;
    schema.target = table.target;
    schema.columns = table.columns;
    return schema;
}

Batch lines_of_records(const Batch& rows, const std::vector<std::int64_t>& records) {
    Batch kept(rows.columns());
    for (std::size_t row = 0; row < rows.rows(); ++row) {
        const auto record = parse_int64(rows.column(parent_column).value(row));
        if (!record || !std::binary_search(records.begin(), records.end(), *record)) {
            continue;
        }
        for (std::size_t column = 1; column < rows.columns(); ++column) { // 0 is the id.
            kept.column(column).copy_from(rows.column(column), row);
        }
        kept.end_row(rows.ids()[row], rows.versions()[row]);
    }
    for (const auto& entry : rows.quarantined()) {
        kept.quarantined().push_back(entry);
    }
    return kept;
}

} // namespace zohosyncd
