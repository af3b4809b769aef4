#include "sinks/common/row_text.hpp"

#include <random>
#include <string_view>

namespace zohosyncd {
namespace {

void append_json(std::string& out, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += digits[byte >> 4U];
            out += digits[byte & 0xFU];
        } else {
            out += c;
        }
    }
    out += '"';
}

} // namespace

std::string row_as_json(const StreamSchema& schema, const Batch& batch, std::size_t row) {
    std::string out = "{";
    append_json(out, schema.columns.front().api_name);
    out += ":\"" + std::to_string(batch.ids()[row]) + '"';
    for (std::size_t i = 1; i < schema.columns.size(); ++i) {
        if (!batch.column(i).is_null(row)) {
            out += ',';
            append_json(out, schema.columns[i].api_name);
            out += ':';
            append_json(out, batch.column(i).value(row));
        }
    }
    out += '}';
    return out;
}

std::string first_line(const std::string& message) {
    return message.substr(0, message.find('\n'));
}

std::int64_t draw_commit_id() {
    std::random_device device;
    const auto high = static_cast<std::uint64_t>(device()) << 32U;
    return static_cast<std::int64_t>((high | device()) >> 1U);
}

} // namespace zohosyncd
