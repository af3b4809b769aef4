#include "daemon/core/schedule.hpp"
#include "daemon/core/time.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <chrono>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_seconds;

/// The next `count` due times after `start`, in UTC.
std::vector<std::string> due(const std::string& schedule, const char* start, int count) {
    const auto parsed = Schedule::parse(schedule);
    std::vector<std::string> times;
    auto instant = parse_zoho_time(start).value();
    for (int i = 0; i < count; ++i) {
        instant = parsed.next_after(instant);
        times.push_back(format_utc(instant));
    }
    return times;
}

std::string first_due(const std::string& schedule, const char* start) {
    return due(schedule, start, 1).front();
}

TEST_CASE("an interval is a duration with or without @every") {
    struct Case {
        const char* text;
        std::chrono::seconds want;
    };

    const Case cases[] = {
        {"30s", 30s},
        {"1s", 1s},
        {"5m", 5min},
        {"2h", 2h},
        {"1d", 24h},
        {"1w", 168h},
        {"1h30m", 90min},
        {"@every 5m", 5min},
        {"@every  1h30m", 90min},
        {" @every 5m ", 5min},
        {"TZ=UTC @every 5m", 5min},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        const auto schedule = Schedule::parse(c.text);
        CHECK(schedule.interval() == c.want);
        CHECK_FALSE(schedule.is_manual());
        CHECK(schedule.text() == c.text);
        CHECK(schedule.next_after(sys_seconds{100s}) == sys_seconds{100s} + c.want);
    }
}

TEST_CASE("a manual schedule is never due") {
    for (const auto* text : {"manual", "off", "Manual"}) {
        CAPTURE(text);
        const auto schedule = Schedule::parse(text);
        CHECK(schedule.is_manual());
        CHECK_FALSE(schedule.interval());
        CHECK(schedule.next_after(sys_seconds{0s}) == sys_seconds::max());
    }
}

TEST_CASE("cron fields are read as cron reads them") {
    struct Case {
        const char* schedule;
        const char* start;
        const char* want;
    };

    // 2026-11-23 is a Monday.
    const Case cases[] = {
        {"* * * * *", "2026-11-23T10:00:00Z", "2026-11-23T10:01:00Z"},
        {"* * * * *", "2026-11-23T10:00:59Z", "2026-11-23T10:01:00Z"},
        {"*/10 * * * *", "2026-11-23T10:00:00Z", "2026-11-23T10:10:00Z"},
        {"*/10 * * * *", "2026-11-23T10:55:00Z", "2026-11-23T11:00:00Z"},
        {"5/20 * * * *", "2026-11-23T10:30:00Z", "2026-11-23T10:45:00Z"},
        {"10-20/5 * * * *", "2026-11-23T10:15:00Z", "2026-11-23T10:20:00Z"},
        {"10-20/5 * * * *", "2026-11-23T10:20:00Z", "2026-11-23T11:10:00Z"},
        {"7,3,3 * * * *", "2026-11-23T10:00:00Z", "2026-11-23T10:03:00Z"},
        {"0 9-17 * * MON-FRI", "2026-11-20T17:00:00Z", "2026-11-23T09:00:00Z"},
        {"0 0 * * 0", "2026-11-23T10:00:00Z", "2026-11-29T00:00:00Z"},
        {"0 0 * * 7", "2026-11-23T10:00:00Z", "2026-11-29T00:00:00Z"},
        {"0 0 * * Sun", "2026-11-23T10:00:00Z", "2026-11-29T00:00:00Z"},
        {"0 0 * * 5-7", "2026-11-28T10:00:00Z", "2026-11-29T00:00:00Z"},
        {"0 0 * * fri-sun", "2026-11-28T10:00:00Z", "2026-11-29T00:00:00Z"},
        {"0 0 * * sun-tue", "2026-11-24T10:00:00Z", "2026-11-29T00:00:00Z"},
        {"0 0 * * */3", "2026-11-23T10:00:00Z", "2026-11-25T00:00:00Z"},
        {"0 0 * * */7", "2026-11-23T10:00:00Z", "2026-11-29T00:00:00Z"},
        {"0 0 1 jan *", "2026-11-23T10:00:00Z", "2027-01-01T00:00:00Z"},
        {"0 0 ? DEC,FEB ?", "2026-11-23T10:00:00Z", "2026-12-01T00:00:00Z"},
        {"59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"},
        {"0 0 31 * *", "2026-11-23T10:00:00Z", "2026-12-31T00:00:00Z"},
        {"0 0 29 2 *", "2026-11-23T10:00:00Z", "2028-02-29T00:00:00Z"},
        {"0 0 29 2 *", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"},
        {"0 0 13 * FRI", "2026-11-23T10:00:00Z", "2026-11-27T00:00:00Z"}, // Either suffices.
        {"0 0 24 * FRI", "2026-11-23T10:00:00Z", "2026-11-24T00:00:00Z"},
        {"0 0 31 2 FRI", "2026-11-23T10:00:00Z", "2027-02-05T00:00:00Z"},
        {"0 0 */2 * TUE", "2026-11-23T10:00:00Z", "2026-11-24T00:00:00Z"},
        {"0 0 *,13 * FRI", "2026-11-23T10:00:00Z", "2026-11-27T00:00:00Z"},
        {" 0\t12  *  * * ", "2026-11-23T10:00:00Z", "2026-11-23T12:00:00Z"},
        {"@hourly", "2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z"},
        {"@daily", "2026-11-23T10:00:00Z", "2026-11-24T00:00:00Z"},
        {"@midnight", "2026-11-23T10:00:00Z", "2026-11-24T00:00:00Z"},
        {"@Weekly", "2026-11-23T10:00:00Z", "2026-11-29T00:00:00Z"},
        {"@monthly", "2026-11-23T10:00:00Z", "2026-12-01T00:00:00Z"},
        {"@yearly", "2026-11-23T10:00:00Z", "2027-01-01T00:00:00Z"},
        {"@annually", "2026-11-23T10:00:00Z", "2027-01-01T00:00:00Z"},
        {"0 0 * * *", "1969-12-30T10:00:00Z", "1969-12-31T00:00:00Z"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.schedule);
        CAPTURE(c.start);
        CHECK(first_due("CRON_TZ=UTC " + std::string{c.schedule}, c.start) == c.want);
    }
}

TEST_CASE("a time zone shifts the due time") {
    CHECK(first_due("CRON_TZ=Europe/Berlin 0 6 * * *", "2026-01-10T00:00:00Z") ==
          "2026-01-10T05:00:00Z");
    CHECK(first_due("TZ=Europe/Berlin 0 6 * * *", "2026-07-10T00:00:00Z") ==
          "2026-07-10T04:00:00Z");
    CHECK(first_due("CRON_TZ=Asia/Kolkata @daily", "2026-07-10T00:00:00Z") ==
          "2026-07-10T18:30:00Z");
    CHECK(first_due("CRON_TZ=Pacific/Kiritimati 30 9 * * MON", "2026-11-20T00:00:00Z") ==
          "2026-11-22T19:30:00Z");
}

TEST_CASE("a time that the clocks skip is due right after the gap, once") {
    // Berlin skips 02:00 to 03:00 on 2026-03-29, at 01:00 UTC.
    using Times = std::vector<std::string>;
    const auto* const start = "2026-03-28T12:00:00Z";

    CHECK(due("CRON_TZ=Europe/Berlin 30 2 * * *", start, 2) ==
          Times{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"});
    CHECK(due("CRON_TZ=Europe/Berlin 15,30,45 2 * * *", start, 2) ==
          Times{"2026-03-29T01:00:00Z", "2026-03-30T00:15:00Z"});
    CHECK(due("CRON_TZ=Europe/Berlin 0 2,3 * * *", start, 2) ==
          Times{"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"});
    CHECK(due("CRON_TZ=Europe/Berlin 59 1 * * *", start, 2) ==
          Times{"2026-03-29T00:59:00Z", "2026-03-29T23:59:00Z"});
    CHECK(due("CRON_TZ=Europe/Berlin 0 3 * * *", start, 2) ==
          Times{"2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"});
    // Samoa left out the whole of Friday, 2011-12-30.
    CHECK(due("CRON_TZ=Pacific/Apia 0 12 * * FRI", "2011-12-29T00:00:00Z", 2) ==
          Times{"2011-12-30T10:00:00Z", "2012-01-05T22:00:00Z"});
}

TEST_CASE("a time that the clocks repeat is due the first time only") {
    // Berlin repeats 02:00 to 03:00 on 2026-10-25; clocks go back at 01:00 UTC.
    using Times = std::vector<std::string>;
    const auto* const start = "2026-10-24T12:00:00Z";

    CHECK(due("CRON_TZ=Europe/Berlin 30 2 * * *", start, 2) ==
          Times{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"});
    CHECK(due("CRON_TZ=Europe/Berlin 0 2 * * *", start, 2) ==
          Times{"2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"});
    CHECK(due("CRON_TZ=Europe/Berlin 0 3 * * *", start, 2) ==
          Times{"2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"});
    CHECK(first_due("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-25T01:10:00Z") ==
          "2026-10-26T01:30:00Z");
    // Lord Howe moves its clocks by half an hour only.
    CHECK(due("CRON_TZ=Australia/Lord_Howe 45 1 * * *", "2026-04-04T00:00:00Z", 2) ==
          Times{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"});
}

TEST_CASE("an expression for every hour follows real time through both changes") {
    for (const auto* start : {"2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"}) {
        CAPTURE(start);
        for (const auto& [text, step] :
             {std::pair{"*/10 * * * *", 10min}, {"30 * * * *", 60min}, {"@hourly", 60min}}) {
            CAPTURE(text);
            const auto schedule = Schedule::parse("CRON_TZ=Europe/Berlin " + std::string{text});
            auto instant = schedule.next_after(parse_zoho_time(start).value());
            for (int i = 0; i < 200; ++i) {
                const auto next = schedule.next_after(instant);
                REQUIRE(next - instant == step);
                instant = next;
            }
        }
    }
}

TEST_CASE("a daily schedule is due once on each of many days, never twice and never not") {
    for (const auto* zone : {"Europe/Berlin",
                             "America/New_York",
                             "Australia/Lord_Howe",
                             "America/Sao_Paulo",
                             "Africa/Cairo",
                             "Asia/Beirut",
                             "UTC"}) {
        CAPTURE(zone);
        for (int hour = 0; hour < 24; ++hour) {
            const auto schedule = Schedule::parse("CRON_TZ=" + std::string{zone} + " 30 " +
                                                  std::to_string(hour) + " * * *");
            auto instant = parse_zoho_time("2016-01-01T00:00:00Z").value();
            for (int day = 0; day < 800; ++day) {
                const auto next = schedule.next_after(instant);
                if (day > 0) {
                    REQUIRE(next - instant >= 22h);
                    REQUIRE(next - instant <= 26h);
                }
                instant = next;
            }
        }
    }
}

TEST_CASE("there is no due time between an instant and the next due time") {
    const auto schedule = Schedule::parse("CRON_TZ=Europe/Berlin 5,35 2,14 */3 * WED");
    std::mt19937_64 random{23};
    std::uniform_int_distribution<int> offsets{0, 3 * 365 * 86400};
    const auto begin = parse_zoho_time("2025-01-01T00:00:00Z").value();

    for (int i = 0; i < 2000; ++i) {
        const auto instant = begin + std::chrono::seconds{offsets(random)};
        const auto next = schedule.next_after(instant);
        const auto between = instant + (next - instant) / 2;
        CAPTURE(format_utc(instant));
        REQUIRE(next > instant);
        REQUIRE(schedule.next_after(next - 1s) == next);
        REQUIRE((between == next || schedule.next_after(between) == next));
    }
}

/// Some of the values from `lowest` to `highest`, at least one.
std::set<unsigned> draw_values(std::mt19937_64& random, unsigned lowest, unsigned highest) {
    std::uniform_int_distribution<unsigned> values{lowest, highest};
    std::set<unsigned> drawn;
    for (int left = 6; left > 0; --left) {
        drawn.insert(values(random));
    }
    return drawn;
}

std::string to_list(const std::set<unsigned>& values) {
    std::string list;
    for (const auto value : values) {
        list += (list.empty() ? "" : ",") + std::to_string(value);
    }
    return list;
}

TEST_CASE("the next due time is the one that counting minutes finds") {
    std::mt19937_64 random{29};
    std::uniform_int_distribution<int> starts{0, 4 * 365 * 86400};

    for (int round = 0; round < 60; ++round) {
        const auto minutes = draw_values(random, 0, 59);
        const auto hours = draw_values(random, 0, 23);
        const auto days = draw_values(random, 1, 31);
        const auto months = draw_values(random, 1, 12);
        const auto text = to_list(minutes) + " " + to_list(hours) + " " + to_list(days) + " " +
                          to_list(months) + " *";
        CAPTURE(text);
        const auto is_due = [&](sys_seconds instant) {
            const auto day = std::chrono::floor<std::chrono::days>(instant);
            const std::chrono::year_month_day date{day};
            const std::chrono::hh_mm_ss time{instant - day};
            return minutes.contains(static_cast<unsigned>(time.minutes().count())) &&
                   hours.contains(static_cast<unsigned>(time.hours().count())) &&
                   days.contains(unsigned(date.day())) && months.contains(unsigned(date.month()));
        };
        const sys_seconds start{std::chrono::seconds{1700000000 + starts(random)}};
        auto want = std::chrono::floor<std::chrono::minutes>(start) + 1min;
        while (!is_due(want)) {
            want += 1min;
        }

        const auto next = Schedule::parse("TZ=UTC " + text).next_after(start);

        REQUIRE(format_utc(next) == format_utc(want));
    }
}

TEST_CASE("without a zone the environment's is taken") {
    const char* const before = getenv("TZ");
    const std::optional<std::string> saved =
        before == nullptr ? std::nullopt : std::optional<std::string>{before};

    setenv("TZ", "Asia/Kolkata", 1);
    CHECK(first_due("@daily", "2026-07-10T00:00:00Z") == "2026-07-10T18:30:00Z");
    setenv("TZ", ":Europe/Berlin", 1);
    CHECK(first_due("@daily", "2026-07-10T00:00:00Z") == "2026-07-10T22:00:00Z");
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    CHECK_NOTHROW(Schedule::parse("@daily"));
    unsetenv("TZ");
    CHECK_NOTHROW(Schedule::parse("@daily"));

    if (saved) {
        setenv("TZ", saved->c_str(), 1);
    }
}

TEST_CASE("what is no schedule is refused with what was expected") {
    struct Case {
        const char* text;
        const char* want;
    };

    const Case cases[] = {
        {"", "expected five cron fields"},
        {"soon", "expected five cron fields"},
        {"5", "expected five cron fields"},
        {"* * * *", "expected five cron fields"},
        {"* * * * * *", "expected five cron fields"},
        {"@fortnightly", "expected five cron fields"},
        {"@reboot", "expected five cron fields"},
        {"CRON_TZ=UTC", "expected five cron fields"},
        {"0s", "expected at least 1s"},
        {"@every 0s", "expected at least 1s"},
        {"@every", "expected one such as 30s"},
        {"@every soon", "`soon` is no duration"},
        {"@every 500ms", "expected one such as 30s"},
        {"60 * * * *", "`60` is no minute: expected 0 to 59"},
        {"-1 * * * *", "`` is no minute"},
        {"* 24 * * *", "`24` is no hour: expected 0 to 23"},
        {"* * 0 * *", "`0` is no day of the month: expected 1 to 31"},
        {"* * 32 * *", "`32` is no day of the month"},
        {"* * * 13 *", "`13` is no month: expected 1 to 12 or a name such as jan"},
        {"* * * January *", "`January` is no month"},
        {"* * * * 8", "`8` is no day of the week: expected 0 to 7 or a name such as sun"},
        {"* * * * mo", "`mo` is no day of the week"},
        {"5-1 * * * *", "the range `5-1` of the minute runs backwards"},
        {"* * * * sat-mon", "runs backwards"},
        {"*/0 * * * *", "`0` is no step of the minute: expected 1 or more"},
        {"*/x * * * *", "`x` is no step"},
        {"*/ * * * *", "`` is no step"},
        {"1/2/3 * * * *", "expected a value, a range such as 1-5"},
        {"1-2-3 * * * *", "expected a value, a range such as 1-5"},
        {"1,,2 * * * *", "`` is no minute"},
        {"** * * * *", "`**` is no minute"},
        {"0 0 31 2 *", "never comes: no month given has a day 31"},
        {"0 0 30,31 2 *", "never comes: no month given has a day 30"},
        {"0 0 31 4,6,9,11 *", "never comes: no month given has a day 31"},
        {"CRON_TZ=Europe/Nowhere @daily", "`Europe/Nowhere` is no time zone"},
        {"CRON_TZ= @daily", "`` is no time zone"},
        {"99999999999999999999 * * * *", "is no minute"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK_THROWS_AS(Schedule::parse(c.text), std::invalid_argument);
        try {
            (void)Schedule::parse(c.text);
        } catch (const std::invalid_argument& error) {
            const std::string message = error.what();
            CAPTURE(message);
            CHECK(message.find(c.want) != std::string::npos);
        }
    }
}

} // namespace
} // namespace zohosyncd
