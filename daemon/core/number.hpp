#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace zohosyncd {

// Numbers are judged and passed on as the text that Zoho sent; none of this goes through a double.

/// Whether all of `text` is a number by JSON's grammar.
[[nodiscard]] bool is_json_number(std::string_view text);

/// Reads all of `text` as a whole number. Leading zeros are fine, because Zoho sends its long
/// integers as strings; so is a fraction that is all zeros. No plus sign, no exponent, no space.
[[nodiscard]] std::optional<std::int64_t> parse_int64(std::string_view text);

/// Whether `text` is a JSON number that PostgreSQL's numeric holds: up to 131072 digits before the
/// point and 16383 after it, once the exponent is written out.
[[nodiscard]] bool fits_numeric(std::string_view text);

/// Digits from the first to the last that is not zero, the exponent aside: 1200 and 0.0012 have
/// two. Zero has one. Requires a JSON number.
[[nodiscard]] int significant_digits(std::string_view text);

/// Whether a double gives `text` back as the same number: at most 15 significant digits and within
/// a double's normal range, which digits alone do not tell. Requires a JSON number.
[[nodiscard]] bool fits_double(std::string_view text);

} // namespace zohosyncd
