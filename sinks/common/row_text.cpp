#include "sinks/common/row_text.hpp"

#include "daemon/core/text.hpp"

#include <random>

namespace zohosyncd {
std::string row_as_json(const StreamSchema& schema, const Batch& batch, std::size_t row) {
    std::string out = "{";
    append_json_string(out, schema.columns.front().api_name);
    out += ":\"" + std::to_string(batch.ids()[row]) + '"';
    for (std::size_t i = 1; i < schema.columns.size(); ++i) {
        if (!batch.column(i).is_null(row)) {
            out += ',';
            append_json_string(out, schema.columns[i].api_name);
            out += ':';
            append_json_string(out, batch.column(i).value(row));
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
