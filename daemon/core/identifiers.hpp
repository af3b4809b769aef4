#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// How a field's API name becomes a column name: Sling's `target_options.column_casing`, for
/// targets that fold to lower case, as PostgreSQL and SQLite do.
enum class ColumnCasing {
    snake,     ///< `createdTime` and `Created_Time` become `created_time`.
    source,    ///< Untouched.
    target,    ///< Cleaned and in lower case.
    upper,     ///< Cleaned and in upper case.
    lower,     ///< Cleaned and in lower case.
    camel,     ///< `Created_Time` becomes `createdTime`.
    normalize, ///< Lower case where the name is clean and of one case, otherwise untouched.
};

/// `_` at each border from a lower-case letter or digit to an upper-case letter, then cleaned, then
/// lower case. Cleaning turns each character outside [A-Za-z0-9_] into `_`, so `$approved` becomes
/// `_approved`; where a leading `$` is to vanish, the caller takes it off first.
[[nodiscard]] std::string snake_case(std::string_view api_name);

[[nodiscard]] std::string apply_casing(std::string_view api_name, ColumnCasing casing);

/// In lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

/// Names the columns of one table, in the order of `api_names`; no two of them, nor of those in
/// `already_given` (API name to column), are equal even when case is ignored, as SQLite does.
///
/// A name once given stays. Of fields that collide, the one whose API name is first bytewise keeps
/// the plain name; the others, those over 63 bytes, and those that PostgreSQL or we use ourselves
/// (`xmin`, `_synced_at`…) get their first 54 bytes, cut at a character, `_` and 8 hex digits of
/// the API name's SHA-256. Neither the order of the fields nor repeats among them matter.
[[nodiscard]] std::vector<std::string>
assign_column_names(std::span<const std::string> api_names,
                    ColumnCasing casing,
                    const std::map<std::string, std::string>& already_given);

} // namespace zohosyncd
