#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zohosyncd {

/// `select` of a stream: which of Zoho's fields are kept. What is left out is not asked for.
///
/// An item is a field's name or a pattern with `*`, `?` and `[…]`, matched in any case against
/// Zoho's name (`Last_Name`) and its snake case (`last_name`); with `-` in front it leaves out what
/// it matches, whatever else does. Without an item that keeps, all others are kept.
struct FieldSelection {
    std::vector<std::string> kept;
    std::vector<std::string> left_out;
    std::vector<std::pair<std::string, std::string>> aliases =
        {}; ///< Of names among `kept`, with `as`.

    [[nodiscard]] bool keeps(std::string_view api_name) const;

    /// Of a part of an object: by its own name (`Owner__id`) or by its field's.
    [[nodiscard]] bool keeps_part(std::string_view field, std::string_view part) const;

    /// Empty: none.
    [[nodiscard]] std::string alias_of(std::string_view api_name) const;

    /// The items that match none of the fields: mistyped, most likely, or gone from Zoho.
    [[nodiscard]] std::vector<std::string>
    without_match(const std::vector<std::string>& api_names) const;

    bool operator==(const FieldSelection&) const = default;
};

} // namespace zohosyncd
