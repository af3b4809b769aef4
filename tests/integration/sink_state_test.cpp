#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace zohosyncd::tests {

TEST_CASE_TEMPLATE("several processes may migrate at once, and a second time does nothing",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    std::atomic<int> applied{0};
    {
        std::vector<std::jthread> starters;
        for (int i = 0; i < 4; ++i) {
            starters.emplace_back([&] { applied += target.sink()->migrate(); });
        }
    }

    CHECK(std::to_string(applied) ==
          target.value("SELECT count(*) FROM " + Target::state("schema_migrations")));
    CHECK(target.sink()->migrate() == 0);
    CHECK(target.value("SELECT count(*) FROM " + Target::state("status")) == "0");
}

TEST_CASE_TEMPLATE("a newer state schema than ours is refused", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.target.run("INSERT INTO " + Target::state("schema_migrations") +
                 " VALUES (9999, 'from the future', '2030-01-01T00:00:00Z')");

    CHECK(kind_thrown_by([&] { p.sink->migrate(); }) == "sink_refused");
}

TEST_CASE_TEMPLATE("the state comes back as it was stored", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    CHECK(p.stream.created_table);
    CHECK(p.stream.state.status == StreamStatus::never);
    auto checkpoint = checkpoint_of(p.stream);
    checkpoint.anchor = at(-100);
    checkpoint.high_water_mark = at(1);
    checkpoint.deletes_mark = at(2);
    checkpoint.consistent_as_of = at(3);
    checkpoint.scan = R"({"page": 3})";
    checkpoint.mapping_hash = "abc";
    const auto page = leads_of({{1, 1, "Ada"}});
    p.sink->write(p.key, p.stream.schema, {&page, nullptr}, checkpoint);

    auto state = p.sink->state(p.key).value();
    CHECK(state.org == "org1");
    CHECK(state.mode == "incremental");
    CHECK(state.anchor == at(-100));
    CHECK(state.high_water_mark == at(1));
    CHECK(state.deletes_mark == at(2));
    CHECK(state.consistent_as_of == at(3));
    CHECK(state.scan == R"({"page": 3})");
    CHECK(state.mapping_hash == "abc");
    CHECK(state.status == StreamStatus::never);
    CHECK(state.rows_upserted == 1);

    checkpoint.scan.clear();
    checkpoint.high_water_mark.reset();
    checkpoint.finished = RunSummary{};
    p.sink->write(p.key, p.stream.schema, {&page, nullptr}, checkpoint);

    state = p.sink->states("ZOHO_CRM").at(0);
    CHECK(state.key == p.key);
    CHECK(state.scan.empty());
    CHECK(state.high_water_mark == at(1));
    CHECK(state.status == StreamStatus::ok);
    CHECK(state.last_success_at.has_value());
    CHECK(state.rows_unchanged == 1);
    CHECK(p.sink->states("OTHER").empty());
    CHECK(p.sink->states("").size() == 1);
    CHECK(p.target.value("SELECT rows_inserted FROM " + Target::state("sync_runs")) == "1");
}

TEST_CASE_TEMPLATE("a run that did nothing leaves no row in sync_runs",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto checkpoint = checkpoint_of(p.stream);
    checkpoint.finished = RunSummary{1, 1, 0, std::chrono::milliseconds(5)};

    p.sink->write(p.key, p.stream.schema, {}, checkpoint);

    CHECK(p.target.value("SELECT count(*) FROM " + Target::state("sync_runs")) == "0");
    CHECK(p.sink->state(p.key)->status == StreamStatus::ok);
}

TEST_CASE_TEMPLATE("a failure is recorded without moving a mark", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto checkpoint = checkpoint_of(p.stream);
    checkpoint.high_water_mark = at(1);
    p.sink->write(p.key, p.stream.schema, {}, checkpoint);

    p.sink->record_failure(p.key, StreamStatus::backoff, "HTTP 503");
    p.sink->record_failure(p.key, StreamStatus::denied, "NO_PERMISSION");

    const auto state = p.sink->state(p.key).value();
    CHECK(state.status == StreamStatus::denied);
    CHECK(state.last_error == "NO_PERMISSION");
    CHECK(state.consecutive_failures == 2);
    CHECK(state.high_water_mark == at(1));

    auto unprepared = p.key;
    unprepared.stream = "deals";
    p.sink->record_failure(unprepared, StreamStatus::blocked, "view in the way");
    CHECK(p.sink->state(unprepared)->status == StreamStatus::blocked);
}

TEST_CASE_TEMPLATE("a reset in the middle of a run keeps the run from storing marks",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto checkpoint = checkpoint_of(p.stream);
    checkpoint.anchor = at(-9);
    checkpoint.high_water_mark = at(1);
    p.sink->write(p.key, p.stream.schema, {}, checkpoint);

    CHECK(p.sink->reset("ZOHO_CRM", "leads") == 1);
    CHECK(p.sink->reset("ZOHO_CRM", "nothing") == 0);
    checkpoint.scan = "{}";
    checkpoint.finished = RunSummary{};
    const auto page = leads_of({{1, 1, "Ada"}});
    p.sink->write(p.key, p.stream.schema, {&page, nullptr}, checkpoint);

    const auto state = p.sink->state(p.key).value();
    CHECK(state.generation == checkpoint.generation + 1);
    CHECK_FALSE(state.high_water_mark.has_value());
    CHECK(state.scan.empty());
    CHECK(state.anchor == at(-9));
    CHECK(state.rows_upserted == 1);
    CHECK(p.count() == "1");
}

TEST_CASE_TEMPLATE("a recreated table is a new stream", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto checkpoint = checkpoint_of(p.stream);
    checkpoint.high_water_mark = at(1);
    checkpoint.consistent_as_of = at(2);
    p.sink->write(p.key, p.stream.schema, {}, checkpoint);
    p.target.run("DROP TABLE " + Target::table("leads"));

    CHECK(kind_thrown_by([&] { p.write(leads_of({{1, 1, "Ada"}})); }) != "");
    p.target.run("CREATE TABLE " + Target::table("leads") + " (id bigint PRIMARY KEY)");
    CHECK(kind_thrown_by([&] { p.sink->write(p.key, p.stream.schema, {}, checkpoint); }) ==
          "sink_refused");

    const auto again = p.sink->prepare(p.key, leads(), ColumnCasing::snake);
    CHECK_FALSE(again.created_table);
    CHECK_FALSE(again.state.high_water_mark.has_value());
    CHECK_FALSE(again.state.consistent_as_of.has_value());
    CHECK(again.state.generation > p.stream.state.generation);
    CHECK(p.sink->prepare(p.key, leads(), ColumnCasing::snake).state.generation ==
          again.state.generation);
}

TEST_CASE_TEMPLATE("who lost the lease can not write any more", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto other = p.target.sink();
    const auto mine = p.sink->try_acquire_lease("ZOHO_CRM", "host-a pid 1");
    REQUIRE(mine.acquired);
    p.sink->write_under_lease("ZOHO_CRM", mine.epoch);
    p.write(leads_of({{1, 1, "Ada"}}));

    const auto refused = other->try_acquire_lease("ZOHO_CRM", "host-b pid 2");
    CHECK_FALSE(refused.acquired);
    CHECK(refused.holder.starts_with("host-a pid 1 since 20"));
    CHECK(other->try_acquire_lease("OTHER", "host-b pid 2").acquired);

    // A heart that stopped beating, in a process that hangs.
    p.target.run("UPDATE " + Target::state("lease") + " SET beat_at = " +
                 (Target::is_postgres ? "now() - interval '9 s'" : "beat_at - 9"));
    const auto taken = other->try_acquire_lease("ZOHO_CRM", "host-b pid 2");
    if constexpr (!Target::is_postgres) {
        // The file's lock says that the process lives, and a long merge of its own may be what
        // holds its heart: a file has no half-open connections.
        CHECK_FALSE(taken.acquired);
        return;
    }
    REQUIRE(taken.acquired);
    CHECK(taken.epoch > mine.epoch);

    CHECK(kind_thrown_by([&] { p.write(leads_of({{1, 2, "Late"}})); }) == "lease_lost");
    CHECK(kind_thrown_by([&] { p.remove({{1, at(3)}}); }) == "lease_lost");
    CHECK(kind_thrown_by([&] { p.sink->heartbeat("ZOHO_CRM", mine.epoch); }) == "lease_lost");
    CHECK(p.name_of(1) == "Ada");
    CHECK(p.sink->reset("ZOHO_CRM", "leads") == 1);

    // The hanging process still has its lock, and that must not give it the lease back.
    CHECK_FALSE(p.sink->try_acquire_lease("ZOHO_CRM", "host-a pid 1").acquired);
    other->heartbeat("ZOHO_CRM", taken.epoch);
    other->release_lease("ZOHO_CRM", taken.epoch);
    CHECK(p.sink->try_acquire_lease("ZOHO_CRM", "host-a pid 1").epoch > taken.epoch);
}

TEST_CASE_TEMPLATE("the lease of a dead session is free at once", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto dying = p.target.sink();
    const auto first = dying->try_acquire_lease("ZOHO_CRM", "host-a pid 1");
    REQUIRE(first.acquired);
    CHECK_FALSE(p.sink->try_acquire_lease("ZOHO_CRM", "host-b pid 2").acquired);

    dying.reset();

    Lease second;
    for (int attempt = 0; attempt < 100 && !second.acquired; ++attempt) {
        second = p.sink->try_acquire_lease("ZOHO_CRM", "host-b pid 2");
    }
    CHECK(second.acquired);
    CHECK(second.epoch == first.epoch + 1);
}

TEST_CASE_TEMPLATE("credits add up", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;

    CHECK(p.sink->spend_credits("ZOHO_CRM", 0) == 0);
    CHECK(p.sink->spend_credits("ZOHO_CRM", 3) == 3);
    CHECK(p.sink->spend_credits("ZOHO_CRM", 4) == 7);
    CHECK(p.sink->spend_credits("OTHER", 1) == 1);
    CHECK(p.sink->spend_credits("ZOHO_CRM", 0) == 7);
}

} // namespace zohosyncd::tests
