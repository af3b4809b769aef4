#include "daemon/core/load_estimate.hpp"
#include "daemon/core/scan.hpp"
#include "tests/fakes/zoho_list_model.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace zohosyncd;

namespace {

constexpr std::chrono::sys_seconds start{std::chrono::seconds(1'700'000'000)};

/// `rows` records a minute apart; the first seconds of the hours `tied` hold so many more.
std::uint64_t pages_that_a_scan_reads(std::uint64_t rows, const std::vector<std::uint64_t>& ties) {
    fakes::ZohoListModel list(
        7, rows_per_page, fakes::TokenMode::keyset, fakes::Comparison::inclusive, true);
    std::uint64_t spread = rows;
    for (const auto tie : ties) {
        spread -= tie;
    }
    for (std::uint64_t i = 0; i < spread; ++i) {
        list.add(1, start + std::chrono::minutes(i));
    }
    for (std::size_t i = 0; i < ties.size(); ++i) {
        list.add(ties[i], start + std::chrono::hours(9 * (i + 1)) + std::chrono::seconds(30));
    }
    list.begin_at(start + std::chrono::days(1000));
    Scan scan(start, std::nullopt);
    std::uint64_t pages = 0;
    for (; !scan.finished(); ++pages) {
        const auto page = list.list(scan.next());
        scan.take(page.facts());
    }
    return pages;
}

} // namespace

TEST_CASE("what a scan reads is foretold") {
    struct Case {
        const char* name;
        std::uint64_t rows;
        std::vector<std::uint64_t> ties;
    };

    const Case cases[] = {{"none", 0, {}},
                          {"one", 1, {}},
                          {"a page", 200, {}},
                          {"a page and one", 201, {}},
                          {"two pages", 399, {}},
                          {"two pages and one", 400, {}},
                          {"many", 20'000, {}},
                          {"a crowded second", 4'000, {1'500}},
                          {"a second of exactly two pages", 2'000, {400}},
                          {"three of them", 9'000, {250, 900, 2'000}}};
    for (const auto& c : cases) {
        CAPTURE(c.name);

        const auto pages = pages_that_a_scan_reads(c.rows, c.ties);

        const auto foretold = pages_of_scan({c.rows, c.ties});
        // Where a crowded second lies within its page is not known: half a page each.
        CHECK(foretold >= pages - (c.ties.empty() ? 0 : c.ties.size()));
        CHECK(foretold <= pages + c.ties.size());
    }
}

TEST_CASE("runs a day are counted") {
    CHECK(runs_per_day(std::chrono::minutes(5)) == doctest::Approx(288));
    CHECK(runs_per_day(std::chrono::seconds(0)) == doctest::Approx(86'400));
}
