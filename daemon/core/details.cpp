#include "daemon/core/details.hpp"

#include "daemon/core/identifiers.hpp"
#include "daemon/core/number.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace zohosyncd {
namespace {

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

const Column* column_of_field(const std::vector<Column>& known, const Column& wanted) {
    const auto find = [&](auto is_it) {
        const auto found = std::ranges::find_if(known, is_it);
        return found == known.end() ? nullptr : &*found;
    };
    const Column* same_id = nullptr;
    if (!wanted.field_id.empty()) {
        same_id = find([&](const Column& column) { return column.field_id == wanted.field_id; });
    }
    return same_id != nullptr
               ? same_id
               : find([&](const Column& column) { return column.api_name == wanted.api_name; });
}

Batch lines_of_records(const Batch& rows, const std::vector<std::int64_t>& records) {
    Batch kept(rows.columns());
    for (std::size_t row = 0; row < rows.rows(); ++row) {
        const auto record = parse_int64(rows.column(parent_column).value(row));
        if (!record || !std::binary_search(records.begin(), records.end(), *record)) {
            continue;
        }
        kept.copy_row(rows, row);
    }
    for (const auto& entry : rows.quarantined()) {
        kept.quarantined().push_back(entry);
    }
    return kept;
}

} // namespace zohosyncd
