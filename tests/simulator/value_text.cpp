#include "tests/simulator/value_text.hpp"

#include <array>

namespace zohosim {

namespace {

// Already escaped for JSON, as a server would print them: some escape what need not be escaped.
constexpr std::array<std::string_view, 32> words{
    "Zylker",         "Benton",     "King",        "Müller", "O'Neil",          "\\\"quoted\\\"",
    "back\\\\slash",  "Ünïcödé",    "漢字テスト",  "Ещё",    "\\u00e9t\\u00e9", "emoji 😀",
    "\\ud83d\\ude80", "tab\\there", "a/b",         "c\\/d",  "<b>bold</b>",     "100%",
    "Truhlar",        "Chanay",     "Printing",    "Foller", "Morlong",         "Chapman",
    "مرحبا",          "semi;colon", "comma, here", "NULL",   "\\\\N",           "e\\u0301",
    "plain",          "x"};

constexpr std::array<std::string_view, 8> numbers{"1234567890123456.123456789",
                                                  "0.1",
                                                  "99999999999999.99",
                                                  "136.670",
                                                  "-0.000000001",
                                                  "250000.50",
                                                  "9007199254740993",
                                                  "100"};

constexpr std::size_t rich_text_limit = 500;

void append_words(std::string& out, Draw& draw, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        if (i != 0) {
            out += ' ';
        }
        out += words[draw.below(words.size())];
    }
}

/// The first `limit` characters of an escaped JSON text: an escape or a UTF-8 sequence counts once.
std::string_view cut(std::string_view text, std::size_t limit) {
    std::size_t pos = 0;
    for (std::size_t i = 0; i < limit && pos < text.size(); ++i) {
        if (text[pos] == '\\') {
            pos += text[pos + 1] == 'u' ? 6 : 2;
            continue;
        }
        ++pos;
        while (pos < text.size() && (static_cast<unsigned char>(text[pos]) & 0xC0U) == 0x80U) {
            ++pos;
        }
    }
    return text.substr(0, pos);
}

} // namespace

void append_rich_text(std::string& out, Draw& draw, bool list_view) {
    std::string text = "<div>";
    const auto paragraphs = 1 + draw.below(8);
    for (std::uint64_t i = 0; i < paragraphs; ++i) {
        text += "<p style=\\\"color:red\\\">Absätze und ";
        for (int word = 0; word < 12; ++word) {
            text += std::to_string(draw.below(100'000));
            text += word % 5 == 4 ? "\\n" : " ";
        }
        text += "</p>";
    }
    text += "</div>";
    out += '"';
    out += list_view ? cut(text, rich_text_limit) : std::string_view{text};
    out += '"';
}

void append_text(std::string& out, Kind kind, int length, Draw& draw) {
    out += '"';
    switch (kind) {
    case Kind::email:
        out += "user" + std::to_string(draw.below(1'000'000)) + "@example.com";
        break;
    case Kind::phone:
        out += "+1 555-" + std::to_string(1'000'000 + draw.below(9'000'000));
        break;
    case Kind::website:
        out += "https://www.example.com/p?a=" + std::to_string(draw.below(100'000)) + "&b=%20";
        break;
    case Kind::textarea:
        append_words(out, draw, 3 + draw.below(10));
        out += "\\nsecond line\\r\\n";
        append_words(out, draw, 1 + draw.below(6));
        break;
    default:
        // A word has at most 15 characters, so that the declared length is kept.
        append_words(out, draw, 1 + draw.below(length < 60 ? 2 : 4));
        break;
    }
    out += '"';
}

void append_number(std::string& out, Kind kind, Draw& draw) {
    if (draw.below(8) == 0) {
        out += kind == Kind::percent ? std::string_view{"33.33"} : numbers[draw.below(8)];
        return;
    }
    if (kind == Kind::decimal && draw.below(64) == 0) {
        out += "1.5E7"; // What a Java server prints for a large double.
        return;
    }
    const auto whole = kind == Kind::percent ? draw.below(100) : draw.below(5'000'000);
    out += std::to_string(whole);
    if (draw.below(4) != 0) {
        const auto cents = draw.below(100);
        out += cents < 10 ? ".0" : ".";
        out += std::to_string(cents);
    }
}

void append_bigint(std::string& out, Draw& draw) {
    constexpr std::array<std::string_view, 5> edges{
        "0", "9223372036854775807", "-9223372036854775808", "9007199254740993", "-5"};
    out += '"';
    if (draw.below(6) == 0) {
        out += edges[draw.below(edges.size())];
    } else {
        out += std::to_string(draw.next() >> 4U);
    }
    out += '"';
}

void append_named(std::string& out, std::string_view name, std::int64_t id) {
    out += R"({"name":)";
    append_json_string(out, name);
    out += R"(,"id":")";
    out += std::to_string(id);
    out += "\"}";
}

void append_choices(std::string& out, const Field& field, Draw& draw) {
    out += '[';
    const auto mask = 1 + draw.below((1ULL << field.choices.size()) - 1);
    bool first = true;
    for (std::size_t i = 0; i < field.choices.size(); ++i) {
        if ((mask >> i & 1U) != 0) {
            out += first ? "" : ",";
            append_json_string(out, field.choices[i]);
            first = false;
        }
    }
    out += ']';
}

} // namespace zohosim
