#pragma once

#include "daemon/core/schema.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace zohosyncd {

enum class JsonKind { null, string, number, boolean, object, array };

/// One value as the page holds it.
struct JsonValue {
    JsonKind kind = JsonKind::null;
    std::string_view raw; ///< JSON text; of a string without its quotes.
};

/// What became of a value.
enum class Stored {
    value,   ///< Appended to the output.
    nothing, ///< It is, or counts as, NULL.
    misfit,  ///< It does not fit the column: NULL, and the raw value belongs into quarantine.
};

/// Appends the value to `out` in the form that ColumnData promises for the type. Empty strings are
/// NULL but in text columns. `replaced` is raised by the characters that became U+FFFD.
/// `text_limit` cuts text after that many characters, as list calls cut rich text.
Stored append_value(ColumnType type,
                    const JsonValue& value,
                    std::optional<std::size_t> text_limit,
                    std::string& out,
                    std::size_t& replaced);

} // namespace zohosyncd
