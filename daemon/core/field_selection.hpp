#pragma once

#include <string>
#include <string_view>
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

    [[nodiscard]] bool keeps(std::string_view api_name) const;

    /// The items that match none of the fields: mistyped, most likely, or gone from Zoho.
    [[nodiscard]] std::vector<std::string>
    without_match(const std::vector<std::string>& api_names) const;

    bool operator==(const FieldSelection&) const = default;
};

} // namespace zohosyncd
