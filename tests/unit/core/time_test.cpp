#include "daemon/core/time.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

Instant at(std::int64_t epoch_seconds) {
    return Instant{std::chrono::seconds{epoch_seconds}};
}

TEST_CASE("a time of Zoho is an instant whatever its offset") {
    struct Case {
        const char* text;
        std::int64_t want;
    };

    const Case cases[] = {
        {"1970-01-01T00:00:00+00:00", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T05:30:00+05:30", 0},
        {"1970-01-01T05:30:00+0530", 0},
        {"1969-12-31T20:30:00-03:30", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T14:00:00+14:00", 0},
        {"1969-12-31T10:00:00-14:00", 0},
        {"2017-08-16T14:32:23+05:30", 1502874143},
        {"2026-03-29T03:00:00+02:00", 1774746000},
        {"2026-03-29T01:59:59+01:00", 1774745999},
        {"2024-02-29T12:00:00+00:00", 1709208000},
        {"2000-02-29T00:00:00Z", 951782400},
        {"2026-11-23T10:00:00.123Z", 1795428000},
        {"2026-11-23T10:00:00.999999999999+00:00", 1795428000},
        {"2016-12-31T23:59:60Z", 1483228800},
        {"2026-11-23T10:00:60Z", 1795428060},
        {"0001-01-01T00:00:00Z", -62135596800},
        {"9999-12-31T23:59:59Z", 253402300799},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(parse_zoho_time(c.text) == at(c.want));
    }
}

TEST_CASE("what is no time of Zoho is refused") {
    const char* const cases[] = {
        "",
        "2026-11-23",
        "2026-11-23T10:00:00",
        "2026-11-23T10:00:00+",
        "2026-11-23T10:00:00+1",
        "2026-11-23T10:00:00+01",
        "2026-11-23T10:00:00+01:0",
        "2026-11-23T10:00:00+01:000",
        "2026-11-23T10:00:00+0100 ",
        "2026-11-23T10:00:00+01-00",
        "2026-11-23T10:00:00 01:00",
        "2026-11-23T10:00:00z",
        "2026-11-23T10:00:00ZZ",
        "2026-11-23 10:00:00Z",
        "2026-11-23t10:00:00Z",
        " 2026-11-23T10:00:00Z",
        "2026-11-23T10:00:00.Z",
        "2026-11-23T10:00:00.5",
        "2026-11-23T10:00:00,5Z",
        "2026-02-30T10:00:00Z",
        "2025-02-29T10:00:00Z",
        "1900-02-29T10:00:00Z",
        "2026-04-31T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-00-01T10:00:00Z",
        "2026-01-00T10:00:00Z",
        "2026-01-32T10:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T10:60:00Z",
        "2026-11-23T10:00:61Z",
        "2026-11-23T-1:00:00Z",
        "2026-11-23T10:00:00+14:01",
        "2026-11-23T10:00:00-14:30",
        "2026-11-23T10:00:00+18:00",
        "2026-11-23T10:00:00+05:60",
        "0000-01-01T00:00:00Z",
        "300000-01-01T00:00:00Z",
        "-001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T23:59:60Z",
        "2O26-11-23T10:00:00Z",
    };
    for (const auto* text : cases) {
        CAPTURE(text);
        CHECK_FALSE(parse_zoho_time(text));
    }
}

TEST_CASE("an HTTP date is read only in the preferred form") {
    struct Case {
        const char* text;
        std::optional<Instant> want;
    };

    const Case cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", at(784111777)},
        {"Thu, 01 Jan 1970 00:00:00 GMT", at(0)},
        {"Thu, 29 Feb 2024 12:00:00 GMT", at(1709208000)},
        {"Sat, 31 Dec 2016 23:59:60 GMT", at(1483228800)},
        {"Mon, 06 Nov 1994 08:49:37 GMT", std::nullopt},
        {"Xxx, 06 Nov 1994 08:49:37 GMT", std::nullopt},
        {"Sun, 06 Nov 1994 08:49:37 UTC", std::nullopt},
        {"Sun, 06 nov 1994 08:49:37 GMT", std::nullopt},
        {"Sun, 31 Nov 1994 08:49:37 GMT", std::nullopt},
        {"Sun, 06 Nov 1994 24:49:37 GMT", std::nullopt},
        {"Sun, 6 Nov 1994 08:49:37 GMT", std::nullopt},
        {"Sunday, 06-Nov-94 08:49:37 GMT", std::nullopt},
        {"Sun Nov  6 08:49:37 1994", std::nullopt},
        {"", std::nullopt},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(parse_http_date(c.text) == c.want);
    }
}

TEST_CASE("an instant is written in UTC") {
    CHECK(format_utc(at(0)) == "1970-01-01T00:00:00Z");
    CHECK(format_utc(at(-1)) == "1969-12-31T23:59:59Z");
    CHECK(format_utc(at(1774746000)) == "2026-03-29T01:00:00Z");
    CHECK(format_utc(at(-62135596800)) == "0001-01-01T00:00:00Z");
    CHECK(format_header(at(1774746000)) == "2026-03-29T01:00:00+00:00");
}

TEST_CASE("whatever is written is read back") {
    std::mt19937_64 random{1};
    std::uniform_int_distribution<std::int64_t> any{-62135596800, 253402300799};

    for (int i = 0; i < 20000; ++i) {
        const auto instant = at(any(random));
        CAPTURE(format_utc(instant));
        CHECK(parse_zoho_time(format_utc(instant)) == instant);
        CHECK(parse_zoho_time(format_header(instant)) == instant);
    }
}

TEST_CASE("a calendar date is a day that exists") {
    struct Case {
        const char* text;
        bool want;
    };

    const Case cases[] = {
        {"2017-08-16", true},
        {"2024-02-29", true},
        {"0001-01-01", true},
        {"9999-12-31", true},
        {"2025-02-29", false},
        {"2026-02-30", false},
        {"0000-01-01", false},
        {"2026-1-01", false},
        {"2026-01-01 ", false},
        {"2026/01/01", false},
        {"20260101", false},
        {"", false},
        {"2026-13-01", false},
        {"2026-01-0x", false},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(is_calendar_date(c.text) == c.want);
    }
}

TEST_CASE("a duration is a sum of falling units") {
    struct Case {
        const char* text;
        std::optional<std::chrono::seconds> want;
    };

    const Case cases[] = {
        {"30s", 30s},
        {"0s", 0s},
        {"5m", 5min},
        {"2h", 2h},
        {"1d", 24h},
        {"1w", 168h},
        {"1h30m", 90min},
        {"1w2d3h4m5s", 219h + 4min + 5s},
        {"90m", 90min},
        {"36525d", 36525 * 24h},
        {"36526d", std::nullopt},
        {"9999999999w", std::nullopt},
        {"99999999999s", std::nullopt},
        {"99999999999999999999999s", std::nullopt},
        {"", std::nullopt},
        {"5", std::nullopt},
        {"m", std::nullopt},
        {"5 m", std::nullopt},
        {" 5m", std::nullopt},
        {"5m ", std::nullopt},
        {"-5m", std::nullopt},
        {"1.5h", std::nullopt},
        {"500ms", std::nullopt},
        {"30m1h", std::nullopt},
        {"1h1h", std::nullopt},
        {"1h30", std::nullopt},
        {"5M", std::nullopt},
        {"5y", std::nullopt},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(parse_duration(c.text) == c.want);
    }
}

TEST_CASE("a duration is written shortly and read back") {
    CHECK(format_duration(0s) == "0s");
    CHECK(format_duration(90min) == "1h30m");
    CHECK(format_duration(168h) == "7d");
    CHECK(format_duration(25h + 1s) == "1d1h1s");
    CHECK(format_duration(-90s) == "-1m30s");
    for (auto duration = 1s; duration < 100 * 24h; duration = duration * 3 + 7s) {
        CHECK(parse_duration(format_duration(duration)) == duration);
    }
}

} // namespace
} // namespace zohosyncd
