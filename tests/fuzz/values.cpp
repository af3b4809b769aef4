// Cleaning of text and JSON, and what each type of column makes of a value.

#include "daemon/core/values.hpp"

#include "daemon/core/text.hpp"
#include "tests/fuzz/properties.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>

namespace zohosyncd::fuzz {
namespace {

using nlohmann::json;

/// Discarded where it is no JSON. The library alone would take a NUL for the end of the text.
json read_json(std::string_view text) {
    return text.find('\0') == std::string_view::npos ? json::parse(text, nullptr, false)
                                                     : json(json::value_t::discarded);
}

std::string cleaned(std::string_view bytes, std::size_t& count) {
    std::string out;
    count = append_clean_utf8(out, bytes);
    return out;
}

/// The document with every NUL in its texts and keys made U+FFFD.
json without_nul_inside(const json& value) {
    if (value.is_string()) {
        return without_nul(value.get<std::string>());
    }
    if (value.is_array()) {
        json out = json::array();
        for (const auto& item : value) {
            out.push_back(without_nul_inside(item));
        }
        return out;
    }
    if (value.is_object()) {
        json out = json::object();
        for (const auto& [key, item] : value.items()) {
            out[without_nul(key)] = without_nul_inside(item);
        }
        return out;
    }
    return value;
}

void check_utf8(std::string_view bytes) {
    std::size_t count = 0;
    const auto clean = cleaned(bytes, count);
    ensure(is_storable(clean), "cleaned text is UTF-8 without NUL");
    ensure((count == 0) == is_storable(bytes), "replacements are counted just where there are any");
    ensure(count > 0 || clean == bytes, "text that is fine is left alone");
    std::size_t again = 0;
    ensure(cleaned(clean, again) == clean && again == 0, "cleaning twice changes nothing more");
    // The words of eight bytes that are looked at together may begin anywhere.
    for (const std::string_view before : {"a", "abc", "abcdefg"}) {
        std::size_t moved = 0;
        ensure(cleaned(std::string(before) + std::string(bytes), moved) ==
                       std::string(before) + clean &&
                   moved == count,
               "what stands before a text does not change how it is cleaned");
    }
    const std::size_t limit = bytes.empty() ? 0 : static_cast<unsigned char>(bytes[0]);
    const auto cut = cut_utf8(clean, limit);
    ensure(cut.size() <= limit && clean.starts_with(cut) && is_storable(cut),
           "a cut takes whole characters and no more bytes than allowed");
    ensure(cut.size() == clean.size() || cut.size() + 4 > limit, "a cut takes what fits");
}

void check_string_body(std::string_view raw) {
    std::string out;
    const auto count = append_unescaped_json_string(out, raw);
    ensure(is_storable(out), "an unescaped string is UTF-8 without NUL");
    const auto reference = read_json("\"" + std::string(raw) + "\"");
    if (reference.is_string()) {
        const auto text = reference.get<std::string>();
        ensure(out == without_nul(text), "a string of JSON is unescaped as another reader does");
        ensure(count == static_cast<std::size_t>(std::count(text.begin(), text.end(), '\0')),
               "only NUL is replaced in a string that is JSON");
    }
}

/// The longest text without a bare quote or an open escape that can be made of the bytes.
std::string inside_of_string(std::string_view bytes) {
    std::string out;
    bool is_escaped = false;
    for (const char c : bytes) {
        if (is_escaped || c != '"') {
            out += c;
        }
        is_escaped = !is_escaped && c == '\\';
    }
    if (is_escaped) {
        out.pop_back();
    }
    return out;
}

void check_json_of_any_string(std::string_view bytes) {
    std::string out;
    append_clean_json(out, "[\"" + inside_of_string(bytes) + "\", 1 ]");
    ensure(json::accept(out), "cleaned JSON is JSON, whatever its strings held");
    ensure(is_storable(out), "cleaned JSON is UTF-8 without NUL");
    const auto text = json::parse(out).at(0).get<std::string>();
    ensure(text.find('\0') == std::string::npos, "cleaned JSON holds no escaped NUL");
    std::string again;
    ensure(append_clean_json(again, out) == 0 && again == out, "clean JSON is left alone");
}

void check_json(std::string_view raw) {
    std::string out;
    append_clean_json(out, raw);
    ensure(is_storable(out), "cleaned JSON is UTF-8 without NUL, even if it was no JSON");
    const auto reference = read_json(raw);
    if (reference.is_discarded()) {
        return;
    }
    const auto result = read_json(out);
    ensure(!result.is_discarded(), "JSON stays JSON");
    ensure(result == without_nul_inside(reference), "JSON keeps its meaning");
    // The reference may have lost digits; the text must not.
    const auto digits = [](std::string_view text) {
        return std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    };
    ensure(raw.find("\\u") != std::string_view::npos || digits(raw) == digits(out),
           "JSON keeps every digit");
}

bool is_clean_value(ColumnType type, const std::string& out) {
    switch (type) {
    case ColumnType::text:
        return is_storable(out);
    case ColumnType::bigint:
        return out == std::to_string(std::strtoll(out.c_str(), nullptr, 10));
    case ColumnType::numeric:
        return is_number(out);
    case ColumnType::boolean:
        return out == "true" || out == "false";
    case ColumnType::date:
        return out.size() == 10;
    case ColumnType::timestamptz:
        return out.size() == 20 && out.back() == 'Z';
    case ColumnType::json:
        return is_storable(out);
    }
    return false;
}

void check_columns(std::string_view raw) {
    constexpr ColumnType types[] = {ColumnType::text,
                                    ColumnType::bigint,
                                    ColumnType::numeric,
                                    ColumnType::boolean,
                                    ColumnType::date,
                                    ColumnType::timestamptz,
                                    ColumnType::json};
    constexpr JsonKind kinds[] = {JsonKind::null,
                                  JsonKind::string,
                                  JsonKind::number,
                                  JsonKind::boolean,
                                  JsonKind::object,
                                  JsonKind::array};
    for (const auto type : types) {
        for (const auto kind : kinds) {
            std::string out;
            std::size_t replaced = 0;
            const auto stored = append_value(type, {kind, raw}, std::nullopt, out, replaced);
            ensure(stored != Stored::value || is_clean_value(type, out),
                   "a value is in the form that its column promises");
            ensure(stored != Stored::nothing || kind == JsonKind::null ||
                       (kind == JsonKind::string && raw.empty()),
                   "only null and empty strings become NULL silently");
        }
    }
    std::string whole;
    std::string limited;
    std::size_t replaced = 0;
    append_value(ColumnType::text, {JsonKind::string, raw}, std::nullopt, whole, replaced);
    append_value(ColumnType::text, {JsonKind::string, raw}, 5, limited, replaced);
    ensure(whole.starts_with(limited) && is_storable(limited) &&
               count_characters(limited) == std::min<std::size_t>(5, count_characters(whole)),
           "text is cut after so many characters");
}

} // namespace
} // namespace zohosyncd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace zohosyncd::fuzz;
    const auto text = as_text(data, size);
    check_utf8(text);
    check_string_body(text);
    check_json_of_any_string(text);
    check_json(text);
    check_columns(text);
    return 0;
}
