#include "daemon/core/folding.hpp"

#include "daemon/core/text.hpp"
#include "daemon/core/time.hpp"
#include "daemon/core/zoho_field.hpp"

#include <algorithm>
#include <functional>
#include <iterator>

namespace zohosyncd {
namespace {

void append_value(std::string& out, const Column& column, const ColumnData& data, std::size_t row) {
    if (data.is_null(row)) {
        out += "null";
    } else if (column.type == ColumnType::text) {
        append_json_string(out, data.value(row));
    } else {
        out += data.value(row);
    }
}

} // namespace

bool holds_records(const StreamSchema& schema) {
    return std::ranges::any_of(schema.columns, [](const Column& column) {
        return column.api_name == data_column && column.data_type == "record";
    });
}

StreamSchema asked_schema(const StreamSchema& schema) {
    StreamSchema asked;
    if (!holds_records(schema)) {
        asked = schema;
        std::erase_if(asked.columns, std::mem_fn(&Column::is_left_out));
        return asked;
    }
    asked.target = schema.target;
    asked.columns.push_back(schema.columns.front());
    for (const auto& field : schema.folded) {
        if (field.api_name == "Modified_Time") {
            asked.version_column = asked.columns.size();
        }
        asked.columns.push_back(field);
    }
    return asked;
}

void fold_rows(const StreamSchema& asked, Batch& rows, Batch& out) {
    const std::size_t data = asked.version_column ? 2 : 1; // As folded_schema() orders them.
    for (std::size_t row = 0; row < rows.rows(); ++row) {
        const auto id = rows.ids()[row];
        const auto version = rows.versions()[row];
        if (asked.version_column && version == std::chrono::sys_seconds::min()) {
            out.column(1).append_null();
        } else if (asked.version_column) {
            out.column(1).append(format_utc(version));
        }
        auto& text = out.column(data).open();
        text += "{\"id\":\"" + std::to_string(id) + '"';
        for (std::size_t i = 1; i < asked.columns.size(); ++i) {
            const auto& field = asked.columns[i];
            text += ',';
            append_json_string(text, field.alias.empty() ? field.api_name : field.alias);
            text += ':';
            append_value(text, field, rows.column(i), row);
        }
        text += '}';
        out.column(data).close(false);
        out.end_row(id, version);
    }
    std::move(rows.quarantined().begin(),
              rows.quarantined().end(),
              std::back_inserter(out.quarantined()));
    out.replaced_characters += rows.replaced_characters;
    rows.clear();
}

} // namespace zohosyncd
