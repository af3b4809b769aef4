#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zohosyncd::fuzz {

/// Ends the run as a finding when a property does not hold. The name says what should have held.
inline void ensure(bool holds, const char* property) {
    if (!holds) {
        std::fprintf(stderr, "violated: %s\n", property);
        std::abort();
    }
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Takes the first line off, without its end.
inline std::string_view take_line(std::string_view& text) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

inline std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        lines.emplace_back(take_line(text));
    }
    return lines;
}

/// One character of UTF-8 and its length, decoded by the arithmetic of its definition; nothing for
/// what is none. Shares nothing with daemon/core/text.
inline std::optional<std::pair<std::uint32_t, std::size_t>> decode_utf8(std::string_view text) {
    const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const std::size_t length = byte(0) < 0x80   ? 1
                               : byte(0) < 0xC0 ? 0
                               : byte(0) < 0xE0 ? 2
                               : byte(0) < 0xF0 ? 3
                               : byte(0) < 0xF8 ? 4
                                                : 0;
    if (length == 0 || length > text.size()) {
        return std::nullopt;
    }
    std::uint32_t code = length == 1 ? byte(0) : byte(0) & (0xFFU >> (length + 1));
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xC0U) != 0x80U) {
            return std::nullopt;
        }
        code = code << 6U | (byte(at) & 0x3FU);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        return std::nullopt;
    }
    return std::pair{code, length};
}

/// Whether PostgreSQL would store the text: UTF-8 without NUL.
inline bool is_storable(std::string_view text) {
    while (!text.empty()) {
        const auto character = decode_utf8(text);
        if (!character || character->first == 0) {
            return false;
        }
        text.remove_prefix(character->second);
    }
    return true;
}

inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Whether all of the text is a number by the grammar of RFC 8259, as a table of states: for each
/// the next one after a zero, another digit, minus, plus, point and e; 0 is none.
inline bool is_number(std::string_view text) {
    //                             0  1  -  +  .  e
    constexpr int next[9][6] = {{0, 0, 0, 0, 0, 0},  // refused
                                {3, 4, 2, 0, 0, 0},  // begin
                                {3, 4, 0, 0, 0, 0},  // after the sign
                                {0, 0, 0, 0, 5, 7},  // after a zero
                                {4, 4, 0, 0, 5, 7},  // in the whole
                                {6, 6, 0, 0, 0, 0},  // after the point
                                {6, 6, 0, 0, 0, 7},  // in the fraction
                                {8, 8, 7, 7, 0, 0},  // after the e, see below
                                {8, 8, 0, 0, 0, 0}}; // in the exponent
    int state = 1;
    char before = ' ';
    for (const char c : text) {
        const bool is_second_sign = state == 7 && before != 'e' && before != 'E' && !is_digit(c);
        const int column = c == '0'               ? 0
                           : is_digit(c)          ? 1
                           : c == '-'             ? 2
                           : c == '+'             ? 3
                           : c == '.'             ? 4
                           : c == 'e' || c == 'E' ? 5
                                                  : -1;
        if (column < 0 || is_second_sign) {
            return false;
        }
        state = next[state][column];
        before = c;
    }
    return state == 3 || state == 4 || state == 6 || state == 8;
}

inline std::size_t count_characters(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) {
        count += (static_cast<unsigned char>(c) & 0xC0U) == 0x80U ? 0 : 1;
    }
    return count;
}

/// The text with every NUL made U+FFFD: what our cleaning is to make of text that is valid else.
inline std::string without_nul(const std::string& text) {
    std::string out;
    for (const char c : text) {
        out += c == '\0' ? std::string("\xEF\xBF\xBD") : std::string(1, c);
    }
    return out;
}

} // namespace zohosyncd::fuzz
