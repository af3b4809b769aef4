#include "tests/unit/app/run_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace zohosyncd;
using namespace zohosyncd::fixture;

namespace {

using Lines = std::vector<std::string>;
constexpr auto overlap = 5min;
constexpr auto year = std::chrono::days(365);

/// A table whose rows were there before its stream, as prepare() leaves its state.
struct Adopted : RunFixture {
    explicit Adopted(std::chrono::sys_seconds mark) {
        StreamState state;
        state.key = key();
        state.high_water_mark = mark;
        state.mapping_hash = Settled().state().mapping_hash;
        state.unverified = true;
        target.put_state(state);
        target.put_row(stream.target.text(), 1, {noon - 20h, {}, {}});
    }

    void run_with(const std::vector<std::string>& records, std::chrono::sys_seconds date) {
        if (!has_fields_) {
            script.reply(200, lead_fields);
            has_fields_ = true;
        }
        script.reply(200, page(records), dated(date));
        script.reply(204, "", dated(date + 1s));
        run();
    }

private:
    bool has_fields_ = false;
};

} // namespace

TEST_CASE("a table that was there first is read on from its mark, and does not count as fresh") {
    Adopted zoho(noon - 10h);

    zoho.run_with({record(2, noon - 1h)}, noon);

    // The deletions are another matter: nobody vouches for those before.
    CHECK(zoho.asked() == Lines{"settings/fields",
                                since("Leads", noon - 10h - overlap),
                                since("Leads/deleted", noon - year - overlap)});
    CHECK_FALSE(zoho.state().consistent_as_of.has_value());
    CHECK(zoho.state().unverified_as_of == noon);
    CHECK(zoho.state().high_water_mark == noon - 1h);
    CHECK(zoho.state().anchor == noon - year);
    CHECK(needs_verification(zoho.state()));
}

TEST_CASE("the runs after it begin at the last complete one, as always") {
    Adopted zoho(noon - 10h);
    zoho.run_with({record(2, noon - 1h)}, noon);
    (void)zoho.asked();

    zoho.run_idle(noon + 60s);

    CHECK(zoho.asked().front() == since("Leads", noon - overlap));
    CHECK_FALSE(zoho.state().consistent_as_of.has_value());
    CHECK(zoho.state().unverified_as_of == noon + 60s);
}

TEST_CASE("what a first run did not finish goes on at the mark, too") {
    Adopted zoho(noon - 10h);
    zoho.script.reply(200, lead_fields);
    zoho.script.fail(ErrorKind::network);
    CHECK(zoho.run_fails() == ErrorKind::network);
    (void)zoho.asked();
    zoho.script.reply(304, "", dated(noon));
    zoho.script.reply(204, "", dated(noon + 1s));

    zoho.run();

    CHECK(zoho.asked().front() == since("Leads", noon - 10h - overlap));
    CHECK(zoho.state().unverified);
}

TEST_CASE("a mark in Zoho's future is not believed: the list is read from the anchor") {
    Adopted zoho(noon + 10 * year);

    zoho.run_with({record(2, noon - 1h)}, noon);

    CHECK(zoho.asked().at(1) == since("Leads", noon - year));
    CHECK(zoho.state().high_water_mark == noon - 1h);
    CHECK_FALSE(zoho.state().consistent_as_of.has_value());
}

TEST_CASE("other fields than the table was taken over with are read from the anchor") {
    Adopted zoho(noon - 10h);
    auto state = zoho.state();
    state.mapping_hash = "another";
    zoho.target.put_state(state);

    zoho.run_with({record(2, noon - 1h)}, noon);

    CHECK(zoho.asked().at(1) == since("Leads", noon - year));
}

TEST_CASE("the anchor of a table that was there first leaves no hole unless it was chosen") {
    struct Case {
        const char* name;
        std::optional<std::chrono::sys_seconds> configured;
        std::chrono::sys_seconds want_anchor;
        std::chrono::sys_seconds want_begin;
    };

    const auto mark = noon - 3 * year;
    const Case cases[] = {
        {"the default moves down to the mark", std::nullopt, mark - overlap, mark - overlap},
        {"a chosen one stays", noon - year, noon - year, noon - year},
        {"an earlier one is no reason to read again",
         noon - 4 * year,
         noon - 4 * year,
         mark - overlap},
    };
    for (const auto& c : cases) {
        const std::string name = c.name;
        CAPTURE(name);
        Adopted zoho(mark);
        zoho.config.source.anchor_date = c.configured;

        zoho.run_with({record(2, noon - 1h)}, noon);

        CHECK(zoho.state().anchor == c.want_anchor);
        CHECK(zoho.asked().at(1) == since("Leads", c.want_begin));
    }
}

TEST_CASE("a verification ends the doubt only if it mends, and if nothing was reset meanwhile") {
    struct Case {
        const char* name;
        bool repairs;
        bool resets;
        bool want_fresh;
    };

    const Case cases[] = {
        {"one that looks", false, false, false},
        {"one that mends", true, false, true},
        {"one that began before a reset", true, true, false},
    };
    for (const auto& c : cases) {
        const std::string name = c.name;
        CAPTURE(name);
        Adopted zoho(noon - 10h);
        zoho.run_with({record(2, noon - 1h)}, noon);
        CHECK(zoho.state().unverified);
        zoho.context.verify = VerifyOptions{c.repairs, false};
        if (c.resets) {
            zoho.target.before("live_rows", [&](const StreamKey&) {
                zoho.target.before("live_rows", nullptr);
                (void)zoho.sink.reset(zoho.key().connection, zoho.key().stream);
            });
        }
        zoho.script.reply(
            200, page({record(1, noon - 20h), record(2, noon - 1h)}), dated(noon + 1h));

        zoho.run();

        CHECK(zoho.state().unverified == !c.want_fresh);
        CHECK(zoho.state().consistent_as_of == (c.want_fresh ? std::optional(noon) : std::nullopt));
        CHECK(needs_verification(zoho.state()) == !c.want_fresh);
    }
}
