#include "daemon/app/engine.hpp"
#include "tests/unit/app/engine_fixture.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

using namespace zohosyncd;
using namespace zohosyncd::fixture;

namespace {

using Rig = EngineFixture;

} // namespace

TEST_CASE("one pass runs each stream once and ends") {
    Rig rig;
    rig.add("leads");
    rig.add("deals");
    rig.add("notes");
    rig.add("tasks", "manual"); // A schedule means nothing to a single pass.

    const auto outcome = rig.run(EngineMode::once);

    CHECK(outcome.succeeded == 4);
    CHECK(outcome.failed == 0);
    for (const std::string path : {"Leads", "Deals", "Notes", "Tasks", "Leads/deleted"}) {
        CAPTURE(path);
        CHECK(rig.times_of(path).size() == 1);
    }
    CHECK(rig.activity(3) == StreamActivity::done);
}

TEST_CASE("a pass over no streams is over at once") {
    Rig rig;

    CHECK(rig.run(EngineMode::once).failed == 0);
}

TEST_CASE("three fetchers work at once, each with a sink of its own") {
    Rig rig;
    for (const char* name : {"leads", "deals", "notes", "tasks", "calls", "quotes"}) {
        rig.add(name);
    }
    Meeting meeting;
    std::atomic<bool> has_met = true;
    std::atomic<int> sinks = 0;
    rig.make_sink = [&] {
        ++sinks;
        return std::make_unique<fakes::RecordingSink>(rig.target);
    };
    rig.target.before("prepare", [&](const StreamKey&) {
        meeting.enter();
        has_met = meeting.wait_for(3) && has_met;
        meeting.leave();
    });

    const auto outcome = rig.run(EngineMode::once);

    CHECK(outcome.succeeded == 6);
    CHECK(has_met);
    CHECK(meeting.most() == 3);
    CHECK(sinks == 3);
}

TEST_CASE("a failing stream is given up after six attempts while the others finish") {
    Rig rig;
    rig.add("leads");
    rig.add("deals");
    rig.add("notes");
    rig.answer = [](const std::string& path, const std::stop_token&) {
        return path == "Deals" ? std::optional(refusal(500, "INTERNAL_ERROR")) : std::nullopt;
    };

    const auto outcome = rig.run(EngineMode::once);

    CHECK(outcome.succeeded == 2);
    CHECK(outcome.failed == 1);
    CHECK(rig.times_of("Deals").size() == 6);
    CHECK(rig.times_of("Leads").size() == 1);
    CHECK(rig.times_of("Notes").size() == 1);
    CHECK(rig.state("deals").status == StreamStatus::backoff);
    CHECK(rig.state("deals").consecutive_failures == 6);
    CHECK(rig.state("leads").status == StreamStatus::ok);
    CHECK(rig.activity(0) == StreamActivity::done);
    CHECK(rig.activity(1) == StreamActivity::failed);
    CHECK(rig.board->lines()[1].error.find("INTERNAL_ERROR") != std::string::npos);
}

TEST_CASE("a stream that recovers counts as ok and its error is forgotten") {
    Rig rig;
    rig.add("leads");
    std::atomic<int> failures = 2;
    rig.answer = [&](const std::string& path, const std::stop_token&) {
        return path == "Leads" && failures-- > 0
                   ? std::optional(Reply{0, "", {}, ErrorKind::network})
                   : std::nullopt;
    };

    CHECK(rig.run(EngineMode::once).succeeded == 1);

    const auto times = rig.times_of("Leads");
    REQUIRE(times.size() == 3);
    CHECK(times[1] - times[0] >= 100ms); // A tenth of the first back-off, whatever the jitter.
    CHECK(times[2] - times[1] >= 100ms);
    CHECK(rig.state("leads").status == StreamStatus::ok);
    CHECK(rig.state("leads").consecutive_failures == 0);
    CHECK(rig.board->lines()[0].error.empty());
}

TEST_CASE("a long load may meet more hiccups than a stream has attempts") {
    Rig rig;
    rig.add("notes");
    std::atomic<int> pages = 0;
    rig.answer = [&](const std::string& path, const std::stop_token&) -> std::optional<Reply> {
        if (path != "Notes") {
            return std::nullopt;
        }
        const int number = ++pages;
        if (number % 2 == 0) {
            return refusal(500, "INTERNAL_ERROR"); // Between all pages.
        }
        const auto time = noon - 20h + number * 1h;
        return Reply{200,
                     page({record(number, time - 1s), record(number + 1, time)},
                          number < 19 ? More::yes : More::no),
                     {},
                     {}};
    };

    CHECK(rig.run(EngineMode::once).succeeded == 1);

    CHECK(rig.times_of("Notes").size() == 19);
    CHECK(rig.target.calls("record_failure").size() == 9);
}

TEST_CASE("reading the same rows again is no progress") {
    Rig rig;
    rig.add("leads");
    rig.answer = [&](const std::string& path, const std::stop_token&) -> std::optional<Reply> {
        if (path == "Leads") {
            return Reply{200, page({record(1, noon - 1h)}), {}, {}};
        }
        return path == "Leads/deleted" ? std::optional(refusal(500, "INTERNAL_ERROR"))
                                       : std::nullopt;
    };
    rig.most_requests = 100;

    CHECK(rig.run(EngineMode::once).failed == 1);

    CHECK(rig.times_of("Leads/deleted").size() == 6);
}

TEST_CASE("what only an operator can mend is tried once in a single pass") {
    struct Case {
        const char* name;
        std::function<void(Rig&)> arrange;
        StreamStatus status;
        StreamActivity activity;
    };

    const auto answer_with = [](const Reply& reply) {
        return [reply](Rig& rig) {
            rig.answer = [reply](const std::string& path, const std::stop_token&) {
                return path == "Deals" ? std::optional(reply) : std::nullopt;
            };
        };
    };
    const Case cases[] = {
        {"no permission",
         answer_with(refusal(403, "NO_PERMISSION")),
         StreamStatus::denied,
         StreamActivity::denied},
        {"unknown module",
         answer_with(refusal(400, "INVALID_MODULE")),
         StreamStatus::denied,
         StreamActivity::denied},
        {"a table that does not fit",
         [](Rig& rig) {
             rig.target.before("prepare", [](const StreamKey& key) {
                 if (key.stream == "deals") {
                     throw SyncError(ErrorKind::schema_conflict, "no key");
                 }
             });
         },
         StreamStatus::blocked,
         StreamActivity::blocked},
        {"credits spent",
         answer_with({0, "", {}, ErrorKind::credits_exhausted}),
         StreamStatus::backoff,
         StreamActivity::failed},
        {"credentials refused",
         answer_with({0, "", {}, ErrorKind::auth_refused}),
         StreamStatus::backoff,
         StreamActivity::failed},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        Rig rig;
        rig.add("leads");
        rig.add("deals");
        c.arrange(rig);

        const auto outcome = rig.run(EngineMode::once);

        CHECK(outcome.succeeded == 1);
        CHECK(outcome.failed == 1);
        CHECK(rig.target.calls("record_failure").size() == 1);
        CHECK(rig.state("deals").status == c.status);
        CHECK(rig.state("deals").consecutive_failures == 1);
        CHECK(rig.activity(1) == c.activity);
    }
}

TEST_CASE("a hint when to come back is followed") {
    Rig rig;
    rig.add("leads");
    std::atomic<int> answers = 0;
    rig.answer = [&](const std::string& path, const std::stop_token&) -> std::optional<Reply> {
        if (path != "Leads") {
            return std::nullopt;
        }
        switch (answers++) {
        case 0:
            return refusal(503, "", "120");
        case 1:
            return refusal(429, "TOO_MANY_REQUESTS", "30");
        default:
            return std::nullopt;
        }
    };

    CHECK(rig.run(EngineMode::once).succeeded == 1);

    const auto times = rig.times_of("Leads");
    REQUIRE(times.size() == 3);
    CHECK(times[1] - times[0] >= 120s);
    CHECK(times[2] - times[1] >= 30s);
}

TEST_CASE("what ends the process is thrown again when all threads are gone") {
    struct Case {
        const char* function;
        ErrorKind kind;
    };

    for (const auto& c : {Case{"write_deletions", ErrorKind::lease_lost},
                          Case{"prepare", ErrorKind::wrong_org},
                          Case{"prepare", ErrorKind::internal}}) {
        for (const auto mode : {EngineMode::once, EngineMode::forever}) {
            CAPTURE(c.function);
            Rig rig;
            rig.add("leads", "@every 1s");
            rig.add("deals", "@every 1s");
            rig.target.fail(c.function, c.kind, 1);

            CHECK(rig.run_fails(mode) == c.kind);

            CHECK(rig.target.calls("record_failure").empty());
        }
    }
}

TEST_CASE("a fetcher that can not begin ends the process") {
    Rig rig;
    rig.add("leads");
    rig.make_sink = []() -> std::unique_ptr<Sink> {
        throw SyncError(ErrorKind::bad_config, "no such target");
    };

    CHECK(rig.run_fails(EngineMode::forever) == ErrorKind::bad_config);
}

TEST_CASE("a target that is down is not asked to write that down") {
    Rig rig;
    rig.add("leads");
    rig.target.fail("write_deletions", ErrorKind::sink_down);

    CHECK(rig.run(EngineMode::once).succeeded == 1);

    CHECK(rig.target.calls("write_deletions").size() == 2);
    CHECK(rig.target.calls("record_failure").empty());
}

TEST_CASE("a failure that can not be written down is no second failure") {
    Rig rig;
    rig.add("leads");
    rig.target.fail("record_failure", ErrorKind::sink_down);
    std::atomic<bool> fails = true;
    rig.answer = [&](const std::string&, const std::stop_token&) {
        return fails.exchange(false) ? std::optional(refusal(500, "")) : std::nullopt;
    };

    CHECK(rig.run(EngineMode::once).succeeded == 1);

    CHECK(rig.target.calls("record_failure").size() == 1);
}

TEST_CASE("a stream never runs twice at once, however often it falls due") {
    Rig rig;
    rig.add("leads", "@every 1s");
    rig.add("deals", "@every 1s");
    Meeting leads;
    Meeting deals;
    std::atomic<bool> has_waited = true;
    rig.target.before("prepare", [&](const StreamKey& key) {
        if (key.stream == "deals") {
            deals.enter();
            deals.leave();
            return;
        }
        leads.enter();
        // While this run lasts, deals run 30 times, a second or more apart.
        has_waited = deals.wait_for(deals.entered() + 30) && has_waited;
        leads.leave();
        if (leads.entered() == 3) {
            rig.stop.request_stop();
        }
    });

    (void)rig.run(EngineMode::forever);

    CHECK(has_waited);
    CHECK(leads.most() == 1);
    CHECK(deals.most() == 1);
}

TEST_CASE("streams run at their intervals, those without a schedule never") {
    Rig rig;
    rig.add("leads", "@every 1m");
    rig.add("deals", "*/5 * * * *");
    rig.add("tasks", "manual");
    rig.target.before("prepare", [&](const StreamKey&) {
        if (rig.times_of("Leads").size() >= 4 && rig.times_of("Deals").size() >= 3) {
            rig.stop.request_stop();
        }
    });

    const auto outcome = rig.run(EngineMode::forever);

    const auto leads = rig.times_of("Leads");
    for (std::size_t i = 1; i < leads.size(); ++i) {
        CHECK(leads[i] - leads[i - 1] >= 1min);
    }
    CHECK(rig.times_of("Tasks").empty());
    CHECK(outcome.succeeded == 2);
}

TEST_CASE("intervals stretch until polling fits the credits") {
    Rig rig;
    rig.add("leads", "@every 1m"); // 2,880 requests a day, and 24 for the fields.
    rig.organisation.credits_allowed = 1830;
    rig.target.before("prepare", [&](const StreamKey&) {
        if (rig.times_of("Leads").size() == 3) {
            rig.stop.request_stop();
        }
    });

    (void)rig.run(EngineMode::forever);

    const auto times = rig.times_of("Leads");
    REQUIRE(times.size() == 3);
    CHECK(times[1] - times[0] >= 2min);
    CHECK(times[2] - times[1] >= 2min);
}

TEST_CASE("credits that Zoho had no more of are used again when it has") {
    Rig rig;
    rig.add("leads", "@every 1m");
    rig.gate.keep_reserve(5);
    std::atomic<int> runs = 0;
    rig.answer = [&](const std::string& path, const std::stop_token&) -> std::optional<Reply> {
        if (path != "Leads") {
            return std::nullopt;
        }
        if (++runs == 4) {
            rig.stop.request_stop();
        }
        return Reply{204, "", {{"x-api-credits-remaining", runs < 2 ? "5" : "9000"}}, {}};
    };

    (void)rig.run(EngineMode::forever);

    const auto times = rig.times_of("Leads");
    REQUIRE(times.size() == 4);
    CHECK(times[1] - times[0] >= 1h);
    CHECK(rig.gate.zoho_remaining().value_or(0) > 5);
}

TEST_CASE("old records wait while credits are short, changes do not") {
    Rig rig;
    rig.add("deals", "@every 1m");
    rig.answer = [&](const std::string& path, const std::stop_token&) -> std::optional<Reply> {
        if (path != "Deals") {
            return std::nullopt;
        }
        if (rig.times_of("Deals").size() == 3) {
            rig.stop.request_stop();
        }
        return Reply{200, page({record(1, noon - 20h)}), dated(noon), {}};
    };
    CHECK(rig.run(EngineMode::once).succeeded == 1);
    rig.add("leads", "@every 1m");
    rig.organisation.credits_allowed = 20'000;
    // Three quarters are spent, and nothing comes back soon.
    (void)rig.gate.settle(20'000, [](std::uint64_t) { return std::uint64_t{15'000}; });

    (void)rig.run(EngineMode::forever);

    CHECK(rig.times_of("Leads").empty());
    CHECK(rig.times_of("Deals").size() == 3);
    CHECK(rig.activity(1) == StreamActivity::backing_off);
}

TEST_CASE("a denied stream is asked again hourly while the others go on") {
    Rig rig;
    rig.add("leads", "@every 1m");
    rig.add("deals", "@every 1m");
    Meeting leads;
    std::atomic<int> refusals = 0;
    rig.answer = [&](const std::string& path, const std::stop_token&) -> std::optional<Reply> {
        if (path == "Leads") {
            leads.enter();
            leads.leave();
        }
        if (path != "Deals") {
            return std::nullopt;
        }
        if (++refusals == 3) {
            (void)leads.wait_for(3);
            rig.stop.request_stop();
        }
        return refusal(403, "NO_PERMISSION");
    };

    const auto outcome = rig.run(EngineMode::forever);

    const auto times = rig.times_of("Deals");
    REQUIRE(times.size() == 3);
    CHECK(times[1] - times[0] >= 1h);
    CHECK(times[2] - times[1] >= 1h);
    CHECK(leads.entered() >= 3);
    CHECK(rig.state("deals").status == StreamStatus::denied);
    CHECK(outcome.succeeded == 1);
}

TEST_CASE("a stop in the middle of a request ends everything and is no failure") {
    Rig rig;
    rig.add("leads");
    rig.add("deals");
    rig.answer = [&](const std::string& path,
                     const std::stop_token& token) -> std::optional<Reply> {
        if (path == "Leads") {
            rig.stop.request_stop();
            CHECK(token.stop_requested());
            return Reply{0, "", {}, ErrorKind::network}; // As an aborted transfer may look.
        }
        return std::nullopt;
    };

    const auto outcome = rig.run(EngineMode::forever);

    CHECK(outcome.succeeded <= 1);
    CHECK(rig.target.calls("record_failure").empty());
}

TEST_CASE("a stop before the start runs nothing") {
    Rig rig;
    rig.add("leads");
    rig.stop.request_stop();

    const auto outcome = rig.run(EngineMode::once);

    CHECK(outcome.failed == 1);
    CHECK(rig.asked.empty());
}

TEST_CASE("what a stream remembers lasts from run to run") {
    Rig rig;
    rig.settings.date_tolerance = std::chrono::hours(24 * 365); // Time flies past the threads.
    rig.add("leads", "@every 10m");
    StreamState state;
    state.key = {"ZOHO_CRM", "leads", {"zoho_crm", "leads"}};
    state.consistent_as_of = noon;
    rig.target.put_state(state);
    rig.target.put_row("zoho_crm.leads", 7, {noon, {}, noon - 1h});
    rig.answer = [&](const std::string& path, const std::stop_token&) -> std::optional<Reply> {
        if (path == "Leads" || path == "Leads/deleted") {
            if (rig.times_of("Leads").size() == 4) {
                rig.stop.request_stop();
            }
            return Reply{
                204, "", dated(std::chrono::floor<std::chrono::seconds>(rig.clock.wall_now())), {}};
        }
        return std::nullopt;
    };

    (void)rig.run(EngineMode::forever);

    CHECK(rig.times_of("Leads/7").size() == 2); // Gone, and still gone after the overlap.
}
