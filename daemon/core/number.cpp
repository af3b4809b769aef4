#include "daemon/core/number.hpp"

#include <algorithm>
#include <cfloat>
#include <charconv>
#include <cstddef>
#include <limits>
#include <system_error>

namespace zohosyncd {
namespace {

constexpr std::string_view decimal_digits = "0123456789";

/// Far beyond what any limit here allows, and far from overflow when lengths are added to it.
constexpr std::int64_t huge_exponent = 1'000'000'000;

/// The parts of a number, as text.
struct Number {
    std::string_view whole;
    std::string_view fraction;
    std::int64_t exponent = 0;
    bool is_valid = false;
};

/// Takes the digits off the front of `rest`.
std::string_view take_digits(std::string_view& rest) {
    const auto end = std::min(rest.find_first_not_of(decimal_digits), rest.size());
    const auto taken = rest.substr(0, end);
    rest.remove_prefix(end);
    return taken;
}

bool take(std::string_view& rest, char c) {
    const bool is_there = !rest.empty() && rest.front() == c;
    if (is_there) {
        rest.remove_prefix(1);
    }
    return is_there;
}

std::int64_t read_exponent(std::string_view digits, bool is_negative) {
    std::int64_t value = 0;
    for (const char digit : digits) {
        value = std::min(value * 10 + (digit - '0'), huge_exponent);
    }
    return is_negative ? -value : value;
}

Number split(std::string_view text) {
    Number number;
    take(text, '-');
    number.whole = take_digits(text);
    if (number.whole.empty() || (number.whole.size() > 1 && number.whole.front() == '0')) {
        return number;
    }
    if (take(text, '.')) {
        number.fraction = take_digits(text);
        if (number.fraction.empty()) {
            return number;
        }
    }
    if (take(text, 'e') || take(text, 'E')) {
        const bool is_negative = take(text, '-');
        if (!is_negative) {
            take(text, '+');
        }
        const auto exponent = take_digits(text);
        if (exponent.empty()) {
            return number;
        }
        number.exponent = read_exponent(exponent, is_negative);
    }
    number.is_valid = text.empty();
    return number;
}

/// Where the first digit other than zero stands: 0 for the ones, -1 behind the point. Nothing for
/// zero.
std::optional<std::int64_t> magnitude(const Number& number) {
    const auto in_whole = number.whole.find_first_not_of('0');
    if (in_whole != std::string_view::npos) {
        return static_cast<std::int64_t>(number.whole.size() - in_whole) - 1 + number.exponent;
    }
    const auto in_fraction = number.fraction.find_first_not_of('0');
    if (in_fraction != std::string_view::npos) {
        return number.exponent - static_cast<std::int64_t>(in_fraction) - 1;
    }
    return std::nullopt;
}

/// Places of the first and the last digit other than zero, counted over whole and fraction.
int count_significant(const Number& number) {
    const auto at = [&number](std::size_t place) {
        return place < number.whole.size() ? number.whole[place]
                                           : number.fraction[place - number.whole.size()];
    };
    std::size_t first = 0;
    std::size_t end = number.whole.size() + number.fraction.size();
    while (first < end && at(first) == '0') {
        ++first;
    }
    while (end > first && at(end - 1) == '0') {
        --end;
    }
    constexpr std::size_t most = std::numeric_limits<int>::max();
    return static_cast<int>(std::clamp<std::size_t>(end - first, 1, most));
}

} // namespace

bool is_json_number(std::string_view text) {
    return split(text).is_valid;
}

std::optional<std::int64_t> parse_int64(std::string_view text) {
    const auto point = text.find('.');
    if (point != std::string_view::npos) {
        const auto fraction = text.substr(point + 1);
        if (fraction.empty() || fraction.find_first_not_of('0') != std::string_view::npos) {
            return std::nullopt;
        }
        text = text.substr(0, point);
    }
    std::int64_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (result.ec != std::errc{} || result.ptr != end) {
        return std::nullopt;
    }
    return value;
}

bool fits_numeric(std::string_view text) {
    constexpr std::int64_t most_before_point = 131072;
    constexpr std::int64_t most_after_point = 16383;
    // PostgreSQL refuses the exponent itself, even that of a zero, from half of INT_MAX on.
    const auto number = split(text);
    if (!number.is_valid || number.exponent >= huge_exponent || number.exponent <= -huge_exponent) {
        return false;
    }
    const auto after_point = static_cast<std::int64_t>(number.fraction.size()) - number.exponent;
    return magnitude(number).value_or(0) < most_before_point && after_point <= most_after_point;
}

int significant_digits(std::string_view text) {
    return count_significant(split(text));
}

bool fits_double(std::string_view text) {
    const auto number = split(text);
    const auto place = magnitude(number).value_or(0);
    // One power of ten inside the limits on both sides, so that no digit is lost at the rims.
    return count_significant(number) <= DBL_DIG && place > DBL_MIN_10_EXP && place < DBL_MAX_10_EXP;
}

} // namespace zohosyncd
