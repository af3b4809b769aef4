#include "sinks/postgres/statements_of_others.hpp"
#include "sinks/sqlite/statements_of_others.hpp"
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <thread>

namespace zohosyncd::tests {
namespace {

using namespace std::chrono_literals;

void run_on(const PostgresTarget& target,
            const std::string& sql,
            std::chrono::milliseconds longest = 1min,
            const std::stop_token& stop = {}) {
    PostgresOptions options;
    options.conninfo = target.conninfo();
    postgres::run_statements(options, sql, longest, stop);
}

void run_on(const SqliteTarget& target,
            const std::string& sql,
            std::chrono::milliseconds longest = 1min,
            const std::stop_token& stop = {}) {
    SqliteOptions options;
    options.path = target.path();
    sqlite::run_statements(options, sql, longest, stop);
}

std::string endless(const PostgresTarget&) {
    return "SELECT pg_sleep(600)";
}

std::string endless(const SqliteTarget&) {
    return "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
}

template <class Work> std::string message_of(Work work) {
    try {
        work();
    } catch (const SyncError& error) {
        return error.what();
    }
    return {};
}

} // namespace

TEST_CASE_TEMPLATE("statements of a user run one after the other, and are committed",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    const Target target;

    run_on(target,
           "CREATE TABLE seen (word text); INSERT INTO seen VALUES ('a'); SELECT * FROM seen; "
           "INSERT INTO seen VALUES ('b');");

    CHECK(target.value("SELECT count(*) FROM seen") == "2");
}

TEST_CASE_TEMPLATE("a statement of a user ends when its time is over, and on stop",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    const Target target;
    std::stop_source stop;

    CHECK(message_of([&] { run_on(target, endless(target), 300ms); }) != "");
    const std::jthread stopper([&stop] {
        std::this_thread::sleep_for(300ms);
        stop.request_stop();
    });
    CHECK(message_of([&] { run_on(target, endless(target), 10min, stop.get_token()); }) != "");
}

TEST_CASE("PostgreSQL: a statement that fails takes back those before it, and quotes no value") {
    const PostgresTarget target;
    target.run("CREATE TABLE seen (word text PRIMARY KEY)");

    const auto message = message_of([&] {
        run_on(target, "INSERT INTO seen VALUES ('Ada'); INSERT INTO seen VALUES ('Ada')");
    });

    CHECK(message == "unique_violation (23505)");
    CHECK(target.value("SELECT count(*) FROM seen") == "0");
    CHECK(message_of([&] { run_on(target, "SELECT * FROM nowhere"); }) ==
          "relation \"nowhere\" does not exist (42P01)");
    CHECK(message_of([&] { run_on(target, "COPY seen TO STDOUT"); }) ==
          "COPY from or to the client is not supported");
}

TEST_CASE("PostgreSQL: what can not stand in a transaction can be run alone") {
    const PostgresTarget target;
    target.run("CREATE TABLE seen (word text)");

    CHECK(message_of([&] { run_on(target, "VACUUM seen"); }) == "");
    CHECK(message_of([&] { run_on(target, "CREATE INDEX CONCURRENTLY i ON seen (word)"); }) == "");
}

} // namespace zohosyncd::tests
