#include "tests/unit/app/run_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace zohosyncd;
using namespace zohosyncd::fixture;

namespace {

using Lines = std::vector<std::string>;

/// A stream that was synced at noon, and now is compared.
struct Compared : Settled {
    explicit Compared(VerifyOptions options = {}) {
        context.verify = options;
        clock.advance(1h);
        calls_before = target.calls().size();
    }

    Findings verify() {
        run();
        return board.lines().front().findings.value();
    }

    void reply_list(const std::vector<std::string>& records) {
        script.reply(200, page(records), dated(noon + 1h));
    }

    void reply_record(const std::string& record) {
        script.reply(200, R"({"data":[)" + record + "]}");
    }

    void reply_gone() { script.reply(204, ""); }
};

std::string text_of(const Differences& differences) {
    return std::to_string(differences.missing) + " missing, " + std::to_string(differences.extra) +
           " extra, " + std::to_string(differences.differing) + " differing";
}

constexpr VerifyOptions mends{true, false};

} // namespace

TEST_CASE("a table that is equal costs its list alone, from the anchor") {
    Compared zoho;
    zoho.reply_list({record(1, noon - 20h), record(2, noon - 10h)});

    const auto findings = zoho.verify();

    CHECK(zoho.asked() == Lines{since("Leads", *zoho.state().anchor - 1s)});
    CHECK(findings.compared == 2);
    CHECK(findings.found.sum() == 0);
    CHECK(zoho.state().verification->at == noon + 1h);
    CHECK(zoho.written() ==
          Lines{"known_columns", "state", "live_rows", "live_rows_after", "record_verification"});
}

TEST_CASE("what the list and the row disagree about is settled by the record") {
    struct Case {
        const char* name;
        std::chrono::sys_seconds listed;
        std::chrono::sys_seconds by_id;
        const char* want;
    };

    const Case cases[] = {
        {"the row is stale", noon - 9h, noon - 9h, "0 missing, 0 extra, 1 differing"},
        {"the list was stale", noon - 11h, noon - 10h, "0 missing, 0 extra, 0 differing"},
        {"edited since, and not due yet",
         noon - 9h,
         noon + 30min,
         "0 missing, 0 extra, 0 differing"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        Compared zoho;
        zoho.reply_list({record(1, noon - 20h), record(2, c.listed)});
        zoho.reply_record(record(2, c.by_id));

        const auto findings = zoho.verify();

        CHECK(zoho.asked().back() == "Leads/2");
        CHECK(text_of(findings.found) == c.want);
        CHECK(text_of(findings.left) == c.want);
    }
}

TEST_CASE("a record without a row is missing, a row without a record is extra") {
    Compared zoho;
    zoho.target.put_row("zoho_crm.leads", 7, {noon - 15h, {}, {}});
    zoho.reply_list({record(1, noon - 20h), record(2, noon - 10h), record(3, noon - 5h)});
    zoho.reply_record(record(3, noon - 5h));
    zoho.reply_gone();
    zoho.script.reply(204, "", dated(noon + 1h)); // The young deletions.

    const auto findings = zoho.verify();

    CHECK(text_of(findings.found) == "1 missing, 1 extra, 0 differing");
    CHECK(zoho.rows().size() == 3);
    const auto stored = zoho.state().verification.value();
    CHECK(stored.missing == 1);
    CHECK(stored.extra == 1);
}

TEST_CASE("a row whose deletion is still to be read is not extra") {
    Compared zoho(mends);
    zoho.reply_list({record(1, noon - 20h)});
    zoho.reply_gone();
    zoho.script.reply(200, deleted({{2, noon + 10min}}), dated(noon + 1h));

    const auto findings = zoho.verify();

    CHECK(findings.found.sum() == 0);
    CHECK(findings.not_due == 1);
    CHECK(zoho.target.calls("write_deletions").size() == 1); // The first sync's.
    CHECK(zoho.asked().back() == since("Leads/deleted", noon + 1s - 5min));
}

TEST_CASE("repair writes the record as it was read by id, and moves no mark") {
    Compared zoho(mends);
    zoho.target.put_row("zoho_crm.leads", 1, {noon - 1h, {}, {}}); // Newer than Zoho's.
    zoho.target.put_row("zoho_crm.leads", 7, {noon - 15h, {}, {}});
    const auto before = zoho.state();
    zoho.reply_list({record(1, noon - 20h), record(2, noon - 10h)});
    zoho.reply_record(record(1, noon - 20h, "mended"));
    zoho.reply_gone();
    zoho.script.reply(204, "", dated(noon + 1h));
    // The row of 1 lies in a later window as well; it was seen to.

    const auto findings = zoho.verify();

    CHECK(text_of(findings.found) == "0 missing, 1 extra, 1 differing");
    CHECK(findings.left.sum() == 0);
    CHECK(zoho.rows().at(1).values.at("Last_Name") == "mended");
    CHECK(zoho.rows().at(7).deleted_at == noon + 1h);
    const auto after = zoho.state();
    CHECK(after.consistent_as_of == before.consistent_as_of);
    CHECK(after.high_water_mark == before.high_water_mark);
    CHECK(after.deletes_mark == before.deletes_mark);
    CHECK(after.scan == before.scan);
}

TEST_CASE("with every field, a silent difference is found") {
    Compared zoho({false, true});
    auto row = zoho.rows().at(2);
    row.values["Last_Name"] = "nobody wrote this";
    zoho.target.put_row("zoho_crm.leads", 2, row);
    zoho.reply_list({record(1, noon - 20h), record(2, noon - 10h)});
    zoho.reply_record(record(2, noon - 10h));

    CHECK(text_of(zoho.verify().found) == "0 missing, 0 extra, 1 differing");
}

TEST_CASE("an attempt that failed goes on at its page, and counts nothing twice") {
    Compared zoho;
    zoho.script.reply(
        200, page({record(1, noon - 20h), record(3, noon - 15h)}, More::yes), dated(noon + 1h));
    zoho.reply_record(record(3, noon - 15h));
    zoho.script.fail(ErrorKind::server_error);
    CHECK(zoho.run_fails() == ErrorKind::server_error);
    (void)zoho.asked();

    zoho.reply_list({record(3, noon - 15h), record(2, noon - 10h)});
    const auto findings = zoho.verify();

    CHECK(zoho.asked() == Lines{since("Leads", noon - 15h - 1s)});
    CHECK(findings.compared == 3);
    CHECK(text_of(findings.found) == "1 missing, 0 extra, 0 differing");
}

TEST_CASE("an empty list proves no deletion of users") {
    RunFixture zoho("users");
    zoho.script.reply(200, R"({"users":[{"id":"1"}],"info":{"more_records":false}})", dated(noon));
    zoho.run();
    zoho.context.verify = mends;
    zoho.script.reply(204, "");

    zoho.run();

    CHECK(zoho.board.lines()[3].findings->found.sum() == 0);
    CHECK_FALSE(zoho.rows().at(1).deleted_at.has_value());
}

TEST_CASE("the schedule of the daemon brings verifications between the runs") {
    Settled zoho;
    const auto schedule = Schedule::parse("@every 1h");
    zoho.context.verify_schedule = &schedule;
    zoho.run_idle(noon + 10min);
    CHECK_FALSE(zoho.state().verification.has_value());

    zoho.clock.advance(1h);
    zoho.script.reply(304, "", dated(noon + 1h));
    zoho.script.reply(304, "", dated(noon + 1h));
    zoho.script.reply(200, page({record(1, noon - 20h), record(2, noon - 10h)}), dated(noon + 1h));
    zoho.run();

    REQUIRE(zoho.state().verification.has_value());
    CHECK(zoho.state().verification->at == noon + 1h);
    zoho.run_idle(noon + 70min);
}

TEST_CASE("a verification that fails does not fail the run") {
    Settled zoho;
    const auto schedule = Schedule::parse("@every 1h");
    zoho.context.verify_schedule = &schedule;
    zoho.run_idle(noon + 10min);
    zoho.clock.advance(1h);
    zoho.script.reply(304, "", dated(noon + 1h));
    zoho.script.reply(304, "", dated(noon + 1h));
    zoho.script.fail(ErrorKind::server_error);

    CHECK_FALSE(zoho.run_fails().has_value());

    CHECK(zoho.state().consistent_as_of == noon + 1h);
}

TEST_CASE("a verification that meets Zoho's limit pauses everybody") {
    Settled zoho;
    const auto schedule = Schedule::parse("@every 1h");
    zoho.context.verify_schedule = &schedule;
    zoho.run_idle(noon + 10min);
    zoho.clock.advance(1h);
    zoho.script.reply(304, "", dated(noon + 1h));
    zoho.script.reply(304, "", dated(noon + 1h));
    zoho.script.fail(ErrorKind::rate_limited);

    CHECK_FALSE(zoho.run_fails().has_value());

    CHECK(zoho.gate.snapshot().is_paused);
}

TEST_CASE("a record that can not be stored is not taken for gone") {
    Compared zoho(mends);
    zoho.reply_list({record(1, noon - 20h)});
    zoho.reply_record(R"({"id":"no number"})");

    const auto findings = zoho.verify();

    CHECK(zoho.asked().back() == "Leads/2");
    CHECK(findings.found.sum() == 0);
    CHECK(zoho.rows().size() == 2);
}
