#include "sinks/postgres/postgres_sink.hpp"
#include "tests/integration/pg_server.hpp"
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

namespace zohosyncd::tests {
namespace {

const char* const kill_others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                "WHERE datname = current_database()"
                                " AND pid <> pg_backend_pid()";

const char* const others = "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                           "current_database() AND pid <> pg_backend_pid()";

/// Runs `work`, while another session kills all others as soon as `busy` tells that it is time.
template <class Work>
std::string kind_when_killed(const PostgresTarget& target, const std::string& busy, Work work) {
    const std::jthread killer([&] {
        for (int i = 0; i < 200 && target.value(busy) == "0"; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        target.run(kill_others);
    });
    return kind_thrown_by(work);
}

const char* const somebody_commits =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'COMMIT'"
    " AND state = 'active'";

} // namespace

TEST_CASE(
    "PostgreSQL: after a killed backend the next call works or says so, and the one after works") {
    Prepared<PostgresTarget> p;
    p.write(leads_of({{1, 1, "Ada"}}));
    p.target.run(kill_others);

    const auto kind = kind_thrown_by([&] { p.write(leads_of({{2, 1, "Grace"}})); });

    CHECK((kind.empty() || kind == "sink_down"));
    p.write(leads_of({{2, 1, "Grace"}}));
    CHECK(p.count() == "2");
}

TEST_CASE("PostgreSQL: a connection that ended between two calls costs neither of them") {
    Prepared<PostgresTarget> p;
    p.write(leads_of({{1, 1, "Ada"}}));
    p.target.run(kill_others);
    for (int i = 0; i < 200 && p.target.value(others) != "0"; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }

    CHECK(text_of(p.write(leads_of({{2, 1, "Grace"}}))) == "1/0/0/0");
}

TEST_CASE("PostgreSQL: a commit that was killed before it happened is told as such") {
    Prepared<PostgresTarget> p;
    p.target.run("CREATE FUNCTION zoho_crm.dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
                 "PERFORM pg_sleep(5); RETURN NULL; END';"
                 " CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON zoho_crm.leads DEFERRABLE "
                 "INITIALLY DEFERRED"
                 " FOR EACH ROW EXECUTE FUNCTION zoho_crm.dawdle()");

    const auto kind =
        kind_when_killed(p.target, somebody_commits, [&] { p.write(leads_of({{1, 1, "Ada"}})); });

    CHECK(kind == "sink_down");
    CHECK(p.count() == "0");
    CHECK(p.sink->state(p.key)->rows_upserted == 0);
}

TEST_CASE("PostgreSQL: a commit that happened although its reply was lost counts as done") {
    Prepared<PostgresTarget> p;
    if (!server_is_ours()) {
        return;
    }
    // COMMIT then waits, durable already, for a standby that does not exist.
    p.target.run("ALTER SYSTEM SET synchronous_standby_names = 'none_such'");
    p.target.run("SELECT pg_reload_conf()");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    WriteStats stats;

    const auto kind = kind_when_killed(
        p.target, somebody_commits, [&] { stats = p.write(leads_of({{1, 1, "Ada"}})); });

    p.target.run("ALTER SYSTEM RESET synchronous_standby_names");
    p.target.run("SELECT pg_reload_conf()");
    CHECK(kind == "");
    CHECK(text_of(stats) == "1/0/0/0");
    CHECK(p.count() == "1");
}

TEST_CASE("PostgreSQL: errors of the connection have the right kind") {
    struct Case {
        const char* name;
        const char* extra;
        const char* want;
    };

    const Case cases[] = {
        {"nobody listens", " port=1", "sink_down"},
        {"no such database", " dbname=none_such", "sink_refused"},
        {"no such user", " user=none_such", "sink_refused"},
    };
    const PostgresTarget target;
    if (target.conninfo().find("://") != std::string::npos) {
        return;
    }
    for (const auto& c : cases) {
        CAPTURE(c.name);
        PostgresOptions options;
        options.conninfo = target.conninfo() + c.extra;
        CHECK(kind_thrown_by([&] { make_postgres_sink(options)->migrate(); }) == c.want);
    }
    PostgresOptions garbled;
    garbled.conninfo = "password=secret nonsense";
    CHECK(kind_thrown_by([&] { make_postgres_sink(garbled); }) == "sink_refused");
}

TEST_CASE("PostgreSQL: a database that turned read-only is down, not refused") {
    Prepared<PostgresTarget> p;
    p.target.run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only "
                 "= on', current_database()); END $$");
    p.target.run(kill_others);

    kind_thrown_by([&] { p.write(leads_of({{1, 1, "Ada"}})); });
    CHECK(kind_thrown_by([&] { p.write(leads_of({{1, 1, "Ada"}})); }) == "sink_down");
    p.target.run("BEGIN READ WRITE; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET "
                 "default_transaction_read_only',"
                 " current_database()); END $$; COMMIT");
    CHECK(text_of(p.write(leads_of({{1, 1, "Ada"}}))) == "1/0/0/0");
}

TEST_CASE("PostgreSQL: a dropped schema and revoked rights are refusals") {
    Prepared<PostgresTarget> p;
    p.target.run("ALTER TABLE zoho_crm.leads RENAME TO elsewhere");
    CHECK(kind_thrown_by([&] { p.write(leads_of({{1, 1, "Ada"}})); }) == "sink_refused");
    p.target.run("ALTER TABLE zoho_crm.elsewhere RENAME TO leads");
    CHECK(text_of(p.write(leads_of({{1, 1, "Ada"}}))) == "1/0/0/0");

    p.target.run("DROP SCHEMA zoho_crm CASCADE");
    CHECK(kind_thrown_by([&] { p.write(leads_of({{1, 1, "Ada"}})); }) == "sink_refused");

    p.target.run("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = "
                 "'zohosyncd_nobody') THEN CREATE ROLE zohosyncd_nobody; END IF; END $$");
    PostgresOptions options;
    options.conninfo = p.target.conninfo();
    options.role = "zohosyncd_nobody";
    CHECK(kind_thrown_by([&] { make_postgres_sink(options)->states(""); }) == "sink_refused");
}

TEST_CASE("PostgreSQL: a deadlock and a lock that does not come are conflicts, and the same again "
          "passes") {
    Prepared<PostgresTarget> p;
    p.write(leads_of({{1, 1, "Ada"}, {2, 1, "Grace"}}));
    p.target.run("CREATE FUNCTION zoho_crm.refuse() RETURNS trigger LANGUAGE plpgsql AS"
                 " 'BEGIN RAISE EXCEPTION USING ERRCODE = TG_ARGV[0]; END'");
    for (const char* state : {"40P01", "40001", "55P03", "57014"}) {
        CAPTURE(state);
        p.target.run(std::string("CREATE TRIGGER refuse BEFORE UPDATE ON zoho_crm.leads FOR EACH "
                                 "ROW EXECUTE FUNCTION zoho_crm.refuse('") +
                     state + "')");
        CHECK(kind_thrown_by([&] { p.write(leads_of({{1, 2, "Changed"}})); }) == "sink_conflict");
        p.target.run("DROP TRIGGER refuse ON zoho_crm.leads");
    }
    p.target.run("CREATE TRIGGER refuse BEFORE UPDATE ON zoho_crm.leads FOR EACH ROW EXECUTE "
                 "FUNCTION zoho_crm.refuse('53100')");
    CHECK(kind_thrown_by([&] { p.write(leads_of({{1, 2, "Changed"}})); }) == "sink_full");
    p.target.run("DROP TRIGGER refuse ON zoho_crm.leads");
    CHECK(text_of(p.write(leads_of({{1, 2, "Changed"}}))) == "0/1/0/0");
}

TEST_CASE("PostgreSQL: a row that a trigger refuses is set aside") {
    Prepared<PostgresTarget> p;
    p.target.run("CREATE FUNCTION zoho_crm.refuse() RETURNS trigger LANGUAGE plpgsql AS"
                 " 'BEGIN IF NEW.id = 2 THEN RAISE EXCEPTION ''no''; END IF; RETURN NEW; END';"
                 " CREATE TRIGGER refuse BEFORE INSERT ON zoho_crm.leads FOR EACH ROW EXECUTE "
                 "FUNCTION zoho_crm.refuse()");

    CHECK(text_of(p.write(leads_of({{1, 1, "Ada"}, {2, 1, "Grace"}, {3, 1, "Edsger"}}))) ==
          "2/0/0/0");
    CHECK(p.target.value("SELECT reason FROM zohosync.quarantine WHERE id = 2") ==
          "record: P0001 raise_exception");
}

TEST_CASE("PostgreSQL: a takeover of the lease waits for a running commit, a heartbeat does not") {
    Prepared<PostgresTarget> p;
    auto keeper = p.target.sink();
    const auto mine = keeper->try_acquire_lease("ZOHO_CRM", "host-a pid 1");
    const auto writing = p.target.hold(
        "BEGIN; SELECT 1 FROM zohosync.lease WHERE connection = 'ZOHO_CRM' AND epoch = " +
        std::to_string(mine.epoch) + " FOR KEY SHARE");

    keeper->heartbeat("ZOHO_CRM", mine.epoch);
    p.target.run("UPDATE zohosync.lease SET beat_at = now() - interval '9 s'");

    CHECK_FALSE(p.sink->try_acquire_lease("ZOHO_CRM", "host-b pid 2").acquired);
}

TEST_CASE("PostgreSQL: an error never quotes a value") {
    PostgresTarget target;
    target.run("CREATE SCHEMA zoho_crm; CREATE TABLE zoho_crm.leads (id bigint PRIMARY KEY, "
               "last_name integer)");
    auto sink = target.sink();
    sink->migrate();
    const auto stream = sink->prepare(key_of(leads()), leads(), ColumnCasing::snake);
    Batch batch(leads().columns.size());
    for (int id = 1; id <= 60; ++id) {
        add_lead(batch, id, 1, "Confidential");
    }
    std::string message;

    try {
        sink->write(stream.state.key, stream.schema, {&batch, nullptr}, checkpoint_of(stream));
    } catch (const SyncError& error) {
        message = error.what();
    }

    CHECK(message.find("22P02") != std::string::npos);
    CHECK(message.find("Confidential") == std::string::npos);
}

} // namespace zohosyncd::tests
