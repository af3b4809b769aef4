#pragma once

#include "daemon/core/values.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// Sling's functions for text that this version has.
enum class Transform {
    trim_space,
    upper,
    lower,
    replace_accents,
    replace_0x00,
    replace_non_printable,
    empty_as_null,
    hash_md5,
    hash_sha256,
    hash_sha512,
};

/// Nothing for a function that there is not, or not yet.
std::optional<Transform> transform_named(std::string_view name);

/// "trim_space, upper, …", for messages.
std::string names_of_transforms();

/// What is done to the values of one column before they are stored. Objects and arrays in a column
/// of JSON are left alone.
struct ValueRules {
    std::vector<Transform> transforms; ///< Of text columns only.
    bool empty_as_null = false;
    std::optional<std::string> null_if;
    std::optional<unsigned> decimals; ///< Rounded to, half away from zero.
    std::optional<unsigned> digits;   ///< At most so many before the point.
    std::optional<std::size_t> characters;
    int bits = 64; ///< Of a whole number.
    /// A date column takes the day of a time as it is written, a time column a day's midnight, UTC.
    bool converts_times = false;

    bool operator==(const ValueRules&) const = default;

    /// Differs where the stored values may; never empty.
    [[nodiscard]] std::string text() const;
};

/// append_value, with the rules. What exceeds their limits is a misfit.
Stored append_by_rules(const ValueRules& rules,
                       ColumnType type,
                       const JsonValue& value,
                       std::optional<std::size_t> text_limit,
                       std::string& out,
                       std::size_t& replaced);

/// The number with at most so many digits after the point, half away from zero, without an
/// exponent. Requires a JSON number that fits_numeric.
std::string rounded(std::string_view number, unsigned decimals);

} // namespace zohosyncd
