#include "sinks/postgres/arrays.hpp"

#include <charconv>
#include <string_view>

namespace zohosyncd::postgres {
namespace {

// Some columns of a 2 MiB batch may hold most of it; beyond that memory is given back.
constexpr std::size_t keep_capacity = std::size_t{1} << 20U;

void append_number(std::string& out, std::int64_t value) {
    char digits[24];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
    out.append(digits, end);
}

void append_quoted(std::string& out, std::string_view value) {
    out += '"';
    std::size_t begin = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '"' || value[i] == '\\') {
            out.append(value, begin, i - begin);
            out += '\\';
            begin = i;
        }
    }
    out.append(value, begin, value.size() - begin);
    out += '"';
}

void fill_column(std::string& out, const ColumnData& column, std::span<const std::uint32_t> rows) {
    out += '{';
    for (const auto row : rows) {
        if (column.is_null(row)) {
            out += "NULL,";
            continue;
        }
        // Quoted whatever the type: a comma in a value must never shift the rows after it.
        append_quoted(out, column.value(row));
        out += ',';
    }
    out.back() = '}';
}

} // namespace

void ColumnArrays::fill(const Batch& batch, const RowSelection& selection) {
    literals_.resize(batch.columns());
    auto& ids = literals_.front();
    ids = "{";
    for (const auto row : selection.rows) {
        append_number(ids, batch.ids()[row]);
        ids += ',';
    }
    ids.back() = '}';
    for (std::size_t i = 1; i < batch.columns(); ++i) {
        auto& literal = literals_[i];
        literal.clear();
        if (selection.masked != nullptr && (*selection.masked)[i]) {
            literal = "{";
            for (std::size_t row = 0; row < selection.rows.size(); ++row) {
                literal += "NULL,";
            }
            literal.back() = '}';
        } else {
            fill_column(literal, batch.column(i), selection.rows);
        }
    }
}

std::vector<const char*> ColumnArrays::parameters() const {
    std::vector<const char*> pointers;
    pointers.reserve(literals_.size());
    for (const auto& literal : literals_) {
        pointers.push_back(literal.c_str());
    }
    return pointers;
}

void ColumnArrays::shrink() {
    for (auto& literal : literals_) {
        if (literal.capacity() > keep_capacity) {
            literal.clear();
            literal.shrink_to_fit();
        }
    }
}

std::string bigint_array(std::span<const std::int64_t> values) {
    std::string out = "{";
    for (const auto value : values) {
        append_number(out, value);
        out += ',';
    }
    if (values.empty()) {
        return "{}";
    }
    out.back() = '}';
    return out;
}

std::string text_array(std::span<const std::string> values) {
    std::string out = "{";
    for (const auto& value : values) {
        append_quoted(out, value);
        out += ',';
    }
    if (values.empty()) {
        return "{}";
    }
    out.back() = '}';
    return out;
}

} // namespace zohosyncd::postgres
