// Numbers as the text that Zoho sent, against a reader that writes their digits out.

#include "daemon/core/number.hpp"
#include "daemon/core/values.hpp"
#include "tests/fuzz/properties.hpp"

#include <cmath>
#include <string>

namespace zohosyncd::fuzz {
namespace {

/// A number with its exponent carried out: digits before and after the point, without a sign.
struct Written {
    std::string whole;
    std::string fraction;
};

// PostgreSQL's limits are below it, and a longer row of zeros would only cost time.
constexpr long most_exponent = 200'000;

/// Requires a number. Nothing for an exponent that is too large to be written out.
std::optional<Written> write_out(std::string_view text) {
    const auto e = text.find_first_of("eE");
    long exponent = 0;
    if (e != std::string_view::npos) {
        const std::string digits(text.substr(e + 1));
        exponent = std::strtol(digits.c_str(), nullptr, 10); // Saturates.
        if (exponent > most_exponent || exponent < -most_exponent) {
            return std::nullopt;
        }
    }
    std::string_view mantissa = text.substr(0, e);
    if (mantissa.front() == '-') {
        mantissa.remove_prefix(1);
    }
    const auto point = mantissa.find('.');
    Written number{std::string(mantissa.substr(0, point)),
                   point == std::string_view::npos ? "" : std::string(mantissa.substr(point + 1))};
    for (; exponent > 0; --exponent) {
        number.whole += number.fraction.empty() ? '0' : number.fraction.front();
        number.fraction.erase(0, 1);
    }
    for (; exponent < 0; ++exponent) {
        number.fraction.insert(0, 1, number.whole.empty() ? '0' : number.whole.back());
        if (!number.whole.empty()) {
            number.whole.pop_back();
        }
    }
    return number;
}

/// Without zeros at the begin of the whole and at the end of the fraction.
Written normalised(Written number) {
    number.whole.erase(0, std::min(number.whole.find_first_not_of('0'), number.whole.size()));
    number.fraction.resize(number.fraction.find_last_not_of('0') + 1);
    return number;
}

std::size_t significant(const Written& number) {
    std::string digits = number.whole + number.fraction;
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    digits.resize(digits.find_last_not_of('0') + 1);
    return std::max<std::size_t>(1, digits.size());
}

/// The value of `-?[0-9]+(\.0+)?` if 64 bits hold it.
std::optional<std::int64_t> whole_number(std::string_view text) {
    const auto point = text.find('.');
    if (point != std::string_view::npos) {
        const auto zeros = text.substr(point + 1);
        if (zeros.empty() || zeros.find_first_not_of('0') != std::string_view::npos) {
            return std::nullopt;
        }
    }
    auto digits = text.substr(0, point);
    const bool is_negative = digits.starts_with('-');
    digits.remove_prefix(is_negative ? 1 : 0);
    if (digits.empty()) {
        return std::nullopt;
    }
    __extension__ using Wide = __int128;
    Wide value = 0;
    for (const char digit : digits) {
        if (!is_digit(digit) || value > (Wide{1} << 70)) {
            return std::nullopt;
        }
        value = value * 10 + (digit - '0');
    }
    value = is_negative ? -value : value;
    if (value < INT64_MIN || value > INT64_MAX) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(value);
}

void check_number(std::string_view text) {
    constexpr std::size_t most_before_point = 131072; // PostgreSQL's documentation of numeric.
    constexpr std::size_t most_after_point = 16383;
    const auto number = write_out(text);
    if (!number) {
        const bool is_zero = text.substr(0, text.find_first_of("eE")).find_first_of("123456789") ==
                             std::string_view::npos;
        ensure(is_zero || !fits_numeric(text), "numeric takes no such exponent");
        return;
    }
    const auto short_form = normalised(*number);
    ensure(fits_numeric(text) == (short_form.whole.size() <= most_before_point &&
                                  number->fraction.size() <= most_after_point),
           "a number fits numeric by its digits before and after the point");
    ensure(static_cast<std::size_t>(significant_digits(text)) == significant(*number),
           "significant digits are those from the first to the last that is not zero");
    if (fits_double(text)) {
        char again[64];
        std::snprintf(
            again, sizeof again, "%.14e", std::strtod(std::string(text).c_str(), nullptr));
        const auto kept = write_out(again);
        ensure(kept && normalised(*kept).whole == short_form.whole &&
                   normalised(*kept).fraction == short_form.fraction,
               "a number that fits a double comes back from it with the same digits");
    }
}

void check_columns(std::string_view text) {
    for (const auto kind : {JsonKind::number, JsonKind::string}) {
        std::size_t replaced = 0;
        std::string out;
        const auto numeric = append_value(ColumnType::numeric, {kind, text}, {}, out, replaced);
        ensure(numeric != Stored::value || out == text, "numeric keeps every digit");
        ensure(numeric == Stored::value || text.empty() || !is_number(text) || !fits_numeric(text),
               "numeric takes every number that fits");
        out.clear();
        const auto whole = append_value(ColumnType::bigint, {kind, text}, {}, out, replaced);
        const auto value = whole_number(text);
        ensure((whole == Stored::value) == value.has_value() &&
                   (!value || out == std::to_string(*value)),
               "bigint holds the same number");
    }
}

} // namespace
} // namespace zohosyncd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace zohosyncd;
    using namespace zohosyncd::fuzz;
    const auto text = as_text(data, size);
    ensure(is_json_number(text) == is_number(text), "a number is what JSON calls one");
    ensure(parse_int64(text) == whole_number(text), "a whole number is read exactly");
    ensure(is_number(text) || !fits_numeric(text), "only numbers fit numeric");
    if (is_number(text)) {
        check_number(text);
    }
    check_columns(text);
    return 0;
}
