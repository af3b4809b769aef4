#include "daemon/core/text.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace zohosyncd {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD"; // U+FFFD
constexpr std::uint64_t low_bits = 0x0101010101010101;
constexpr std::uint64_t high_bits = 0x8080808080808080;

unsigned byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

std::uint64_t word_at(std::string_view text, std::size_t at) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    return word;
}

/// The high bit of each byte that is zero, and perhaps of some bytes above the first such one.
constexpr std::uint64_t zero_bytes(std::uint64_t word) {
    return (word - low_bits) & ~word & high_bits;
}

/// Of the bytes marked by their high bit, the one that comes first in memory. Where a borrow has
/// marked bytes too many, they come after it.
std::size_t first_marked(std::uint64_t marks) {
    static_assert(std::endian::native == std::endian::little);
    return static_cast<std::size_t>(std::countr_zero(marks)) / 8;
}

/// The first byte from `at` on that is NUL or not ASCII.
std::size_t skip_plain(std::string_view text, std::size_t at) {
    for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
        const auto word = word_at(text, at);
        const auto marks = zero_bytes(word) | (word & high_bits);
        if (marks != 0) {
            return at + first_marked(marks);
        }
    }
    while (at < text.size() && byte_at(text, at) - 1U < 0x7FU) {
        ++at;
    }
    return at;
}

/// The first byte from `at` on that ends a stretch inside a JSON string: quote, backslash, control.
std::size_t skip_string_body(std::string_view text, std::size_t at) {
    for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
        const auto word = word_at(text, at);
        const auto controls = (word - low_bits * 0x20) & ~word & high_bits;
        const auto marks =
            controls | zero_bytes(word ^ low_bits * '"') | zero_bytes(word ^ low_bits * '\\');
        if (marks != 0) {
            return at + first_marked(marks);
        }
    }
    while (at < text.size() && text[at] != '"' && text[at] != '\\' && byte_at(text, at) >= 0x20) {
        ++at;
    }
    return at;
}

struct Sequence {
    std::size_t length; // Of the character, or of the part to be replaced; at least 1.
    bool is_valid;
};

/// Judges the sequence that starts with a byte that is not ASCII (Unicode, table 3-7).
Sequence read_sequence(std::string_view text, std::size_t at) {
    const auto lead = byte_at(text, at);
    std::size_t length = 0;
    unsigned lowest = 0x80;  // Bounds of the second byte; they rule out overlong forms, surrogates
    unsigned highest = 0xBF; // and what lies beyond U+10FFFF.
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        lowest = lead == 0xE0 ? 0xA0 : 0x80;
        highest = lead == 0xED ? 0x9F : 0xBF;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        lowest = lead == 0xF0 ? 0x90 : 0x80;
        highest = lead == 0xF4 ? 0x8F : 0xBF;
    } else {
        return {1, false};
    }
    for (std::size_t i = 1; i < length; ++i) {
        if (at + i >= text.size() || byte_at(text, at + i) < lowest ||
            byte_at(text, at + i) > highest) {
            return {i, false};
        }
        lowest = 0x80;
        highest = 0xBF;
    }
    return {length, true};
}

void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    }
}

/// Four hex digits at `at`, or -1.
std::int32_t read_hex4(std::string_view text, std::size_t at) {
    if (at + 4 > text.size()) {
        return -1;
    }
    std::int32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
        const char c = text[i];
        int digit = 0;
        if (c >= '0' && c <= '9') {
            digit = c - '0';
        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            digit = (c | 0x20) - 'a' + 10;
        } else {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

bool is_high_surrogate(std::int32_t code) {
    return code >= 0xD800 && code <= 0xDBFF;
}

bool is_low_surrogate(std::int32_t code) {
    return code >= 0xDC00 && code <= 0xDFFF;
}

struct Escape {
    std::size_t length; // In the text, with its backslash.
    std::int32_t code;  // The character it stands for; -1 where there is none that can be stored.
};

Escape read_unicode_escape(std::string_view text, std::size_t at) {
    const auto code = read_hex4(text, at + 2);
    if (code < 0) {
        return {2, -1}; // What follows is kept as text.
    }
    if (code == 0 || is_low_surrogate(code)) {
        return {6, -1};
    }
    if (!is_high_surrogate(code)) {
        return {6, code};
    }
    if (text.substr(at + 6, 2) == "\\u") {
        const auto low = read_hex4(text, at + 8);
        if (is_low_surrogate(low)) {
            return {12, 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)};
        }
    }
    return {6, -1};
}

/// Reads the escape whose backslash is at `at`.
Escape read_escape(std::string_view text, std::size_t at) {
    if (at + 1 == text.size()) {
        return {1, -1};
    }
    switch (text[at + 1]) {
    case '"':
    case '\\':
    case '/':
        return {2, text[at + 1]};
    case 'b':
        return {2, '\b'};
    case 'f':
        return {2, '\f'};
    case 'n':
        return {2, '\n'};
    case 'r':
        return {2, '\r'};
    case 't':
        return {2, '\t'};
    case 'u':
        return read_unicode_escape(text, at);
    default:
        // A byte that is not ASCII is left where it is: it may begin a character. So are control
        // characters, which the caller treats by themselves.
        return {byte_at(text, at + 1) - 0x20U < 0x60U ? 2U : 1U, -1};
    }
}

void append_control_escape(std::string& out, unsigned byte) {
    constexpr std::string_view hex = "0123456789abcdef";
    out += "\\u00";
    out += hex[byte >> 4];
    out += hex[byte & 0xF];
}

/// Copies one JSON string, whose opening quote is before `at`, through its closing one, and moves
/// `at` behind that.
std::size_t append_clean_string(std::string& out, std::string_view text, std::size_t& at) {
    std::size_t count = 0;
    out += '"';
    while (at < text.size()) {
        const auto end = skip_string_body(text, at);
        count += append_clean_utf8(out, text.substr(at, end - at));
        at = end;
        if (at == text.size()) {
            break;
        }
        if (text[at] == '"') {
            ++at;
            out += '"';
            break;
        }
        if (text[at] == '\\') {
            const auto escape = read_escape(text, at);
            out += escape.code < 0 ? replacement : text.substr(at, escape.length);
            count += escape.code < 0 ? 1U : 0U;
            at += escape.length;
        } else if (text[at] == '\0') {
            out += replacement;
            ++count;
            ++at;
        } else {
            append_control_escape(out, byte_at(text, at++));
        }
    }
    return count;
}

bool is_json_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// Moves behind the closing quote of the string whose opening quote is before `at`.
std::size_t skip_string(std::string_view text, std::size_t at) {
    while (at < text.size() && text[at] != '"') {
        at = skip_string_body(text, text[at] == '\\' ? at + 2 : at + 1);
    }
    return at + 1;
}

} // namespace

std::size_t append_clean_utf8(std::string& out, std::string_view bytes) {
    std::size_t count = 0;
    std::size_t kept_from = 0;
    auto at = skip_plain(bytes, 0);
    while (at < bytes.size()) {
        const auto sequence = bytes[at] == '\0' ? Sequence{1, false} : read_sequence(bytes, at);
        if (!sequence.is_valid) {
            out.append(bytes, kept_from, at - kept_from);
            out += replacement;
            ++count;
            kept_from = at + sequence.length;
        }
        at += sequence.length;
        // Beyond ASCII one character is mostly followed by another such: skip only where not.
        if (at < bytes.size() && byte_at(bytes, at) - 1U < 0x7FU) {
            at = skip_plain(bytes, at);
        }
    }
    out.append(bytes, kept_from);
    return count;
}

std::size_t append_unescaped_json_string(std::string& out, std::string_view raw_without_quotes) {
    const auto text = raw_without_quotes;
    std::size_t count = 0;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = std::min(text.find('\\', at), text.size());
        count += append_clean_utf8(out, text.substr(at, end - at));
        at = end;
        if (at == text.size()) {
            break;
        }
        const auto escape = read_escape(text, at);
        if (escape.code < 0) {
            out += replacement;
            ++count;
        } else {
            append_utf8(out, static_cast<std::uint32_t>(escape.code));
        }
        at += escape.length;
    }
    return count;
}

std::size_t append_clean_json(std::string& out, std::string_view raw_json) {
    std::size_t count = 0;
    std::size_t at = 0;
    while (at < raw_json.size()) {
        if (is_json_space(raw_json[at])) {
            ++at;
            continue;
        }
        const auto start = at;
        while (at < raw_json.size() && raw_json[at] != '"' && !is_json_space(raw_json[at])) {
            ++at;
        }
        count += append_clean_utf8(out, raw_json.substr(start, at - start));
        if (at < raw_json.size() && raw_json[at] == '"') {
            count += append_clean_string(out, raw_json, ++at);
        }
    }
    return count;
}

std::string_view cut_utf8(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) {
        return text;
    }
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) {
        --bytes;
    }
    return text.substr(0, bytes);
}

std::size_t count_characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](unsigned char byte) { return (byte & 0xC0U) != 0x80U; }));
}

std::size_t count_utf16_units(std::string_view text) {
    constexpr unsigned char first_of_four_bytes = 0xF0U;
    return count_characters(text) +
           static_cast<std::size_t>(std::ranges::count_if(
               text, [](unsigned char byte) { return byte >= first_of_four_bytes; }));
}

bool json_depth_ok(std::string_view raw_json, int max) {
    int depth = 0;
    for (std::size_t at = 0; at < raw_json.size();) {
        const char c = raw_json[at++];
        if (c == '"') {
            at = skip_string(raw_json, at);
        } else if (c == '{' || c == '[') {
            if (++depth > max) {
                return false;
            }
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return true;
}

void append_json_string(std::string& out, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += digits[byte >> 4U];
            out += digits[byte & 0xFU];
        } else {
            out += c;
        }
    }
    out += '"';
}

} // namespace zohosyncd
