#include "daemon/app/records_run.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/app/scan_json.hpp"
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

/// The pages `first` to `last`, an hour after the other; page i ends with the record i + 10.
void reply_pages(RunFixture& zoho, int first, int last, More more_after = More::no) {
    for (int i = first; i <= last; ++i) {
        zoho.script.reply(
            200,
            page({record(i, noon - 5h + i * 1h - 1s), record(i + 10, noon - 5h + i * 1h)},
                 i == last ? more_after : More::yes),
            dated(noon));
    }
}

} // namespace

TEST_CASE("a first run starts at the anchor and stores it") {
    struct Case {
        const char* name;
        std::optional<std::chrono::sys_seconds> configured;
        bool read_everything;
        std::chrono::sys_seconds want;
    };

    const Case cases[] = {
        {"a year before Zoho's clock at first contact", std::nullopt, false, noon - year},
        {"the configured date", noon - 72h, false, noon - 72h},
        {"all", std::nullopt, true, std::chrono::sys_seconds{}},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        RunFixture zoho;
        zoho.config.source.anchor_date = c.configured;
        zoho.config.source.read_everything = c.read_everything;
        zoho.script.reply(200, lead_fields);
        zoho.script.reply(200, page({record(1, noon - 1h, "Ada")}), dated(noon));
        zoho.script.reply(204, "", dated(noon + 2s));

        zoho.run();

        CHECK(zoho.asked() == Lines{"settings/fields",
                                    since("Leads", c.want),
                                    since("Leads/deleted", noon - overlap)});
        CHECK(zoho.rows().at(1).values.at("Last_Name") == "Ada");
        CHECK(zoho.state().anchor == c.want);
        CHECK(zoho.state().high_water_mark == noon - 1h);
        CHECK(zoho.state().consistent_as_of == noon);
        CHECK(zoho.state().deletes_mark == noon + 2s);
        CHECK(zoho.state().org == "42");
        CHECK(zoho.state().mode == "incremental");
        CHECK(zoho.state().status == StreamStatus::ok);
        CHECK(zoho.state().scan.empty());
    }
}

TEST_CASE("marks move with the last commit of a run and not before") {
    RunFixture zoho;
    zoho.script.reply(200, lead_fields);
    reply_pages(zoho, 1, 4);
    zoho.script.reply(200, deleted({{11, noon - 2h}}), dated(noon + 2s));

    zoho.run();

    const auto commits = zoho.target.checkpoints();
    REQUIRE(commits.size() == 3);
    for (std::size_t i = 0; i + 1 < commits.size(); ++i) {
        CAPTURE(i);
        CHECK_FALSE(commits[i].high_water_mark.has_value());
        CHECK_FALSE(commits[i].consistent_as_of.has_value());
        CHECK_FALSE(commits[i].deletes_mark.has_value());
        CHECK_FALSE(commits[i].finished.has_value());
        CHECK_FALSE(commits[i].scan.empty());
    }
    CHECK(commits[2].high_water_mark == noon - 1h);
    CHECK(commits[2].consistent_as_of == noon);
    CHECK(commits[2].deletes_mark == noon + 2s);
    CHECK(commits[2].scan.empty());
    REQUIRE(commits[2].finished.has_value());
    CHECK(commits[2].finished->pages == 4);
    CHECK(commits[2].finished->rows_read == 8);
    CHECK(commits[2].finished->requests == 6);
    CHECK(zoho.rows().size() == 8);
    CHECK(zoho.rows().at(11).deleted_at == noon - 2h);
}

TEST_CASE("pages before a failing one stay, and the next run goes on behind them") {
    RunFixture zoho;
    zoho.script.reply(200, lead_fields);
    reply_pages(zoho, 1, 3, More::yes);
    zoho.script.fail(ErrorKind::network);

    CHECK(zoho.run_fails() == ErrorKind::network);

    CHECK(zoho.rows().size() == 6);
    CHECK(zoho.state().anchor == noon - year);
    CHECK_FALSE(zoho.state().high_water_mark.has_value());
    CHECK_FALSE(zoho.state().consistent_as_of.has_value());
    const auto stored = stored_scan_from(zoho.state().scan);
    REQUIRE(stored.has_value());
    CHECK(stored->progress == ScanProgress{noon - year, noon - 2h, noon, noon - 2h});
    CHECK_FALSE(stored->is_staged);

    (void)zoho.asked();
    zoho.script.reply(200, page({record(13, noon - 2h), record(14, noon - 1h)}), dated(noon + 60s));
    zoho.script.reply(204, "", dated(noon + 61s));
    zoho.run();

    CHECK(zoho.asked() ==
          Lines{since("Leads", noon - 2h), since("Leads/deleted", noon - year - overlap)});
    CHECK(zoho.rows().size() == 7);
    CHECK(zoho.state().high_water_mark == noon - 1h);
    CHECK(zoho.state().consistent_as_of == noon); // Of the scan's first reply, not of this run's.
    CHECK(zoho.state().scan.empty());
}

TEST_CASE("a load goes on although fields have changed, and the next scan brings their values") {
    RunFixture zoho;
    zoho.script.reply(200, lead_fields);
    reply_pages(zoho, 1, 1, More::yes);
    zoho.script.fail(ErrorKind::network);
    CHECK(zoho.run_fails() == ErrorKind::network);
    auto state = zoho.state();
    auto stored = stored_scan_from(state.scan).value();
    stored.mapping_hash = "another";
    state.scan = to_json(stored);
    zoho.target.put_state(state);
    (void)zoho.asked();

    zoho.run_idle(noon);
    CHECK(zoho.asked().front() == since("Leads", noon - 4h));
    CHECK(zoho.state().mapping_hash == mixed_mapping);

    zoho.run_idle(noon + 60s);
    CHECK(zoho.asked().front() == since("Leads", noon - year));
    CHECK(zoho.state().mapping_hash != mixed_mapping);
}

TEST_CASE("a scan of changes that was stored under another mapping starts anew at the anchor") {
    Settled zoho;
    auto state = zoho.state();
    state.scan = to_json({{noon - overlap, noon, noon, noon}, false, "another"});
    state.mapping_hash = "another";
    zoho.target.put_state(state);

    zoho.run_idle(noon + 60s);

    CHECK(zoho.asked().front() == since("Leads", noon - year));
}

TEST_CASE("a new mapping reads everything from the anchor again, once") {
    Settled zoho;
    auto state = zoho.state();
    state.mapping_hash = "another";
    zoho.target.put_state(state);

    zoho.run_idle(noon + 60s);
    zoho.run_idle(noon + 120s);

    const auto asked = zoho.asked();
    CHECK(asked.at(0) == since("Leads", noon - year));
    CHECK(asked.at(2) == since("Leads", noon + 60s - overlap));
}

TEST_CASE("an idle run costs a list request, a delete request and one write") {
    Settled zoho;

    zoho.run_idle(noon + 60s);

    CHECK(zoho.asked() ==
          Lines{since("Leads", noon - overlap), since("Leads/deleted", noon + 1s - overlap)});
    CHECK(zoho.written() == Lines{"write_deletions"});
    CHECK(zoho.target.calls("begin_stage").empty());
    CHECK(zoho.target.calls("write_stage").empty());
    CHECK(zoho.state().consistent_as_of == noon + 60s);
    CHECK(zoho.state().deletes_mark == noon + 60s);
    CHECK(zoho.state().high_water_mark == noon - 10h);
    CHECK(zoho.board.lines()[0].activity == StreamActivity::done);
}

TEST_CASE("without a plausible Date a scan starts at the high-water mark") {
    for (const auto date : {std::optional<std::chrono::sys_seconds>{}, std::optional(noon + 24h)}) {
        RunFixture zoho;
        const auto headers = date ? dated(*date) : std::map<std::string, std::string>{};
        zoho.script.reply(200, lead_fields);
        zoho.script.reply(200, page({record(1, noon - 3h)}), headers);
        zoho.script.reply(204, "", headers);
        zoho.run();
        CHECK_FALSE(zoho.state().consistent_as_of.has_value());
        CHECK_FALSE(zoho.state().deletes_mark.has_value());
        CHECK(zoho.state().high_water_mark == noon - 3h);
        (void)zoho.asked();

        zoho.run_idle(noon);

        CHECK(zoho.asked() == Lines{since("Leads", noon - 3h - overlap),
                                    since("Leads/deleted", noon - year - overlap)});
        CHECK(zoho.state().consistent_as_of == noon);
    }
}

TEST_CASE("a scan never starts before the anchor") {
    RunFixture zoho;
    zoho.config.source.anchor_date = noon - 60s;
    zoho.script.reply(200, lead_fields);
    zoho.run_idle(noon);
    (void)zoho.asked();

    zoho.run_idle(noon + 60s);

    CHECK(zoho.asked().front() == since("Leads", noon - 60s));
}

TEST_CASE("a write that fails leaves the marks and passes the target's reason on") {
    struct Case {
        const char* function;
        ErrorKind kind;
    };

    for (const auto& c : {Case{"prepare", ErrorKind::schema_conflict},
                          Case{"write", ErrorKind::sink_down},
                          Case{"write_deletions", ErrorKind::lease_lost}}) {
        CAPTURE(c.function);
        Settled zoho;
        zoho.target.fail(c.function, c.kind);
        zoho.script.reply(200, page({record(3, noon + 10s)}), dated(noon + 60s));
        zoho.script.reply(204, "", dated(noon + 61s));

        CHECK(zoho.run_fails() == c.kind);

        CHECK(zoho.state().high_water_mark == noon - 10h);
        CHECK(zoho.state().consistent_as_of == noon);
        CHECK(zoho.state().deletes_mark == noon + 1s);
    }
}

TEST_CASE("an anchor that is moved back is read from, once; one moved forward is not") {
    Settled zoho;
    zoho.config.source.anchor_date = noon - year - 24h;
    zoho.run_idle(noon + 60s);
    CHECK(zoho.asked().front() == since("Leads", noon - year - 24h));
    CHECK(zoho.state().anchor == noon - year - 24h);

    zoho.run_idle(noon + 120s);
    CHECK(zoho.asked().front() == since("Leads", noon + 60s - overlap));

    zoho.config.source.anchor_date = noon - 1h;
    zoho.run_idle(noon + 180s);
    CHECK(zoho.asked().front() == since("Leads", noon + 120s - overlap));
    CHECK(zoho.state().anchor == noon - year - 24h);
}

TEST_CASE("a back-fill that was cut off goes on where it was") {
    Settled zoho;
    zoho.config.source.anchor_date = noon - year - 24h;
    reply_pages(zoho, 1, 2, More::yes);
    zoho.script.fail(ErrorKind::network);
    CHECK(zoho.run_fails() == ErrorKind::network);
    CHECK(zoho.state().anchor == noon - year); // Like a mark: counts when it has been read.
    CHECK(zoho.state().consistent_as_of == noon);
    (void)zoho.asked();

    zoho.run_idle(noon + 60s);

    CHECK(zoho.asked().front() == since("Leads", noon - 3h));
    CHECK(zoho.state().anchor == noon - year - 24h);
}

TEST_CASE("a trial keeps its rows and moves no mark") {
    for (const bool moves_anchor : {false, true}) {
        CAPTURE(moves_anchor);
        Settled zoho;
        if (moves_anchor) {
            zoho.config.source.anchor_date = noon - year - 24h;
        }
        const auto start = moves_anchor ? noon - year - 24h : noon - overlap;
        zoho.stream.limit = 6;
        for (int i = 0; i < 3; ++i) {
            const auto time = noon + i * 10s;
            zoho.script.reply(200,
                              page({record(20 + i, time), record(30 + i, time + 10s)}, More::yes),
                              dated(noon + 60s));
        }

        zoho.run();

        CHECK(zoho.asked() ==
              Lines{since("Leads", start), since("Leads", noon + 10s), since("Leads", noon + 20s)});
        CHECK(zoho.rows().size() == 8);
        CHECK(zoho.state().high_water_mark == noon - 10h);
        CHECK(zoho.state().consistent_as_of == noon);
        CHECK(zoho.state().status == StreamStatus::ok);
        CHECK(zoho.board.lines()[0].activity == StreamActivity::done);

        zoho.stream.limit.reset();
        zoho.run_idle(noon + 120s);
        CHECK(zoho.asked().front() == since("Leads", start));
    }
}

TEST_CASE("a trial that the list ends before its limit is a whole run") {
    Settled zoho;
    zoho.stream.limit = 1;
    zoho.script.reply(200, page({record(3, noon + 10s)}), dated(noon + 60s));
    zoho.script.reply(204, "", dated(noon + 60s));

    zoho.run();

    CHECK(zoho.state().high_water_mark == noon + 10s);
    CHECK(zoho.state().consistent_as_of == noon + 60s);
}

TEST_CASE("a full refresh stages its pages and merges them once") {
    RunFixture zoho;
    zoho.stream.mode = StreamMode::full_refresh;
    zoho.script.reply(200, lead_fields);
    reply_pages(zoho, 1, 4);

    zoho.run();

    CHECK(zoho.asked().size() == 5); // No delete list: the merge sees what is missing.
    CHECK(zoho.target.calls("begin_stage").size() == 1);
    CHECK(zoho.target.calls("write_stage").size() == 2);
    CHECK(zoho.target.calls("write").empty());
    const auto merges = zoho.target.calls("merge_stage");
    REQUIRE(merges.size() == 1);
    CHECK(merges[0].time == noon);
    CHECK(merges[0].policy == DeletePolicy::soft);
    CHECK(merges[0].checkpoint->finished.has_value());
    CHECK(zoho.rows().size() == 8);
    CHECK(zoho.state().mode == "full-refresh");
    CHECK(zoho.state().high_water_mark == noon - 1h);
    CHECK(zoho.state().consistent_as_of == noon);
}

TEST_CASE("a full refresh that ends before the list does concludes nothing from absence") {
    RunFixture zoho;
    zoho.stream.mode = StreamMode::full_refresh;
    zoho.script.reply(200, lead_fields);
    zoho.script.reply(200, page({record(1, noon), record(2, noon + 1s)}, More::yes), dated(noon));

    zoho.run();

    CHECK(zoho.target.calls("merge_stage").at(0).policy == DeletePolicy::none);
    CHECK(zoho.rows().size() == 2);
}

TEST_CASE("a full refresh that was cut off goes on in the same stage") {
    RunFixture zoho;
    zoho.stream.mode = StreamMode::full_refresh;
    zoho.script.reply(200, lead_fields);
    reply_pages(zoho, 1, 3, More::yes);
    zoho.script.fail(ErrorKind::network);
    CHECK(zoho.run_fails() == ErrorKind::network);
    CHECK(zoho.rows().empty());
    CHECK(zoho.target.staged("zoho_crm.leads").size() == 6);
    CHECK(stored_scan_from(zoho.state().scan).value().is_staged);
    CHECK_FALSE(zoho.state().consistent_as_of.has_value());
    (void)zoho.asked();

    zoho.script.reply(200, page({record(13, noon - 2h), record(14, noon - 1h)}), dated(noon + 60s));
    zoho.run();

    CHECK(zoho.asked() == Lines{since("Leads", noon - 2h)});
    CHECK(zoho.target.calls("begin_stage").size() == 1);
    CHECK(zoho.rows().size() == 7);
    CHECK(zoho.state().consistent_as_of == noon);
}

TEST_CASE("a snapshot appends what it staged, with the time of its first reply") {
    RunFixture zoho;
    zoho.stream.mode = StreamMode::snapshot;
    zoho.script.reply(200, lead_fields);
    reply_pages(zoho, 1, 3, More::yes);
    zoho.script.fail(ErrorKind::network);
    CHECK(zoho.run_fails() == ErrorKind::network);
    CHECK(zoho.target.calls("append_stage").empty());
    (void)zoho.asked();

    zoho.script.reply(200, page({record(13, noon - 2h), record(14, noon - 1h)}), dated(noon + 60s));
    zoho.run();

    CHECK(zoho.asked() == Lines{since("Leads", noon - 2h)}); // And no list of deletions.
    const auto appended = zoho.target.calls("append_stage");
    REQUIRE(appended.size() == 1);
    CHECK(appended[0].time == noon);
    CHECK(appended[0].checkpoint->staged_rows == 7);
    CHECK(appended[0].checkpoint->scan.empty());
    CHECK(zoho.state().mode == "snapshot");
    CHECK(zoho.state().consistent_as_of == noon);
}

TEST_CASE("a snapshot reads on to the end of the list, as no later scan brings the rest") {
    RunFixture zoho;
    zoho.stream.mode = StreamMode::snapshot;
    zoho.script.reply(200, lead_fields);
    zoho.script.reply(200, page({record(1, noon), record(2, noon + 1s)}, More::yes), dated(noon));
    zoho.script.reply(200, page({record(2, noon + 1s), record(3, noon + 2s)}), dated(noon + 3s));

    zoho.run();

    CHECK(zoho.target.calls("append_stage").at(0).checkpoint->staged_rows == 3);
}

TEST_CASE("a stage that lost a row is not gone on with, as the row would count as absent") {
    RunFixture zoho;
    zoho.stream.mode = StreamMode::full_refresh;
    zoho.script.reply(200, lead_fields);
    reply_pages(zoho, 1, 3, More::yes);
    zoho.script.fail(ErrorKind::network);
    CHECK(zoho.run_fails() == ErrorKind::network);
    CHECK(stored_scan_from(zoho.state().scan).value().staged_rows == 6);
    zoho.target.take_from_stage("zoho_crm.leads", 1);

    reply_pages(zoho, 1, 4);
    zoho.run();

    CHECK(zoho.target.calls("begin_stage").size() == 2);
    CHECK(zoho.target.calls("merge_stage").at(0).checkpoint->staged_rows == 8);
    CHECK(zoho.rows().size() == 8);
}

TEST_CASE("a scan that was stored in the other mode is not gone on with") {
    RunFixture zoho;
    zoho.stream.mode = StreamMode::full_refresh;
    zoho.script.reply(200, lead_fields);
    reply_pages(zoho, 1, 1, More::yes);
    zoho.script.fail(ErrorKind::network);
    CHECK(zoho.run_fails() == ErrorKind::network);
    zoho.stream.mode = StreamMode::incremental;
    (void)zoho.asked();

    zoho.run_idle(noon);

    CHECK(zoho.asked().front() == since("Leads", noon - year));
}

TEST_CASE("a trial of a full refresh merges nothing and ends well") {
    RunFixture zoho;
    zoho.stream.mode = StreamMode::full_refresh;
    zoho.stream.limit = 2;
    zoho.script.reply(200, lead_fields);
    reply_pages(zoho, 1, 1, More::yes);

    zoho.run();

    CHECK(zoho.rows().empty());
    CHECK(zoho.target.calls("merge_stage").empty());
    CHECK_FALSE(zoho.state().high_water_mark.has_value());
    CHECK(zoho.board.lines()[0].activity == StreamActivity::done);
}

TEST_CASE("a target of another organisation is refused before Zoho is asked for records") {
    Settled zoho;
    zoho.organisation.id = "43";

    CHECK(zoho.run_fails() == ErrorKind::wrong_org);

    CHECK(zoho.asked().empty());
    CHECK(zoho.written().empty());
}

TEST_CASE("a reset in between is seen by the target, and its marks stay forgotten") {
    Settled zoho;
    zoho.target.before("write_deletions",
                       [&](const StreamKey&) { zoho.sink.reset("ZOHO_CRM", "leads"); });

    zoho.run_idle(noon + 60s);

    CHECK(zoho.target.checkpoints().back().generation == 0);
    CHECK(zoho.state().generation == 1);
    CHECK_FALSE(zoho.state().consistent_as_of.has_value());
    zoho.target.before("write_deletions", [](const StreamKey&) {});
    (void)zoho.asked();

    zoho.run_idle(noon + 120s);

    CHECK(zoho.asked().front() == since("Leads", noon - year));
    CHECK(zoho.target.checkpoints().back().generation == 1);
    CHECK(zoho.state().consistent_as_of == noon + 120s);
}

TEST_CASE("what a scan learns of the comparison holds for the organisation") {
    RunFixture zoho;
    zoho.organisation.inclusive = -1;
    zoho.config.source.anchor_date = noon - 24h;
    zoho.script.reply(200, lead_fields);
    zoho.script.reply(200, page({record(1, noon - 24h - 1s), record(2, noon - 2h)}), dated(noon));
    zoho.script.reply(204, "", dated(noon));

    zoho.run();

    CHECK(zoho.asked().at(1) == since("Leads", noon - 24h - 1s));
    CHECK(zoho.organisation.inclusive == 1);
}

TEST_CASE("a stop keeps what was read and counts nothing as consistent") {
    RunFixture zoho;
    zoho.script.reply(200, lead_fields);
    reply_pages(zoho, 1, 2, More::yes);
    zoho.target.before("write", [&](const StreamKey&) { zoho.stop.request_stop(); });

    CHECK(zoho.run_fails() == ErrorKind::stopped);

    CHECK(zoho.rows().size() == 4);
    CHECK_FALSE(zoho.state().consistent_as_of.has_value());
    CHECK_FALSE(zoho.state().scan.empty());
}

TEST_CASE("a record that can not be stored does not stop its page") {
    RunFixture zoho;
    zoho.script.reply(200, lead_fields);
    zoho.script.reply(
        200, page({R"({"id":"oops","Last_Name":"x"})", record(2, noon - 2h)}), dated(noon));
    zoho.script.reply(204, "", dated(noon));

    zoho.run();

    CHECK(zoho.rows().size() == 1);
    CHECK(zoho.target.quarantined() == 1);
    CHECK(zoho.state().high_water_mark == noon - 2h);
}

TEST_CASE("credits are written down in lots and return when that fails") {
    Settled zoho;
    zoho.client.before_each([&] {
        settle_credits_in_time(zoho.sink, zoho.gate, "ZOHO_CRM", zoho.organisation.credits_allowed);
    });
    for (int run = 0; run < 12; ++run) {
        zoho.run_idle(noon + 60s);
    }
    CHECK(zoho.target.calls("spend_credits").size() == 1);

    zoho.target.fail("spend_credits", ErrorKind::sink_down);
    std::optional<ErrorKind> failure;
    while (!failure) {
        zoho.script.reply(304, "", dated(noon + 60s));
        zoho.script.reply(304, "", dated(noon + 60s));
        failure = zoho.run_fails();
    }
    CHECK(failure == ErrorKind::sink_down);
    CHECK(zoho.gate.credits_spent() == credits_worth_a_write);
}

TEST_CASE("a page that contradicts the list is dropped whole, the pages before it are kept") {
    Settled zoho;
    zoho.script.reply(
        200, page({record(6, noon + 4s), record(3, noon + 5s)}, More::yes), dated(noon + 60s));
    zoho.script.reply(200, page({record(5, noon + 20s), record(4, noon + 10s)}), dated(noon + 61s));

    CHECK(zoho.run_fails() == ErrorKind::bad_response);

    CHECK(zoho.rows().contains(3));
    CHECK_FALSE(zoho.rows().contains(4));
    CHECK_FALSE(zoho.rows().contains(5));
    CHECK(zoho.state().high_water_mark == noon - 10h);
}
