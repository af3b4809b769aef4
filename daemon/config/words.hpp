#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// ASCII only, whatever the locale.
std::string lower(std::string_view text);
std::string upper(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);

std::string_view trim(std::string_view text);

/// The parts between separators, trimmed; empty parts are left out.
std::vector<std::string> split(std::string_view text, char separator);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// How many letters must be added, dropped, changed or swapped to get from one to the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// "; did you mean `leads`?" when one of `known` is near, else nothing.
std::string did_you_mean(std::string_view given, const std::vector<std::string>& known);

/// [A-Za-z_][A-Za-z0-9_]*
bool is_plain_identifier(std::string_view text);

} // namespace zohosyncd
