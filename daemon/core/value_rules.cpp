#include "daemon/core/value_rules.hpp"

#include "daemon/core/number.hpp"
#include "daemon/core/text.hpp"
#include "daemon/core/text_functions.hpp"
#include "daemon/core/time.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace zohosyncd {
namespace {

constexpr std::array<std::pair<std::string_view, Transform>, 10> names{{
    {"trim_space", Transform::trim_space},
    {"upper", Transform::upper},
    {"lower", Transform::lower},
    {"replace_accents", Transform::replace_accents},
    {"replace_0x00", Transform::replace_0x00},
    {"replace_non_printable", Transform::replace_non_printable},
    {"empty_as_null", Transform::empty_as_null},
    {"hash_md5", Transform::hash_md5},
    {"hash_sha256", Transform::hash_sha256},
    {"hash_sha512", Transform::hash_sha512},
}};

/// Nothing when the text counts as NULL from here on.
std::optional<std::string> transformed(std::string text, const std::vector<Transform>& steps) {
    for (const auto step : steps) {
        switch (step) {
        case Transform::trim_space:
            text = without_outer_space(text);
            break;
        case Transform::upper:
            text = in_upper_case(text);
            break;
        case Transform::lower:
            text = in_lower_case(text);
            break;
        case Transform::replace_accents:
            text = without_accents(text);
            break;
        case Transform::replace_0x00:
            break; // No text reaches a target with one: see text.hpp.
        case Transform::replace_non_printable:
            text = without_controls(text);
            break;
        case Transform::empty_as_null:
            if (text.empty()) {
                return std::nullopt;
            }
            break;
        case Transform::hash_md5:
            text = hash_hex("MD5", text);
            break;
        case Transform::hash_sha256:
            text = hash_hex("SHA256", text);
            break;
        case Transform::hash_sha512:
            text = hash_hex("SHA512", text);
            break;
        }
    }
    return text;
}

/// A number's digits before and after the point, its exponent written out: what a numeric column
/// can hold (fits_numeric) has few enough.
struct Decimal {
    bool is_negative = false;
    std::string digits;
    std::ptrdiff_t point = 0; ///< How many of the digits are before the point; may be beyond them.
};

Decimal decimal_of(std::string_view number) {
    Decimal result;
    if (number.starts_with('-')) {
        result.is_negative = true;
        number.remove_prefix(1);
    }
    const auto e = number.find_first_of("eE");
    std::ptrdiff_t exponent = 0;
    if (e != std::string_view::npos) {
        auto text = number.substr(e + 1);
        text.remove_prefix(text.starts_with('+') ? 1 : 0);
        std::from_chars(text.data(), text.data() + text.size(), exponent);
        number = number.substr(0, e);
    }
    if (number.find_first_not_of("0.") == std::string_view::npos) {
        exponent = std::min<std::ptrdiff_t>(exponent, 0); // No power of ten changes a zero.
    }
    const auto point = number.find('.');
    result.point = static_cast<std::ptrdiff_t>(std::min(point, number.size())) + exponent;
    for (const char c : number) {
        if (c != '.') {
            result.digits += c;
        }
    }
    if (result.point < 0) {
        result.digits.insert(0, static_cast<std::size_t>(-result.point), '0');
        result.point = 0;
    }
    if (result.point > static_cast<std::ptrdiff_t>(result.digits.size())) {
        result.digits.resize(static_cast<std::size_t>(result.point), '0');
    }
    return result;
}

/// Adds one to the last digit.
void increment(Decimal& number) {
    for (auto index = number.digits.size(); index-- > 0;) {
        if (number.digits[index] != '9') {
            ++number.digits[index];
            return;
        }
        number.digits[index] = '0';
    }
    number.digits.insert(0, 1, '1');
    ++number.point;
}

std::size_t digits_before_point(std::string_view number) {
    const auto decimal = decimal_of(number);
    const auto whole =
        std::string_view(decimal.digits).substr(0, static_cast<std::size_t>(decimal.point));
    const auto first = whole.find_first_not_of('0');
    return first == std::string_view::npos ? 0 : whole.size() - first;
}

bool fits_bits(std::string_view number, int bits) {
    const auto value = parse_int64(number);
    if (!value || bits >= std::numeric_limits<std::int64_t>::digits + 1) {
        return value.has_value();
    }
    const auto limit = std::int64_t{1} << (bits - 1);
    return *value >= -limit && *value < limit;
}

std::size_t characters_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string converted_time(ColumnType type, std::string_view raw) {
    constexpr std::size_t length_of_date = 10;
    if (type == ColumnType::date && parse_zoho_time(raw)) {
        return std::string(raw.substr(0, length_of_date));
    }
    const bool is_day = type == ColumnType::timestamptz && is_calendar_date(raw);
    return std::string(raw) + (is_day ? "T00:00:00Z" : "");
}

/// What was appended since `begin`, made to fit the limits, or not.
Stored
within_limits(const ValueRules& rules, ColumnType type, std::size_t begin, std::string& out) {
    const auto text = std::string_view(out).substr(begin);
    if (type == ColumnType::numeric) {
        if (rules.decimals) {
            const auto number = rounded(text, *rules.decimals);
            out.replace(begin, std::string::npos, number);
        }
        return rules.digits &&
                       digits_before_point(std::string_view(out).substr(begin)) > *rules.digits
                   ? Stored::misfit
                   : Stored::value;
    }
    if (type == ColumnType::bigint) {
        return fits_bits(text, rules.bits) ? Stored::value : Stored::misfit;
    }
    if (type == ColumnType::text && rules.characters) {
        return characters_of(text) > *rules.characters ? Stored::misfit : Stored::value;
    }
    return Stored::value;
}

} // namespace

std::optional<Transform> transform_named(std::string_view name) {
    for (const auto& [known, transform] : names) {
        if (known == name) {
            return transform;
        }
    }
    return std::nullopt;
}

std::string names_of_transforms() {
    std::string text;
    for (const auto& entry : names) {
        text += (text.empty() ? "" : ", ") + std::string(entry.first);
    }
    return text;
}

std::string ValueRules::text() const {
    const auto number = [](const auto& value) {
        return value ? std::to_string(*value) : std::string("-");
    };
    std::string text = "rules";
    for (const auto step : transforms) {
        text += ' ' + std::to_string(static_cast<int>(step));
    }
    text += '/' + std::to_string(static_cast<int>(empty_as_null)) + '/' + number(decimals) + '/' +
            number(digits) + '/' + number(characters) + '/' + std::to_string(bits) + '/' +
            std::to_string(static_cast<int>(converts_times)) + '/';
    return text + (null_if ? '=' + *null_if : std::string());
}

std::string rounded(std::string_view number, unsigned decimals) {
    auto value = decimal_of(number);
    const auto keep = static_cast<std::size_t>(value.point) + decimals;
    if (value.digits.size() > keep) {
        const bool is_up = value.digits[keep] >= '5';
        value.digits.resize(keep);
        if (is_up) {
            increment(value);
        }
    }
    auto whole = value.digits.substr(0, static_cast<std::size_t>(value.point));
    const auto fraction = value.digits.substr(static_cast<std::size_t>(value.point));
    whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
    if (whole.empty()) {
        whole = "0";
    }
    const bool is_zero = (whole + fraction).find_first_not_of('0') == std::string::npos;
    return (value.is_negative && !is_zero ? "-" : "") + whole +
           (fraction.empty() ? "" : "." + fraction);
}

Stored append_by_rules(const ValueRules& rules,
                       ColumnType type,
                       const JsonValue& value,
                       std::optional<std::size_t> text_limit,
                       std::string& out,
                       std::size_t& replaced) {
    if (value.kind == JsonKind::null || type == ColumnType::json) {
        return append_value(type, value, text_limit, out, replaced);
    }
    std::string text;
    std::size_t replaced_here = 0;
    (void)append_value(ColumnType::text, value, text_limit, text, replaced_here);
    const auto is_nothing = [&rules](const std::string& candidate) {
        return (rules.null_if && candidate == *rules.null_if) ||
               (rules.empty_as_null && candidate.empty());
    };
    if (is_nothing(text)) {
        return Stored::nothing;
    }
    const std::size_t begin = out.size();
    if (type == ColumnType::text) {
        replaced += replaced_here;
        auto changed = transformed(std::move(text), rules.transforms);
        if (!changed || is_nothing(*changed)) {
            return Stored::nothing;
        }
        out += *changed;
        return within_limits(rules, type, begin, out);
    }
    JsonValue converted = value;
    if (rules.converts_times && value.kind == JsonKind::string) {
        converted.raw = text = converted_time(type, value.raw);
    }
    const auto stored = append_value(type, converted, text_limit, out, replaced);
    return stored == Stored::value ? within_limits(rules, type, begin, out) : stored;
}

} // namespace zohosyncd
