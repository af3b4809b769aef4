#include "daemon/core/errors.hpp"
#include "daemon/core/scan.hpp"
#include "tests/fakes/zoho_list_model.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using Instant = Scan::Instant;
using fakes::Comparison;
using fakes::TokenMode;
using fakes::ZohoListModel;

constexpr Instant anchor{1'700'000'000s};

/// Walks the model with a scan and keeps what a target would hold.
class Walker {
public:
    Walker(ZohoListModel& model, Scan scan) : model_(model), scan_(std::move(scan)) {}

    bool finished() const { return scan_.finished(); }

    const Scan& scan() const { return scan_; }

    std::size_t requests() const { return requests_; }

    void step() {
        const auto page = model_.list(scan_.next());
        ++requests_;
        for (std::size_t row = 0; row < page.ids.size(); ++row) {
            auto& known = delivered_[page.ids[row]];
            known = std::max(known, page.edits[row]);
        }
        scan_.take(page.facts());
    }

    /// A crash after the last commit: only the progress survives.
    void resume(std::optional<bool> inclusive) { scan_ = Scan(scan_.progress(), inclusive); }

    /// The records that neither this scan delivered as they are now nor the next one will.
    std::vector<std::int64_t> lost() const {
        std::vector<std::int64_t> ids;
        for (const auto& [id, record] : model_.records()) {
            const bool is_of_next_scan = scan_.progress().first_date
                                             ? record.modified >= *scan_.progress().first_date
                                             : record.modified >= model_.began();
            const auto found = delivered_.find(id);
            const bool is_current = found != delivered_.end() && found->second == record.edit;
            if (record.modified >= anchor && !record.is_late && !is_of_next_scan && !is_current) {
                ids.push_back(id);
            }
        }
        return ids;
    }

private:
    ZohoListModel& model_;
    Scan scan_;
    std::map<std::int64_t, std::uint64_t> delivered_;
    std::size_t requests_ = 0;
};

struct Universe {
    std::string name;
    TokenMode tokens;
    Comparison comparison;
    std::optional<bool> inclusive; ///< What the scan is told.
    bool has_date = true;
};

const std::vector<Universe> universes{
    {"live offsets", TokenMode::live_offset, Comparison::inclusive, {}},
    {"keyset", TokenMode::keyset, Comparison::inclusive, {}},
    {"snapshot with the rows' old content", TokenMode::snapshot_old, Comparison::inclusive, {}},
    {"snapshot with the rows' live content", TokenMode::snapshot_live, Comparison::inclusive, {}},
    {"live offsets, known to be inclusive", TokenMode::live_offset, Comparison::inclusive, true},
    {"live offsets, wrongly thought exclusive",
     TokenMode::live_offset,
     Comparison::inclusive,
     false},
    {"live offsets, exclusive", TokenMode::live_offset, Comparison::exclusive, {}},
    {"keyset, exclusive", TokenMode::keyset, Comparison::exclusive, {}},
    {"snapshot, exclusive", TokenMode::snapshot_live, Comparison::exclusive, {}},
    {"live offsets, known to be exclusive", TokenMode::live_offset, Comparison::exclusive, false},
    {"live offsets without a Date", TokenMode::live_offset, Comparison::inclusive, {}, false},
    {"snapshot without a Date", TokenMode::snapshot_live, Comparison::exclusive, {}, false},
};

struct Churn {
    std::size_t edits = 0; ///< At most so many records between two requests.
    std::size_t deletes = 0;
    std::size_t late = 0;
    bool prefers_ties = false; ///< Edits hit the records of the most crowded second.
    bool may_crash = false;
    std::size_t churned_steps = ~std::size_t{0};
};

/// Seconds with one row, seconds with a page full and seconds with several pages.
void populate(ZohoListModel& model, std::size_t page_size) {
    auto second = anchor;
    const auto seconds = 3 + model.random(8);
    for (std::size_t at = 0; at < seconds; ++at) {
        const std::size_t sizes[] = {
            1, 1, 2, page_size - 1, page_size, page_size + 1, 2 * page_size, 5 * page_size};
        model.add(sizes[model.random(std::size(sizes))], second);
        second += std::chrono::seconds(1 + model.random(3));
    }
    model.begin_at(second + std::chrono::seconds(model.random(3)));
}

void churn_once(ZohoListModel& model, const Churn& churn) {
    model.advance(std::chrono::seconds(model.random(2)));
    for (auto left = model.random(churn.edits + 1); left > 0; --left) {
        model.edit_random(churn.prefers_ties);
    }
    for (auto left = model.random(churn.deletes + 1); left > 0; --left) {
        model.delete_random(churn.prefers_ties);
    }
    for (auto left = model.random(churn.late + 1); left > 0; --left) {
        model.add_late(anchor);
    }
}

/// Returns how many records one scan lost, and requires that it ends.
std::size_t records_lost(std::uint64_t seed, const Universe& universe, const Churn& churn) {
    constexpr std::size_t page_size = 4;
    ZohoListModel model(seed, page_size, universe.tokens, universe.comparison, universe.has_date);
    populate(model, page_size);
    Walker walker(model, Scan(anchor, universe.inclusive));

    for (std::size_t step = 0; !walker.finished(); ++step) {
        REQUIRE(step < 20'000);
        if (step < churn.churned_steps) {
            churn_once(model, churn);
        }
        walker.step();
        if (churn.may_crash && !walker.finished() && model.random(3) == 0) {
            walker.resume(universe.inclusive);
        }
    }
    return walker.lost().size();
}

void check_nothing_is_lost(const Churn& churn, std::uint64_t seeds) {
    for (const auto& universe : universes) {
        CAPTURE(universe.name);
        std::size_t lost = 0;
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            const auto more = records_lost(seed, universe, churn);
            if (more > 0 && lost == 0) {
                MESSAGE("first seed that loses records: " << seed);
            }
            lost += more;
        }
        CHECK(lost == 0);
    }
}

TEST_CASE("a scan of a quiet list delivers every record") {
    check_nothing_is_lost({}, 150);
}

TEST_CASE("edits and deletions between every two requests lose nothing") {
    check_nothing_is_lost({.edits = 3, .deletes = 2, .churned_steps = 200}, 400);
}

TEST_CASE("edits within a crowded second lose nothing") {
    check_nothing_is_lost({.edits = 2, .deletes = 1, .prefers_ties = true, .churned_steps = 100},
                          400);
}

TEST_CASE("a rare edit within a crowded second loses nothing") {
    check_nothing_is_lost({.edits = 1, .prefers_ties = true, .churned_steps = 12}, 400);
}

TEST_CASE("records that appear late hide no others") {
    check_nothing_is_lost({.edits = 2, .deletes = 1, .late = 2, .churned_steps = 60}, 300);
}

TEST_CASE("a scan resumed from its progress at any page loses nothing") {
    check_nothing_is_lost(
        {.edits = 2, .deletes = 1, .prefers_ties = true, .may_crash = true, .churned_steps = 60},
        300);
}

TEST_CASE("a scan ends although more is edited than it reads") {
    for (const auto& universe : universes) {
        if (!universe.has_date) {
            continue; // Nothing tells the present then; the list's end does.
        }
        CAPTURE(universe.name);
        std::size_t lost = 0;
        for (std::uint64_t seed = 1; seed <= 60; ++seed) {
            lost += records_lost(seed, universe, {.edits = 16, .deletes = 0, .late = 0});
        }
        CHECK(lost == 0);
    }
}

TEST_CASE("ties of every size cost few requests more than the pages they fill") {
    struct Case {
        std::size_t ties;
        std::size_t most_requests_beyond_pages;
    };

    // Each page of a second that takes several is read twice.
    const Case cases[] = {{1, 0}, {199, 1}, {200, 4}, {201, 3}, {1000, 8}, {5000, 28}};
    for (const auto& c : cases) {
        CAPTURE(c.ties);
        for (const auto mode :
             {TokenMode::live_offset, TokenMode::keyset, TokenMode::snapshot_old}) {
            ZohoListModel model(1, 200, mode, Comparison::inclusive, true);
            auto second = anchor;
            for (int row = 0; row < 300; ++row) {
                model.add(1, second += 1s);
            }
            model.add(c.ties, second += 1s);
            for (int row = 0; row < 300; ++row) {
                model.add(1, second += 1s);
            }
            model.begin_at(second + 60s);
            Walker walker(model, Scan(anchor, true));

            while (!walker.finished() && walker.requests() < 1000) {
                walker.step();
            }

            const auto pages = (600 + c.ties + 199) / 200;
            MESSAGE("ties " << c.ties << ": " << walker.requests() << " requests for " << pages
                            << " pages");
            CHECK(walker.lost().empty());
            CHECK(walker.requests() <= pages + c.most_requests_beyond_pages);
        }
    }
}

TEST_CASE("five thousand ties of real page size survive edits between every two requests") {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        CAPTURE(seed);
        ZohoListModel model(seed, 200, TokenMode::live_offset, Comparison::inclusive, true);
        model.add(150, anchor);
        model.add(5000, anchor + 1s);
        model.add(150, anchor + 2s);
        model.begin_at(anchor + 60s);
        Walker walker(model, Scan(anchor, {}));

        for (std::size_t step = 0; !walker.finished() && step < 500; ++step) {
            if (step < 60) {
                churn_once(model, {.edits = 2, .deletes = 1, .prefers_ties = true});
            }
            walker.step();
        }

        CHECK(walker.finished());
        CHECK(walker.lost().empty());
    }
}

TEST_CASE("an idle stream costs one request") {
    ZohoListModel model(1, 200, TokenMode::keyset, Comparison::inclusive, true);
    model.add(10, anchor - 600s);
    model.begin_at(anchor + 300s);
    Walker walker(model, Scan(anchor, {}));

    walker.step();

    CHECK(walker.finished());
    CHECK(walker.scan().progress().first_date == anchor + 300s);
    CHECK_FALSE(walker.scan().progress().greatest);
}

/// A page of rows with ids 1, 2, … at these seconds after the anchor.
struct Page {
    std::vector<std::int64_t> ids;
    std::vector<Instant> versions;
    PageFacts facts;

    Page(std::initializer_list<int> seconds,
         bool more,
         std::string token,
         std::optional<Instant> date = {}) {
        for (const int second : seconds) {
            ids.push_back(static_cast<std::int64_t>(ids.size()) + 1);
            versions.push_back(anchor + std::chrono::seconds(second));
        }
        facts = {ids, versions, more, std::move(token), date};
    }
};

ErrorKind kind_of_refusal(Scan& scan, const Page& page) {
    try {
        scan.take(page.facts);
    } catch (const SyncError& error) {
        return error.kind();
    }
    return ErrorKind::internal;
}

TEST_CASE("each page is anchored at the last row of the page before") {
    Scan scan(anchor, true);
    CHECK(scan.next().since == anchor);

    scan.take(Page({0, 3, 7}, true, "t").facts);

    CHECK(scan.next().since == anchor + 7s);
    CHECK(scan.next().page_token.empty());
    CHECK(scan.progress().at == anchor + 7s);
    CHECK(scan.progress().greatest == anchor + 7s);
}

TEST_CASE("the comparison counts as exclusive until a page shows the second of its header") {
    Scan scan(anchor, {});
    CHECK(scan.next().since == anchor - 1s);

    scan.take(Page({2, 3}, true, "t").facts);
    CHECK(scan.next().since == anchor + 2s);
    CHECK_FALSE(scan.inclusive());

    scan.take(Page({2, 3, 9}, true, "t").facts);
    CHECK(scan.inclusive() == true);
    CHECK(scan.next().since == anchor + 9s);
}

TEST_CASE("a header never lies before 1970") {
    CHECK(Scan(Instant{}, {}).next().since == Instant{});
    CHECK(Scan(Instant{1s}, {}).next().since == Instant{});
}

TEST_CASE("a scan ends with the first page that lies wholly at or after its first Date") {
    Scan scan(anchor, true);

    scan.take(Page({0, 3}, true, "t", anchor + 5s).facts);
    scan.take(Page({3, 5}, true, "t", anchor + 100s).facts);
    CHECK_FALSE(scan.finished());
    scan.take(Page({5, 6}, true, "t", anchor + 100s).facts);

    CHECK(scan.finished());
    CHECK(scan.progress().first_date == anchor + 5s);
}

TEST_CASE("repeats of the boundary second are counted") {
    Scan scan(anchor, true);

    scan.take(Page({0, 3, 3}, true, "t").facts);
    scan.take(Page({3, 3, 4}, false, "").facts);

    CHECK(scan.repeated_rows() == 2);
}

TEST_CASE("a page of one second is followed by token under the same header and then confirmed") {
    Scan scan(anchor, true);
    scan.take(Page({0, 2}, true, "x", anchor + 60s).facts);

    scan.take(Page({2, 2}, true, "a", anchor + 60s).facts);
    CHECK(scan.next().since == anchor + 2s);
    CHECK(scan.next().page_token == "a");
    CHECK(scan.progress().at == anchor + 2s);

    scan.take(Page({2, 9}, true, "b", anchor + 60s).facts);
    CHECK(scan.next().since == anchor + 2s);
    CHECK(scan.next().page_token.empty());

    scan.take(Page({2, 2, 9}, true, "c", anchor + 60s).facts);
    CHECK(scan.next().since == anchor + 3s);
    CHECK_FALSE(scan.finished());
}

TEST_CASE("a second whose walks differ is walked until two agree") {
    Scan scan(anchor, true);
    scan.take(Page({2, 2}, true, "a", anchor + 60s).facts);
    scan.take(Page({9}, true, "b", anchor + 60s).facts);

    scan.take(Page({2, 9}, true, "c", anchor + 60s).facts);
    CHECK(scan.next().since == anchor + 2s);
    scan.take(Page({2, 9}, true, "d", anchor + 60s).facts);

    CHECK(scan.next().since == anchor + 3s);
}

TEST_CASE("rows of the present do not prove at once that a second is over") {
    Scan scan(anchor, true);
    scan.take(Page({2, 2}, true, "a", anchor + 60s).facts);

    scan.take(Page({60, 61}, true, "b", anchor + 61s).facts);
    CHECK(scan.next().page_token == "b");
    scan.take(Page({60, 61}, true, "c", anchor + 61s).facts);
    CHECK(scan.next().page_token == "c");
    scan.take(Page({60, 61}, true, "d", anchor + 61s).facts);

    CHECK(scan.next().page_token.empty());
}

TEST_CASE("a page that can not be a list sorted by Modified_Time is a bad response") {
    struct Case {
        std::string name;
        Page page;
    };

    const Case cases[] = {
        {"unsorted", Page({3, 2}, true, "t")},
        {"unsorted last page", Page({3, 2}, false, "")},
        {"more records on an empty page", Page({}, true, "t")},
        {"one second, more records and no token", Page({4, 4}, true, "")},
        {"rows older than the header", Page({-5, 4}, true, "t")},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        Scan scan(anchor, true);

        CHECK(kind_of_refusal(scan, c.page) == ErrorKind::bad_response);
    }
}

TEST_CASE("a token that leads to itself is a bad response") {
    Scan scan(anchor, true);
    scan.take(Page({4, 4}, true, "same").facts);

    CHECK(kind_of_refusal(scan, Page({4, 4}, true, "same")) == ErrorKind::bad_response);
}

TEST_CASE("an empty answer ends the scan") {
    Scan scan(anchor, {});

    scan.take(Page({}, false, "", anchor + 9s).facts);

    CHECK(scan.finished());
    CHECK(scan.progress().first_date == anchor + 9s);
}

TEST_CASE("a page after the end is a fault of ours") {
    Scan scan(anchor, {});
    scan.take(Page({}, false, "").facts);

    CHECK(kind_of_refusal(scan, Page({}, false, "")) == ErrorKind::internal);
}

} // namespace
} // namespace zohosyncd
