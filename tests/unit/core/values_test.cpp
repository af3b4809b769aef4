#include "daemon/core/values.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

struct Result {
    Stored stored;
    std::string text;
    std::size_t replaced = 0;
};

Result store(ColumnType type,
             JsonKind kind,
             const std::string& raw,
             std::optional<std::size_t> limit = {}) {
    Result result{};
    result.stored = append_value(type, {kind, raw}, limit, result.text, result.replaced);
    return result;
}

constexpr auto text = ColumnType::text;
constexpr auto bigint = ColumnType::bigint;
constexpr auto numeric = ColumnType::numeric;
constexpr auto boolean = ColumnType::boolean;
constexpr auto date = ColumnType::date;
constexpr auto timestamptz = ColumnType::timestamptz;
constexpr auto json = ColumnType::json;

TEST_CASE("null is nothing in every column") {
    for (const auto type : {text, bigint, numeric, boolean, date, timestamptz, json}) {
        CHECK(store(type, JsonKind::null, "null").stored == Stored::nothing);
    }
}

TEST_CASE("an empty string is a text and nothing elsewhere") {
    CHECK(store(text, JsonKind::string, "").stored == Stored::value);
    for (const auto type : {bigint, numeric, boolean, date, timestamptz, json}) {
        CHECK(store(type, JsonKind::string, "").stored == Stored::nothing);
    }
}

TEST_CASE("every kind of value meets every type of column") {
    struct Case {
        ColumnType type;
        JsonKind kind;
        std::string raw;
        Stored stored;
        std::string want;
    };

    const auto string = JsonKind::string;
    const auto number = JsonKind::number;
    const auto truth = JsonKind::boolean;
    const auto object = JsonKind::object;
    const auto array = JsonKind::array;
    const auto value = Stored::value;
    const auto misfit = Stored::misfit;
    const Case cases[] = {
        {text, string, R"(a\tb)", value, "a\tb"},
        {text, number, "1.50", value, "1.50"},
        {text, truth, "true", value, "true"},
        {text, object, R"({ "a": 1 })", value, R"({"a":1})"},
        {text, array, R"([ "x" ])", value, R"(["x"])"},
        {bigint, string, "0042", value, "42"},
        {bigint, number, "42", value, "42"},
        {bigint, number, "42.00", value, "42"},
        {bigint, number, "-0", value, "0"},
        {bigint, number, "42.5", misfit, ""},
        {bigint, string, "42x", misfit, ""},
        {bigint, truth, "true", misfit, ""},
        {bigint, object, "{}", misfit, ""},
        {bigint, array, "[1]", misfit, ""},
        {numeric, number, "10.500", value, "10.500"},
        {numeric, number, "1e3", value, "1e3"},
        {numeric, string, "-7.25", value, "-7.25"},
        {numeric, string, "NaN", misfit, ""},
        {numeric, string, "1,5", misfit, ""},
        {numeric, number, "1e999999", misfit, ""},
        {numeric, truth, "true", misfit, ""},
        {numeric, object, "{}", misfit, ""},
        {numeric, array, "[]", misfit, ""},
        {boolean, truth, "true", value, "true"},
        {boolean, truth, "false", value, "false"},
        {boolean, string, "true", value, "true"},
        {boolean, string, "yes", misfit, ""},
        {boolean, number, "1", misfit, ""},
        {boolean, object, "{}", misfit, ""},
        {boolean, array, "[]", misfit, ""},
        {date, string, "2024-02-29", value, "2024-02-29"},
        {date, string, "2023-02-29", misfit, ""},
        {date, string, "2024-02-29T10:00:00Z", misfit, ""},
        {date, number, "20240229", misfit, ""},
        {date, truth, "true", misfit, ""},
        {date, object, "{}", misfit, ""},
        {date, array, "[]", misfit, ""},
        {timestamptz, string, "2024-03-01T12:00:00+05:30", value, "2024-03-01T06:30:00Z"},
        {timestamptz, string, "2024-03-01T00:00:00Z", value, "2024-03-01T00:00:00Z"},
        {timestamptz, string, "2024-03-01", misfit, ""},
        {timestamptz, number, "1709251200", misfit, ""},
        {timestamptz, truth, "true", misfit, ""},
        {timestamptz, object, "{}", misfit, ""},
        {timestamptz, array, "[]", misfit, ""},
        {json, object, R"({ "id" : "1" })", value, R"({"id":"1"})"},
        {json, array, R"([ 1.10 ])", value, "[1.10]"},
        {json, string, R"(a\"b)", value, R"("a\"b")"},
        {json, number, "1.10", value, "1.10"},
        {json, truth, "false", value, "false"},
        {json, array, std::string(100, '[') + std::string(100, ']'), misfit, ""},
    };
    for (const auto& c : cases) {
        CAPTURE(to_string(c.type));
        CAPTURE(c.raw);

        const auto got = store(c.type, c.kind, c.raw);

        CHECK(got.stored == c.stored);
        CHECK(got.text == c.want);
        CHECK(got.replaced == 0);
    }
}

TEST_CASE("replaced characters are counted in texts and in JSON") {
    CHECK(store(text, JsonKind::string, R"(\u0000\ud800)").replaced == 2);
    CHECK(store(json, JsonKind::object, R"({"a":"\u0000"})").replaced == 1);
    CHECK(store(json, JsonKind::string, R"(\udfff)").text == "\"\xEF\xBF\xBD\"");
}

TEST_CASE("text is cut after whole characters") {
    struct Case {
        std::string raw;
        std::size_t limit;
        std::string want;
    };

    const Case cases[] = {
        {"abc", 3, "abc"},
        {"abcd", 3, "abc"},
        {"äöü", 2, "äö"},
        {"a😀b", 2, "a😀"},
        {R"(\u00e4\u00f6x)", 2, "äö"},
        {"x", 0, ""},
    };
    for (const auto& c : cases) {
        CAPTURE(c.raw);
        CHECK(store(text, JsonKind::string, c.raw, c.limit).text == c.want);
    }
}

TEST_CASE("a value is appended behind what is there") {
    std::string out = "before";
    std::size_t replaced = 0;

    (void)append_value(text, {JsonKind::string, "after"}, 3, out, replaced);

    CHECK(out == "beforeaft");
}

} // namespace
} // namespace zohosyncd
