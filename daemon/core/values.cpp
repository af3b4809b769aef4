#include "daemon/core/values.hpp"

#include "daemon/core/number.hpp"
#include "daemon/core/text.hpp"
#include "daemon/core/time.hpp"

#include <charconv>

namespace zohosyncd {
namespace {

/// Drops what follows the first `limit` characters of the text that begins at `begin`.
void cut_after(std::string& out, std::size_t begin, std::size_t limit) {
    std::size_t characters = 0;
    for (std::size_t index = begin; index < out.size(); ++index) {
        const bool starts_character = (static_cast<unsigned char>(out[index]) & 0xC0U) != 0x80U;
        if (starts_character && characters++ == limit) {
            out.resize(index);
            return;
        }
    }
}

Stored append_text(const JsonValue& value,
                   std::optional<std::size_t> limit,
                   std::string& out,
                   std::size_t& replaced) {
    if (value.kind != JsonKind::string) {
        replaced += append_clean_json(out, value.raw);
        return Stored::value;
    }
    const std::size_t begin = out.size();
    replaced += append_unescaped_json_string(out, value.raw);
    if (limit) {
        cut_after(out, begin, *limit);
    }
    return Stored::value;
}

Stored append_bigint(const JsonValue& value, std::string& out) {
    if (value.kind != JsonKind::number && value.kind != JsonKind::string) {
        return Stored::misfit;
    }
    const auto number = parse_int64(value.raw);
    if (!number) {
        return Stored::misfit;
    }
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), *number).ptr;
    out.append(digits, end);
    return Stored::value;
}

Stored append_numeric(const JsonValue& value, std::string& out) {
    if (value.kind != JsonKind::number && value.kind != JsonKind::string) {
        return Stored::misfit;
    }
    if (!is_json_number(value.raw) || !fits_numeric(value.raw)) {
        return Stored::misfit;
    }
    out.append(value.raw);
    return Stored::value;
}

Stored append_boolean(const JsonValue& value, std::string& out) {
    if (value.raw != "true" && value.raw != "false") {
        return Stored::misfit;
    }
    out.append(value.raw);
    return Stored::value;
}

Stored append_date(const JsonValue& value, std::string& out) {
    if (value.kind != JsonKind::string || !is_calendar_date(value.raw)) {
        return Stored::misfit;
    }
    out.append(value.raw);
    return Stored::value;
}

Stored append_instant(const JsonValue& value, std::string& out) {
    const auto instant = value.kind == JsonKind::string ? parse_zoho_time(value.raw) : std::nullopt;
    if (!instant) {
        return Stored::misfit;
    }
    out.append(format_utc(*instant));
    return Stored::value;
}

/// A scalar in a column of objects is kept as the JSON scalar that it is.
Stored append_json(const JsonValue& value, std::string& out, std::size_t& replaced) {
    if (!json_depth_ok(value.raw)) {
        return Stored::misfit;
    }
    if (value.kind != JsonKind::string) {
        replaced += append_clean_json(out, value.raw);
        return Stored::value;
    }
    std::string quoted;
    quoted.reserve(value.raw.size() + 2);
    quoted.append(1, '"').append(value.raw).append(1, '"');
    replaced += append_clean_json(out, quoted);
    return Stored::value;
}

} // namespace

Stored append_value(ColumnType type,
                    const JsonValue& value,
                    std::optional<std::size_t> text_limit,
                    std::string& out,
                    std::size_t& replaced) {
    if (value.kind == JsonKind::null) {
        return Stored::nothing;
    }
    if (type == ColumnType::text) {
        return append_text(value, text_limit, out, replaced);
    }
    if (value.kind == JsonKind::string && value.raw.empty()) {
        return Stored::nothing;
    }
    switch (type) {
    case ColumnType::bigint:
        return append_bigint(value, out);
    case ColumnType::numeric:
        return append_numeric(value, out);
    case ColumnType::boolean:
        return append_boolean(value, out);
    case ColumnType::date:
        return append_date(value, out);
    case ColumnType::timestamptz:
        return append_instant(value, out);
    case ColumnType::json:
        return append_json(value, out, replaced);
    case ColumnType::text:
        break;
    }
    return Stored::misfit; // Unreachable: text is handled above.
}

} // namespace zohosyncd
