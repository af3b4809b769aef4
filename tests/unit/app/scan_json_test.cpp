#include "daemon/app/scan_json.hpp"
#include "daemon/core/stream_state.hpp"

#include <doctest/doctest.h>

using namespace zohosyncd;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::sys_seconds noon{1'795'000'000s};

} // namespace

TEST_CASE("a stored scan reads back as it was written") {
    const StoredScan scan{{noon, noon + 5s, noon + 60s, noon + 3s}, true, "0123456789abcdef"};

    const auto read = stored_scan_from(to_json(scan));

    REQUIRE(read.has_value());
    CHECK(read->progress == scan.progress);
    CHECK(read->is_staged);
    CHECK(read->mapping_hash == "0123456789abcdef");
}

TEST_CASE("a sink adds to a stored scan how many rows its stage holds") {
    const StoredScan scan{{noon, noon, std::nullopt, std::nullopt}, true, "m"};

    const auto read = stored_scan_from(with_staged_rows(to_json(scan), 1200));

    REQUIRE(read.has_value());
    CHECK(read->staged_rows == 1200);
    CHECK(read->mapping_hash == "m");
    CHECK_FALSE(stored_scan_from(to_json(scan)).value().staged_rows.has_value());
    CHECK(with_staged_rows("{}", 0) == R"({"rows":0})");
    CHECK(with_staged_rows("", 7).empty());
}

TEST_CASE("a scan without a Date and without rows keeps both unset") {
    const auto read =
        stored_scan_from(to_json({{noon, noon, std::nullopt, std::nullopt}, false, "m"}));

    REQUIRE(read.has_value());
    CHECK_FALSE(read->progress.first_date.has_value());
    CHECK_FALSE(read->progress.greatest.has_value());
}

TEST_CASE("what is no stored scan is taken for none") {
    for (const char* text :
         {"", "null", "[]", "{}", "{\"start\":1}", "{\"start\":\"2026-01-01T00:00:00Z\"}", "{"}) {
        CAPTURE(text);
        CHECK_FALSE(stored_scan_from(text).has_value());
    }
}
