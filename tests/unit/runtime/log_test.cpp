#include "daemon/runtime/log.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::Field;
using log::Format;
using log::kv;
using log::Level;

std::string format_line(Format format,
                        std::chrono::system_clock::time_point time,
                        Level level,
                        std::string_view name,
                        const std::vector<Field>& fields) {
    return log::format_line(format, time, level, name, fields);
}

const auto moment = std::chrono::system_clock::time_point(1'700'000'000'007ms);

TEST_CASE("a text line quotes only what needs it") {
    CHECK(format_line(Format::text,
                      moment,
                      Level::info,
                      "run_done",
                      {kv("stream", "deals"),
                       kv("rows", 42),
                       kv("seconds", 1234ms),
                       kv("error", "a \"b\"\n\x01="),
                       kv("page", "")}) ==
          "2023-11-14T22:13:20.007Z info  stream=deals event=run_done rows=42 seconds=1.234 "
          R"(error="a \"b\"\n\u0001=" page="")");
}

TEST_CASE("a JSON line writes numbers as numbers and escapes the rest") {
    CHECK(
        format_line(Format::json,
                    moment,
                    Level::error,
                    "run_failed",
                    {kv("rows", std::uint64_t{7}),
                     kv("seconds", 2ms),
                     kv("error", "tab\tquote\"back\\slash\x7f")}) ==
        R"({"time":"2023-11-14T22:13:20.007Z","level":"error","event":"run_failed","rows":7,"seconds":0.002,)"
        R"("error":"tab\u0009quote\"back\\slash\u007f"})");
}

TEST_CASE("text that is no UTF-8 is mended, and the line stays JSON") {
    const std::vector<Field> fields{kv("error", "\xff\xfe Z\xC3\xBCrich \xe2\x82")};

    CHECK(format_line(Format::json, moment, Level::warn, "waiting", fields) ==
          "{\"time\":\"2023-11-14T22:13:20.007Z\",\"level\":\"warn\",\"event\":\"waiting\","
          "\"error\":\"\xEF\xBF\xBD\xEF\xBF\xBD Z\xC3\xBCrich \xEF\xBF\xBD\"}");
    CHECK(format_line(Format::text, moment, Level::warn, "waiting", fields) ==
          "2023-11-14T22:13:20.007Z warn  event=waiting error=\"\xEF\xBF\xBD\xEF\xBF\xBD "
          "Z\xC3\xBCrich \xEF\xBF\xBD\"");
}

TEST_CASE("an error that lasts is said ten times, then once a minute with a count") {
    log::Repeats repeats;
    const log::Repeats::TimePoint start{};

    for (int i = 0; i < 10; ++i) {
        CHECK(repeats.admit("waiting target", start) == 0);
    }
    for (int i = 0; i < 1000; ++i) {
        CHECK_FALSE(repeats.admit("waiting target", start + 59s));
    }
    CHECK(repeats.admit("waiting zoho", start + 59s) == 0);
    CHECK(repeats.admit("waiting target", start + 60s) == 1000);
    CHECK_FALSE(repeats.admit("waiting target", start + 61s));
    CHECK(repeats.admit("waiting target", start + 120s) == 1);
    CHECK_FALSE(repeats.admit("waiting target", start + 121s));
    // After a minute of silence it is news again.
    CHECK(repeats.admit("waiting target", start + 182s) == 1);
    CHECK(repeats.admit("waiting target", start + 183s) == 0);
}

TEST_CASE("what a stream said before it recovered does not count") {
    log::Repeats repeats;
    const log::Repeats::TimePoint start{};
    for (int i = 0; i < 10; ++i) {
        (void)repeats.admit("run_failed:leads:500", start);
        (void)repeats.admit("run_failed:deals:500", start);
    }

    repeats.forget(":leads:");

    CHECK(repeats.admit("run_failed:leads:500", start) == 0);
    CHECK_FALSE(repeats.admit("run_failed:deals:500", start));
}

TEST_CASE("errors that are never the same do not fill the memory") {
    log::Repeats repeats;
    log::Repeats::TimePoint now{};
    for (int i = 0; i < 11; ++i) {
        (void)repeats.admit("first", now);
    }
    for (int i = 0; i < 199; ++i) {
        now += 1ms;
        CHECK(repeats.admit(std::to_string(i), now) == 0);
    }

    CHECK_FALSE(repeats.admit("first", now));
    CHECK(repeats.admit("one more", now) == 0); // Instead of "0", which is the oldest now.
    CHECK_FALSE(repeats.admit("first", now));
}

TEST_CASE("levels and formats are read by name") {
    CHECK(log::level_from("trace") == Level::trace);
    CHECK(log::level_from("warn") == Level::warn);
    CHECK(log::level_from("off") == Level::off);
    CHECK_THROWS_AS((void)log::level_from("loud"), std::invalid_argument);
    CHECK(log::format_from("json") == Format::json);
    CHECK_THROWS_AS((void)log::format_from("xml"), std::invalid_argument);
}

TEST_CASE("a level lets through itself and what is graver") {
    log::configure(Level::warn, Format::text);
    CHECK_FALSE(log::is_enabled(Level::info));
    CHECK(log::is_enabled(Level::warn));
    CHECK(log::is_enabled(Level::error));

    log::configure(Level::off, Format::text);
    CHECK_FALSE(log::is_enabled(Level::error));
    CHECK_FALSE(log::is_enabled(Level::off));

    log::configure(Level::info, Format::text);
}

} // namespace
} // namespace zohosyncd
