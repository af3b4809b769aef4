#include "daemon/app/records_run.hpp"
#include "tests/unit/app/run_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace zohosyncd;
using namespace zohosyncd::fixture;

namespace {

using Lines = std::vector<std::string>;
using Ids = std::vector<std::int64_t>;
constexpr auto overlap = 5min;

} // namespace

TEST_CASE("a delete list that fails keeps the rows and moves no mark") {
    Settled zoho;
    zoho.script.reply(200, page({record(3, noon + 10s)}), dated(noon + 60s));
    zoho.script.fail(ErrorKind::server_error);

    CHECK(zoho.run_fails() == ErrorKind::server_error);

    CHECK(zoho.rows().size() == 3);
    CHECK(zoho.state().high_water_mark == noon - 10h);
    CHECK(zoho.state().consistent_as_of == noon);
    CHECK(zoho.state().deletes_mark == noon + 1s);

    zoho.run_idle(noon + 120s);
    CHECK(zoho.state().high_water_mark == noon + 10s);
    CHECK(zoho.state().consistent_as_of == noon + 60s);
    CHECK(zoho.state().deletes_mark == noon + 120s);
}

TEST_CASE("the earliest row that is held deleted widens the delete list") {
    Settled zoho;
    zoho.target.put_row("zoho_crm.leads", 7, {noon - 100h, {}, noon - 72h});
    zoho.target.put_row("zoho_crm.leads", 8, {noon - 100h, {}, noon - 48h});
    zoho.script.reply(304, "", dated(noon + 60s));
    zoho.script.reply(200, deleted({{7, noon - 72h}, {8, noon - 48h}}), dated(noon + 60s));

    zoho.run();

    const auto asked = zoho.asked();
    REQUIRE(asked.size() == 2);
    // A second earlier: nothing is known of how the delete list compares.
    CHECK(asked[1] == since("Leads/deleted", noon - 72h - 1s));
    CHECK(zoho.target.calls("soft_deleted").back().time ==
          noon + 1s - overlap - std::chrono::days(60));
    CHECK(zoho.rows().at(7).deleted_at == noon - 72h);
}

TEST_CASE("a held row that vanished from the delete list is asked for by its id") {
    Settled zoho;
    zoho.target.put_row("zoho_crm.leads", 7, {noon - 100h, {}, noon - 72h});
    zoho.target.put_row("zoho_crm.leads", 8, {noon - 100h, {}, noon - 48h});
    zoho.script.reply(304, "", dated(noon + 60s));
    zoho.script.reply(204, "", dated(noon + 60s));
    zoho.script.reply(200, R"({"data":[)" + record(7, noon - 100h, "back") + "]}");
    zoho.script.reply(204, "");

    zoho.run();

    const auto asked = zoho.asked();
    REQUIRE(asked.size() == 4);
    CHECK(asked[2] == "Leads/7");
    CHECK(asked[3] == "Leads/8");
    CHECK_FALSE(zoho.rows().at(7).deleted_at.has_value());
    CHECK(zoho.rows().at(7).values.at("Last_Name") == "back");
    CHECK(zoho.rows().at(8).deleted_at.has_value());
    CHECK(zoho.target.calls("write").back().authoritative == Ids{7});
}

TEST_CASE("a held row that is gone is asked for until the overlap has passed") {
    Settled zoho;
    zoho.target.put_row("zoho_crm.leads", 8, {noon - 100h, {}, noon - 48h});
    const auto run = [&](std::chrono::sys_seconds date) {
        zoho.script.reply(304, "", dated(date));
        zoho.script.reply(204, "", dated(date));
        zoho.script.reply(204, "");
        zoho.run();
        return zoho.asked().back();
    };

    CHECK(run(noon + 60s) == "Leads/8");
    CHECK(run(noon + 120s) == "Leads/8");
    CHECK(zoho.memory.gone.size() == 1);
    zoho.clock.advance(2 * overlap);

    // However long nobody asked: only an answer from after the overlap counts.
    const auto later = noon + 120s + 2 * overlap;
    CHECK(run(later) == "Leads/8");
    zoho.run_idle(later + 60s);
    CHECK(zoho.asked() ==
          Lines{since("Leads", later - overlap), since("Leads/deleted", later - overlap)});
}

TEST_CASE("a row that was restored while nobody looked, at the end of its time in the bin, lives") {
    Settled zoho;
    const auto week_later = noon + std::chrono::days(7);
    zoho.target.put_row(
        "zoho_crm.leads", 8, {noon - std::chrono::days(80), {}, noon - std::chrono::days(59)});
    zoho.clock.advance(std::chrono::days(7));
    zoho.script.reply(304, "", dated(week_later));
    zoho.script.reply(204, "", dated(week_later));
    zoho.script.reply(200, page({record(8, noon - std::chrono::days(80))}));

    zoho.run();

    CHECK(!zoho.rows().at(8).deleted_at);
}

TEST_CASE("a gap longer than Zoho lists deletions leaves the mark where it was") {
    Settled zoho;
    const auto mark = noon + 1s;
    const auto back = noon + std::chrono::days(61);
    zoho.clock.advance(std::chrono::days(61));

    zoho.run_idle(back);

    CHECK(zoho.asked() ==
          Lines{since("Leads", noon - overlap), since("Leads/deleted", mark - overlap)});
    CHECK(zoho.state().deletes_mark == mark);
    CHECK(zoho.state().consistent_as_of == back);
    CHECK(needs_verification(zoho.state()));

    // What is in the list has been read; it is not paid for in each run.
    zoho.run_idle(back + 60s);
    CHECK(zoho.asked().back() == since("Leads/deleted", back - overlap));
    CHECK(needs_verification(zoho.state()));

    auto verified = zoho.state();
    verified.verification = Verification{back + 90s, 0, 0, 0};
    zoho.target.put_state(verified);
    zoho.run_idle(back + 120s);
    CHECK(zoho.asked().back() == since("Leads/deleted", back + 60s - overlap));
    CHECK(zoho.state().deletes_mark == back + 120s);
    CHECK(!needs_verification(zoho.state()));
}

TEST_CASE("a delete list that Zoho cuts short proves no absence") {
    Settled zoho;
    zoho.target.put_row("zoho_crm.leads", 8, {noon - 100h, {}, noon - 48h});
    const std::string cut = R"({"code":"DISCRETE_PAGINATION_LIMIT_EXCEEDED","status":"error"})";
    zoho.script.reply(304, "", dated(noon + 60s));
    zoho.script.reply(400, cut, dated(noon + 60s));
    zoho.script.reply(200, deleted({{2, noon + 30s}}), dated(noon + 61s));

    zoho.run();

    CHECK(zoho.asked() == Lines{since("Leads", noon - overlap),
                                since("Leads/deleted", noon - 48h - 1s),
                                since("Leads/deleted", noon + 1s - overlap)});
    CHECK(zoho.memory.gone.empty());
    CHECK(zoho.rows().at(2).deleted_at == noon + 30s);
    CHECK(zoho.state().deletes_mark == noon + 61s);
}

TEST_CASE("deletions never asked for are asked for from the anchor") {
    Settled zoho;
    auto state = zoho.state();
    state.deletes_mark.reset(); // As after a full refresh, or a time of delete_missing: none.
    zoho.target.put_state(state);

    zoho.run_idle(noon + 60s);

    CHECK(zoho.asked().back() == since("Leads/deleted", noon - std::chrono::days(365) - overlap));
}

TEST_CASE("a failure after a revival loses neither the scan's place nor the row") {
    Settled zoho;
    zoho.target.put_row("zoho_crm.leads", 7, {noon - 100h, {}, noon - 72h});
    zoho.script.reply(
        200, page({record(3, noon + 10s), record(4, noon + 11s)}, More::yes), dated(noon + 60s));
    zoho.script.reply(200, page({record(4, noon + 11s), record(5, noon + 12s)}), dated(noon + 61s));
    zoho.script.reply(204, "", dated(noon + 62s));
    zoho.script.reply(200, R"({"data":[)" + record(7, noon - 100h, "back") + "]}");
    zoho.target.fail("write_deletions", ErrorKind::sink_conflict);
    CHECK(zoho.run_fails() == ErrorKind::sink_conflict);
    (void)zoho.asked();

    zoho.run_idle(noon + 120s);

    CHECK(zoho.asked().front() == since("Leads", noon + 11s));
    CHECK_FALSE(zoho.rows().at(7).deleted_at.has_value());
    CHECK(zoho.state().consistent_as_of == noon + 60s);
}

TEST_CASE("many held rows are looked after hourly only") {
    Settled zoho;
    std::vector<std::pair<std::int64_t, std::chrono::sys_seconds>> held;
    for (int id = 1000; id < 1201; ++id) {
        zoho.target.put_row("zoho_crm.leads", id, {noon - 100h, {}, noon - 72h});
        held.emplace_back(id, noon - 72h);
    }
    const auto run_with_list = [&](std::chrono::sys_seconds date) {
        zoho.script.reply(304, "", dated(date));
        zoho.script.reply(200, deleted(held), dated(date));
        zoho.run();
        return zoho.asked().back();
    };
    zoho.memory.deletes_checked_at.reset();

    CHECK(run_with_list(noon + 60s) == since("Leads/deleted", noon - 72h - 1s));
    zoho.run_idle(noon + 120s);
    CHECK(zoho.asked().back() == since("Leads/deleted", noon + 60s - overlap));
    zoho.clock.advance(1h);
    CHECK(run_with_list(noon + 1h) == since("Leads/deleted", noon - 72h - 1s));
}

TEST_CASE("deletions follow the stream's policy") {
    for (const auto setting : {DeleteMissing::soft, DeleteMissing::hard}) {
        Settled zoho;
        zoho.stream.delete_missing = setting;
        zoho.script.reply(304, "", dated(noon + 60s));
        zoho.script.reply(200, deleted({{2, noon + 30s}, {99, noon + 31s}}), dated(noon + 61s));

        zoho.run();

        const auto calls = zoho.target.calls("write_deletions");
        CHECK(calls.back().policy == delete_policy(setting));
        CHECK(calls.back().deleted == Ids{2, 99});
        CHECK(zoho.rows().contains(2) == (setting == DeleteMissing::soft));
        CHECK(zoho.state().rows_deleted == 1);
    }
}

TEST_CASE("where deletions are not wanted or not listed, none are asked for") {
    for (const std::string name : {"leads", "notes"}) {
        CAPTURE(name);
        RunFixture zoho(name);
        zoho.stream.delete_missing = name == "notes" ? DeleteMissing::soft : DeleteMissing::none;
        zoho.script.reply(200, lead_fields);
        zoho.script.reply(200, page({record(1, noon - 1h)}), dated(noon));

        zoho.run();

        CHECK(zoho.asked().size() == 2);
        CHECK(zoho.target.calls("write").size() == 1);
        CHECK(zoho.target.calls("write_deletions").empty());
        CHECK(zoho.target.calls("soft_deleted").empty());
        CHECK(zoho.state().high_water_mark == noon - 1h);
        CHECK(zoho.state().consistent_as_of == noon);
        CHECK(zoho.state().status == StreamStatus::ok);
    }
}

TEST_CASE("a record that the target refused is asked for again, and forgotten when it is gone") {
    Settled zoho;
    zoho.target.put_set_aside(7);
    zoho.target.put_set_aside(8);
    zoho.script.reply(304, "", dated(noon + 60s));
    zoho.script.reply(200, page({record(7, noon - 30h, "mended")}));
    zoho.script.reply(204, "");
    zoho.script.reply(304, "", dated(noon + 60s));

    zoho.run();

    CHECK(zoho.asked() == Lines{since("Leads", noon - overlap),
                                "Leads/7",
                                "Leads/8",
                                since("Leads/deleted", noon + 1s - overlap)});
    CHECK(zoho.rows().at(7).values.at("Last_Name") == "mended");
    CHECK(zoho.target.set_aside().empty());
    CHECK(zoho.state().consistent_as_of == noon + 60s);
}

TEST_CASE("no more refused records are asked for in a run than a sink takes for single ones") {
    Settled zoho;
    zoho.script.reply(304, "", dated(noon + 60s));
    for (int id = 101; id <= 150; ++id) {
        zoho.target.put_set_aside(id);
    }
    for (int i = 0; i < 20; ++i) {
        zoho.script.reply(204, "");
    }
    zoho.script.reply(304, "", dated(noon + 60s));

    zoho.run();

    CHECK(zoho.asked().size() == 22);
    CHECK(zoho.target.set_aside().size() == 30);
}
