#include "daemon/core/field_selection.hpp"

#include "daemon/core/identifiers.hpp"

#include <fnmatch.h>

#include <algorithm>

namespace zohosyncd {
namespace {

bool matches(const std::string& pattern, const std::string& name) {
    return fnmatch(pattern.c_str(), name.c_str(), FNM_CASEFOLD) == 0 ||
           fnmatch(pattern.c_str(), snake_case(name).c_str(), FNM_CASEFOLD) == 0;
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view name) {
    return std::ranges::any_of(patterns, [text = std::string(name)](const std::string& pattern) {
        return matches(pattern, text);
    });
}

} // namespace

bool FieldSelection::keeps(std::string_view api_name) const {
    return (kept.empty() || any_matches(kept, api_name)) && !any_matches(left_out, api_name);
}

bool FieldSelection::keeps_part(std::string_view field, std::string_view part) const {
    return (kept.empty() || any_matches(kept, part) || any_matches(kept, field)) &&
           !any_matches(left_out, part) && !any_matches(left_out, field);
}

std::string FieldSelection::alias_of(std::string_view api_name) const {
    for (const auto& [name, alias] : aliases) {
        if (matches(name, std::string(api_name))) {
            return alias;
        }
    }
    return {};
}

std::vector<std::string>
FieldSelection::without_match(const std::vector<std::string>& api_names) const {
    std::vector<std::string> found;
    for (const auto* patterns : {&kept, &left_out}) {
        for (const auto& pattern : *patterns) {
            if (std::ranges::none_of(api_names, [&pattern](const std::string& name) {
                    return matches(pattern, name);
                })) {
                found.push_back(patterns == &kept ? pattern : "-" + pattern);
            }
        }
    }
    return found;
}

} // namespace zohosyncd
