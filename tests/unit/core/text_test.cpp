#include "daemon/core/text.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::string_literals;

struct Cleaned {
    std::string text;
    std::size_t count = 0;

    bool operator==(const Cleaned&) const = default;
};

Cleaned clean_utf8(std::string_view bytes) {
    Cleaned result;
    result.count = append_clean_utf8(result.text, bytes);
    return result;
}

Cleaned unescape(std::string_view raw) {
    Cleaned result;
    result.count = append_unescaped_json_string(result.text, raw);
    return result;
}

Cleaned clean_json(std::string_view raw) {
    Cleaned result;
    result.count = append_clean_json(result.text, raw);
    return result;
}

/// Judges by decoding: the slow way, for comparison. Returns 0 where no character begins.
std::size_t character_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]))
                               : 0;
    };
    const auto lead = byte(at);
    const std::size_t length = lead < 0x80       ? 1
                               : lead >> 5 == 6  ? 2
                               : lead >> 4 == 14 ? 3
                               : lead >> 3 == 30 ? 4
                                                 : 0;
    const std::uint32_t smallest[] = {0, 1, 0x80, 0x800, 0x10000};
    std::uint32_t code = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if (byte(at + i) >> 6 != 2) {
            return 0;
        }
        code = code << 6 | (byte(at + i) & 0x3F);
    }
    const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
    return length == 0 || code < smallest[length] || code > 0x10FFFF || is_surrogate ? 0 : length;
}

bool is_storable(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto length = character_length(text, at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

/// A text of pieces that are each likely to upset a decoder where they meet.
std::string random_text(std::mt19937_64& random, const std::vector<std::string>& pieces) {
    std::uniform_int_distribution<std::size_t> lengths{0, 12};
    std::uniform_int_distribution<std::size_t> places{0, pieces.size() - 1};
    std::string text;
    for (auto left = lengths(random); left > 0; --left) {
        text += pieces[places(random)];
    }
    return text;
}

std::string escape_of(unsigned code) {
    char text[8];
    std::snprintf(text, sizeof text, "\\u%04x", code & 0xFFFFU);
    return text;
}

TEST_CASE("broken text is mended and counted") {
    struct Case {
        const char* name;
        std::string bytes;
        std::string want;
        std::size_t count;
    };

    const Case cases[] = {
        {"nothing", "", "", 0},
        {"plain", "Zylker & Söhne 日本 😀", "Zylker & Söhne 日本 😀", 0},
        {"a long plain text", std::string(1000, 'x'), std::string(1000, 'x'), 0},
        {"a replacement character of its own", "a\uFFFDb", "a\uFFFDb", 0},
        {"DEL and controls", "\x01\x1f\x7f\t\n", "\x01\x1f\x7f\t\n", 0},
        {"NUL at the start", "\0ab"s, "\uFFFDab", 1},
        {"NUL in the middle",
         "12345678\0abcdefgh"s,
         "12345678\uFFFD"
         "abcdefgh",
         1},
        {"NUL at the end", "ab\0"s, "ab\uFFFD", 1},
        {"NULs alone", "\0\0"s, "\uFFFD\uFFFD", 2},
        {"a continuation byte alone",
         "a\x80"
         "b",
         "a\uFFFDb",
         1},
        {"overlong slash", "\xC0\xAF", "\uFFFD\uFFFD", 2},
        {"overlong in three bytes", "\xE0\x80\xAF", "\uFFFD\uFFFD\uFFFD", 3},
        {"overlong NUL of Java", "\xC0\x80", "\uFFFD\uFFFD", 2},
        {"an encoded surrogate", "\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD", 3},
        {"the last before the surrogates", "\xED\x9F\xBF", "\xED\x9F\xBF", 0},
        {"the first after the surrogates", "\xEE\x80\x80", "\xEE\x80\x80", 0},
        {"the greatest code point", "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF", 0},
        {"beyond it", "\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD", 4},
        {"bytes that never occur", "\xF5\xFF", "\uFFFD\uFFFD", 2},
        {"cut after one byte of four", "a\xF0", "a\uFFFD", 1},
        {"cut after three bytes of four", "a\xF0\x9F\x98", "a\uFFFD", 1},
        {"cut and followed by text", "\xE6\x97ok", "\uFFFDok", 1},
        {"cut and followed by a character", "\xE6\x97\xC3\xB6", "\uFFFDö", 1},
        {"Latin-1", "M\xFCller", "M\uFFFDller", 1},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        CHECK(clean_utf8(c.bytes) == Cleaned{c.want, c.count});
    }
}

TEST_CASE("a JSON string is decoded") {
    struct Case {
        const char* name;
        std::string raw;
        std::string want;
        std::size_t count;
    };

    const Case cases[] = {
        {"nothing", "", "", 0},
        {"plain", "Müller", "Müller", 0},
        {"every short escape", R"(\"\\\/\b\f\n\r\t)", "\"\\/\b\f\n\r\t", 0},
        {"a line break", R"(line1\nline2)", "line1\nline2", 0},
        {"one to three bytes", R"(\u0041\u00fc\u20AC)", "Aü€", 0},
        {"a pair", R"(\ud83d\ude00!)", "😀!", 0},
        {"the ends of the pairs", R"(\ud800\udc00\uDBFF\uDFFF)", "\U00010000\U0010FFFF", 0},
        {"NUL", R"(a\u0000b)", "a\uFFFDb", 1},
        {"raw NUL", "a\0b"s, "a\uFFFDb", 1},
        {"a high surrogate alone", R"(\ud83d)", "\uFFFD", 1},
        {"a high surrogate and text", R"(\ud83dx)", "\uFFFDx", 1},
        {"a high surrogate and another escape", R"(\ud83d\n)", "\uFFFD\n", 1},
        {"a high surrogate and a character",
         R"(\ud83d\u0041)",
         "\uFFFD"
         "A",
         1},
        {"two high surrogates and a low", R"(\ud83d\ud83d\ude00)", "\uFFFD😀", 1},
        {"a low surrogate alone", R"(\ude00)", "\uFFFD", 1},
        {"a pair the wrong way round", R"(\ude00\ud83d)", "\uFFFD\uFFFD", 2},
        {"an unknown escape", R"(a\xb)", "a\uFFFDb", 1},
        {"a backslash at the end", "a\\", "a\uFFFD", 1},
        {"an escape cut short", R"(\u12)", "\uFFFD12", 1},
        {"an escape that is no number", R"(\u12g4)", "\uFFFD12g4", 1},
        {"a backslash before a character", "\\ü", "\uFFFDü", 1},
        {"broken text before an escape", "\xE6\x97\\n", "\uFFFD\n", 1},
        {"an escaped backslash before u", R"(\\u0000)", "\\u0000", 0},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        CHECK(unescape(c.raw) == Cleaned{c.want, c.count});
    }
}

TEST_CASE("JSON text is made fit for jsonb") {
    struct Case {
        const char* name;
        std::string raw;
        std::string want;
        std::size_t count;
    };

    const Case cases[] = {
        {"nothing", "", "", 0},
        {"an object",
         R"({"a":[1,2.50,true,null],"b":{}})",
         R"({"a":[1,2.50,true,null],"b":{}})",
         0},
        {"white space between tokens", "\t{ \"a b\" :\r\n [ 1 , 2 ] } ", R"({"a b":[1,2]})", 0},
        {"white space in strings", R"({"a":" x  y "})", R"({"a":" x  y "})", 0},
        {"escapes that are fine",
         R"(["\"\\\/\b\u00fc\ud83d\ude00"])",
         R"(["\"\\\/\b\u00fc\ud83d\ude00"])",
         0},
        {"NUL in a value",
         R"({"a":"x\u0000y"})",
         R"({"a":"x)"
         "\uFFFD"
         R"(y"})",
         1},
        {"NUL in a key",
         R"({"a\u0000":1})",
         R"({"a)"
         "\uFFFD"
         R"(":1})",
         1},
        {"raw NUL", "[\"a\0b\"]"s, "[\"a\uFFFDb\"]", 1},
        {"surrogates",
         R"(["\ud800","\udc00x","\ud800\ud800\udc00"])",
         "[\"\uFFFD\",\"\uFFFDx\",\"\uFFFD\\ud800\\udc00\"]",
         3},
        {"an escaped backslash before u", R"(["\\u0000"])", R"(["\\u0000"])", 0},
        {"an escaped quote", R"(["a\" , \"b" , "c"])", R"(["a\" , \"b","c"])", 0},
        {"broken UTF-8", "[\"M\xFCller\"]", "[\"M\uFFFDller\"]", 1},
        {"a raw line break", "[\"a\nb\x1f\"]", R"(["a\u000ab\u001f"])", 0},
        {"an unknown escape", R"(["\x"])", "[\"\uFFFD\"]", 1},
        {"numbers keep every digit",
         "[1.10000000000000000000000001E+10]",
         "[1.10000000000000000000000001E+10]",
         0},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        CHECK(clean_json(c.raw) == Cleaned{c.want, c.count});
    }
}

TEST_CASE("text is appended, not replaced") {
    std::string out = "before ";

    append_clean_utf8(out, "a");
    append_unescaped_json_string(out, "b");
    append_clean_json(out, "[]");

    CHECK(out == "before ab[]");
}

TEST_CASE("none of the surrogates gets through alone") {
    for (unsigned code = 0xD800; code <= 0xDFFF; ++code) {
        CAPTURE(code);
        const auto escape = escape_of(code);
        REQUIRE(unescape("a" + escape + "b") == Cleaned{"a\uFFFDb", 1});
        REQUIRE(clean_json("[\"a" + escape + "b\"]") == Cleaned{"[\"a\uFFFDb\"]", 1});
    }
}

TEST_CASE("every character survives as it is, escaped and in JSON") {
    for (unsigned code = 1; code <= 0x10FFFF; code += code < 0x3000 ? 1 : 0x3B) {
        if (code >= 0xD800 && code <= 0xDFFF) {
            continue;
        }
        CAPTURE(code);
        const auto escape = code < 0x10000 ? escape_of(code)
                                           : escape_of(0xD800 + ((code - 0x10000) >> 10)) +
                                                 escape_of(0xDC00 + ((code - 0x10000) & 0x3FF));
        const auto decoded = unescape(escape);
        REQUIRE(decoded.count == 0);
        REQUIRE(decoded.text == nlohmann::json::parse('"' + escape + '"').get<std::string>());
        REQUIRE(clean_utf8("1234567" + decoded.text) == Cleaned{"1234567" + decoded.text, 0});
        REQUIRE(clean_json('"' + escape + '"') == Cleaned{'"' + escape + '"', 0});
    }
}

TEST_CASE("whatever bytes come, what goes out is storable and cleaning it again changes nothing") {
    const std::vector<std::string> pieces{"\0"s,  "a",        "abcdefgh", "\x7F", "\x80", "\xBF",
                                          "\xC0", "\xC3\xB6", "\xE0",     "\xE6", "\x97", "\xA5",
                                          "\xED", "\xA0",     "\xF0",     "\x9F", "\x98", "\xF4",
                                          "\x8F", "\xFF",     "😀",       "日",   "\"",   " "};
    std::mt19937_64 random{3};

    for (int i = 0; i < 20000; ++i) {
        const auto bytes = random_text(random, pieces);
        CAPTURE(bytes);
        const auto once = clean_utf8(bytes);
        REQUIRE(is_storable(once.text));
        REQUIRE(once.text.find('\0') == std::string::npos);
        REQUIRE(clean_utf8(once.text) == Cleaned{once.text, 0});
        const bool was_fine = is_storable(bytes) && bytes.find('\0') == std::string::npos;
        REQUIRE((once.count == 0) == was_fine);
        REQUIRE((once.text == bytes) == was_fine);
    }
}

TEST_CASE("cleaned JSON parses and means what the raw text means") {
    const std::vector<std::string> pieces{
        "\\u0000", "\\ud800", "\\udc00", "\\uDBFF",  "\\u00e4",  "\\u12", "\\n",  "\\\\",
        "\\\"",    "\\x",     "\xC3",    "\xA4",     "\xED\xA0", "ü",     "\0"s,  "\n",
        " ",       "{",       "]",       "abcdefgh", ",",        "u0041", "\x7F", "\\/"};
    std::mt19937_64 random{4};

    for (int i = 0; i < 20000; ++i) {
        const auto body = random_text(random, pieces);
        CAPTURE(body);
        const auto want = unescape(body);
        const auto cleaned = clean_json("{ \"k\" : [ \"" + body + "\" ] }");
        REQUIRE(is_storable(cleaned.text));
        REQUIRE(cleaned.count == want.count);
        const auto parsed = nlohmann::json::parse(cleaned.text);
        REQUIRE(parsed.at("k").at(0).get<std::string>() == want.text);
        REQUIRE(clean_json(cleaned.text) == Cleaned{cleaned.text, 0});
    }
}

TEST_CASE("text that is no JSON at all is survived") {
    const std::vector<std::string> pieces{"\"", "\\", "\\u", "{", "[", "\0"s, " ", "\xF0", "\\ud8"};
    std::mt19937_64 random{5};

    for (int i = 0; i < 20000; ++i) {
        const auto text = random_text(random, pieces);
        CAPTURE(text);
        REQUIRE(is_storable(clean_json(text).text));
        REQUIRE(is_storable(unescape(text).text));
        REQUIRE(json_depth_ok(text));
    }
}

TEST_CASE("nesting is counted outside strings") {
    struct Case {
        const char* name;
        std::string raw;
        int max;
        bool want;
    };

    const Case cases[] = {
        {"a scalar", "1", 0, true},
        {"an array", "[]", 0, false},
        {"as deep as allowed", R"({"a":[{"b":1}]})", 3, true},
        {"one deeper", R"({"a":[{"b":[]}]})", 3, false},
        {"side by side", "[[],[],[],[]]", 2, true},
        {"brackets in a string", R"(["[[[[\"[[[["])", 1, true},
        {"an escaped backslash at a string's end", R"(["\\",[]])", 1, false},
        {"an empty string", R"(["",[]])", 2, true},
        {"63", std::string(63, '['), 64, true},
        {"64", std::string(64, '['), 64, true},
        {"65", std::string(65, '['), 64, false},
        {"a million", std::string(1000000, '['), 64, false},
        {"a string without end", R"(["abc)", 1, true},
        {"a backslash at the end", "[\"abc\\", 1, true},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        CHECK(json_depth_ok(c.raw, c.max) == c.want);
    }
}

} // namespace
} // namespace zohosyncd
