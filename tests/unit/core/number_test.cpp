#include "daemon/core/number.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <random>
#include <string>

namespace zohosyncd {
namespace {

TEST_CASE("a number is what JSON's grammar says") {
    struct Case {
        const char* text;
        bool want;
    };

    const Case cases[] = {
        {"0", true},        {"-0", true},     {"25", true},     {"250000.50", true},
        {"1e5", true},      {"1E+5", true},   {"1.0e-5", true}, {"-1.25E05", true},
        {"1e400000", true}, {"", false},      {"-", false},     {"+1", false},
        {"01", false},      {"-01", false},   {"1.", false},    {".5", false},
        {"1e", false},      {"1e+", false},   {"1e+-5", false}, {"1 ", false},
        {" 1", false},      {"0x10", false},  {"NaN", false},   {"Infinity", false},
        {"-inf", false},    {"1,000", false}, {"1.2.3", false}, {"1e5.5", false},
        {"true", false},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(is_json_number(c.text) == c.want);
    }
}

TEST_CASE("a whole number is read to the last digit") {
    struct Case {
        const char* text;
        std::optional<std::int64_t> want;
    };

    const Case cases[] = {
        {"0", 0},
        {"-0", 0},
        {"25", 25},
        {"-25", -25},
        {"25.0", 25},
        {"25.000", 25},
        {"007", 7},
        {"4970762000000802209", 4970762000000802209},
        {"9007199254740993", 9007199254740993},
        {"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
        {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
        {"9223372036854775808", std::nullopt},
        {"-9223372036854775809", std::nullopt},
        {"1234567890123456789012345678901234567890", std::nullopt},
        {"25.5", std::nullopt},
        {"25.", std::nullopt},
        {".0", std::nullopt},
        {"-.0", std::nullopt},
        {"25.0.0", std::nullopt},
        {"+25", std::nullopt},
        {"1e3", std::nullopt},
        {" 25", std::nullopt},
        {"25 ", std::nullopt},
        {"2 5", std::nullopt},
        {"", std::nullopt},
        {"-", std::nullopt},
        {"--5", std::nullopt},
        {"INV-0012", std::nullopt},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(parse_int64(c.text) == c.want);
    }
}

TEST_CASE("numeric takes what PostgreSQL takes") {
    struct Case {
        const char* name;
        std::string text;
        bool want;
    };

    const Case cases[] = {
        {"zero", "0", true},
        {"money", "250000.50", true},
        {"greatest exponent", "1e131071", true},
        {"one more", "1e131072", false},
        {"greatest exponent below one", "0.001e131074", true},
        {"one more below one", "0.001e131075", false},
        {"ten at the limit", "10e131071", false},
        {"most digits", std::string(131072, '9'), true},
        {"one digit more", std::string(131073, '9'), false},
        {"most digits after the point", "0." + std::string(16383, '1'), true},
        {"one digit more after the point", "0." + std::string(16384, '1'), false},
        {"zeros count after the point", "1." + std::string(16384, '0'), false},
        {"smallest exponent", "1e-16383", true},
        {"one less", "1e-16384", false},
        {"a fraction and the smallest exponent", "1.5e-16383", false},
        {"an exponent that swallows the fraction", "0." + std::string(20000, '1') + "e20000", true},
        {"zero with a great exponent", "0e131072", true},
        {"zero with a small exponent", "0e-16384", false},
        {"beyond", "1e400000", false},
        {"far beyond", "1e99999999999999999999", false},
        {"far below", "1e-99999999999999999999", false},
        {"zero with an exponent that is refused", "0e1073741823", false},
        {"no number", "NaN", false},
        {"nothing", "", false},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        CHECK(fits_numeric(c.text) == c.want);
    }
}

TEST_CASE("significant digits leave out the zeros around them") {
    struct Case {
        const char* text;
        int want;
    };

    const Case cases[] = {
        {"0", 1},
        {"0.00", 1},
        {"-7", 1},
        {"1200", 2},
        {"0.0012", 2},
        {"136.67", 5},
        {"100.010", 5},
        {"250000.50", 7},
        {"1.50e10", 2},
        {"0.1e-400", 1},
        {"1e400", 1},
        {"123456789012345", 15},
        {"123456789012345.6", 16},
        {"554023000000310003", 18},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(significant_digits(c.text) == c.want);
    }
}

TEST_CASE("a double is trusted with fifteen digits inside its range") {
    struct Case {
        const char* text;
        bool want;
    };

    const Case cases[] = {
        {"0", true},
        {"-0.0", true},
        {"0e999", true},
        {"123456789012345", true},
        {"1234567890.12345", true},
        {"1234567890123456", false},
        {"1234567890123450000", true},
        {"9007199254740993", false},
        {"1e307", true},
        {"1e308", false},
        {"1e400", false},
        {"1e-306", true},
        {"1e-400", false},
        {"0.000001e-320", false},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(fits_double(c.text) == c.want);
    }
}

TEST_CASE("whatever fits a double comes back from it with the same digits") {
    std::mt19937_64 random{11};
    std::uniform_int_distribution<std::int64_t> mantissas{100000000000000, 999999999999999};
    std::uniform_int_distribution<int> exponents{-330, 310};

    for (int i = 0; i < 20000; ++i) {
        const auto mantissa = mantissas(random);
        const auto text = std::to_string(mantissa) + "e" + std::to_string(exponents(random));
        CAPTURE(text);
        if (fits_double(text)) {
            char back[40];
            std::snprintf(back, sizeof back, "%.14e", std::strtod(text.c_str(), nullptr));
            std::string digits{back[0]};
            digits.append(back + 2, 14);
            REQUIRE(digits == std::to_string(mantissa));
        }
    }
}

} // namespace
} // namespace zohosyncd
