#include "daemon/runtime/log.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::Format;
using log::format_line;
using log::kv;
using log::Level;

const auto moment = std::chrono::system_clock::time_point(1'700'000'000'007ms);

TEST_CASE("a text line quotes only what needs it") {
    CHECK(format_line(Format::text,
                      moment,
                      Level::info,
                      "run_done",
                      {kv("stream", "deals"), kv("rows", 42), kv("seconds", 1234ms), kv("error", "a \"b\"\n\x01="), kv("page", "")}) ==
          "2023-11-14T22:13:20.007Z info  stream=deals event=run_done rows=42 seconds=1.234 "
          R"(error="a \"b\"\n\u0001=" page="")");
}

TEST_CASE("a JSON line writes numbers as numbers and escapes the rest") {
    CHECK(format_line(Format::json,
                      moment,
                      Level::error,
                      "run_failed",
                      {kv("rows", std::uint64_t{7}), kv("seconds", 2ms), kv("error", "tab\tquote\"back\\slash\x7f")}) ==
          R"({"time":"2023-11-14T22:13:20.007Z","level":"error","event":"run_failed","rows":7,"seconds":0.002,)"
          R"("error":"tab\u0009quote\"back\\slash\u007f"})");
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

}  // namespace
}  // namespace zohosyncd
