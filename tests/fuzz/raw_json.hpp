#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace zohosyncd::fuzz {

// Takes JSON apart without reading it, so that the text of numbers and strings stays as it was
// sent. Requires what is known to be JSON; on anything else the result means nothing.

struct RawValue {
    std::string_view text;
};

/// The length of the value at the begin.
inline std::size_t raw_length(std::string_view text) {
    int depth = 0;
    bool is_string = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (is_string) {
            at += c == '\\' ? 1 : 0;
            is_string = c != '"';
        } else if (c == '"') {
            is_string = true;
        } else if (c == '{' || c == '[') {
            ++depth;
            continue;
        } else if (c == '}' || c == ']') {
            --depth;
        }
        if (is_string || depth > 0) {
            continue;
        }
        if (c == '"' || c == '}' || c == ']') {
            return depth < 0 ? at : at + 1;
        }
        if (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            return at;
        }
    }
    return text.size();
}

inline void skip_gap(std::string_view& text) {
    const auto end = text.find_first_not_of(" \t\r\n,:");
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
}

inline std::string_view take_raw(std::string_view& text) {
    const auto value = text.substr(0, raw_length(text));
    text.remove_prefix(value.size());
    skip_gap(text);
    return value;
}

inline std::vector<RawValue> raw_elements(std::string_view array) {
    std::vector<RawValue> elements;
    array.remove_prefix(1);
    skip_gap(array);
    while (!array.empty() && array.front() != ']') {
        elements.push_back({take_raw(array)});
    }
    return elements;
}

/// Keys without their quotes, still escaped.
inline std::vector<std::pair<std::string_view, RawValue>> raw_members(std::string_view object) {
    std::vector<std::pair<std::string_view, RawValue>> members;
    object.remove_prefix(1);
    skip_gap(object);
    while (!object.empty() && object.front() != '}') {
        const auto key = take_raw(object);
        members.push_back({key.substr(1, key.size() - 2), {take_raw(object)}});
    }
    return members;
}

} // namespace zohosyncd::fuzz
