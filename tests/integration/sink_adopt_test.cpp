#include "daemon/core/zoho_field.hpp"
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

namespace zohosyncd::tests {
namespace {

/// A target in which somebody made the table of leads.
template <class Target> struct Made {
    explicit Made(const std::string& columns, const std::string& rows = {}) {
        if (Target::is_postgres) {
            target.run("CREATE SCHEMA zoho_crm");
        }
        target.run("CREATE TABLE " + table + " (" + columns + ")");
        if (!rows.empty()) {
            target.run("INSERT INTO " + table + " (id, last_name, modified_time) VALUES " + rows);
        }
        sink->migrate();
    }

    PreparedStream prepare() { return sink->prepare(key, leads(), ColumnCasing::snake); }

    StreamState state() { return sink->state(key).value(); }

    /// As a run that ends at `time` stores it.
    void complete(const PreparedStream& stream, std::chrono::sys_seconds time) {
        auto checkpoint = checkpoint_of(stream);
        checkpoint.consistent_as_of = time;
        checkpoint.finished = RunSummary{};
        const Batch none(leads().columns.size());
        sink->write(key, stream.schema, {&none, nullptr}, checkpoint);
    }

    Target target;
    std::string table = Target::table("leads");
    std::unique_ptr<Sink> sink = target.sink();
    StreamKey key = key_of(leads());
};

const std::string all_columns =
    "id bigint, last_name text, modified_time text, amount numeric, active boolean, owner text, "
    "seats bigint, born date";

} // namespace

TEST_CASE_TEMPLATE("a table with rows is taken over with its mark, and not called fresh",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    // The greatest text is not the latest time.
    Made<Target> made(
        all_columns,
        "(1, 'a', '2026-11-23T12:00:03+02:00'), (2, 'b', '2026-11-23 10:00:05+00:00'),"
        " (3, 'c', NULL), (4, 'd', 'zzz'), (5, 'e', '2026-02-30T10:00:00Z')"
        ", (6, 'f', 'infinity')");
    const auto stream = made.prepare();

    CHECK(stream.state.high_water_mark == at(5));
    CHECK(stream.state.mapping_hash == mapping_hash(leads()));
    CHECK(stream.state.unverified);
    CHECK(needs_verification(stream.state));

    made.complete(stream, at(60));
    CHECK_FALSE(made.state().consistent_as_of.has_value());
    CHECK(made.state().unverified_as_of == at(60));

    made.sink->record_verification(made.key, {at(70), 0, 0, 0});
    CHECK(made.state().unverified);
    made.sink->record_verification(made.key, {at(70), 0, 0, 0, stream.state.generation + 1});
    CHECK(made.state().unverified);
    made.sink->record_verification(made.key, {at(70), 0, 0, 0, stream.state.generation});
    CHECK_FALSE(made.state().unverified);
    CHECK(made.state().consistent_as_of == at(60));
    CHECK_FALSE(made.state().unverified_as_of.has_value());

    made.complete(stream, at(80));
    CHECK(made.state().consistent_as_of == at(80));
}

TEST_CASE_TEMPLATE("a reset leaves a table that was taken over in doubt",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Made<Target> made(all_columns, "(1, 'a', '2026-11-23T10:00:00Z')");
    made.complete(made.prepare(), at(60));

    made.sink->reset("ZOHO_CRM", "leads");

    CHECK(made.state().unverified);
    CHECK_FALSE(complete_as_of(made.state()).has_value());
    CHECK_FALSE(made.state().high_water_mark.has_value());
}

TEST_CASE_TEMPLATE("an empty table and one of ours leave nothing to doubt",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Made<Target> made(all_columns);
    CHECK_FALSE(made.prepare().state.unverified);
    Prepared<Target> ours;
    ours.write(leads_of({{1, 1, "Ada"}}));
    const auto again = ours.sink->prepare(ours.key, leads(), ColumnCasing::snake);
    CHECK_FALSE(again.state.unverified);

    // Another table under its name is taken over, but its rows are no continuation.
    ours.target.run("CREATE TABLE other AS SELECT * FROM " + Target::table("leads") +
                    "; DROP TABLE " + Target::table("leads") + "; CREATE TABLE " +
                    Target::table("leads") + " AS SELECT * FROM other");
    const auto replaced = ours.sink->prepare(ours.key, leads(), ColumnCasing::snake);
    CHECK(replaced.state.unverified);
    CHECK_FALSE(replaced.state.high_water_mark.has_value());
    CHECK(replaced.state.mapping_hash.empty());
}

TEST_CASE_TEMPLATE("columns that are lacking make the rows be read again",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Made<Target> made("id bigint, last_name text, modified_time text",
                      "(1, 'a', '2026-11-23T10:00:03Z')");
    const auto stream = made.prepare();
    CHECK(stream.state.high_water_mark == at(3));
    CHECK(stream.state.mapping_hash.empty());
    CHECK(stream.state.unverified);
}

TEST_CASE_TEMPLATE("versions kept as texts are compared as the instants that they name",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Made<Target> made(
        all_columns,
        "(1, 'old', '2026-11-23T12:00:03+02:00'), (2, 'new', "
        "'2026-11-23T04:00:30-06:00'), (3, 'odd', 'yesterday'), (NULL, 'none', NULL)");
    const auto stream = made.prepare();
    const std::vector<std::int64_t> ids{1, 2, 3};
    const auto rows = made.sink->live_rows(stream.schema, ids);
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].version == at(3));
    CHECK(rows[1].version == at(30));
    CHECK_FALSE(rows[2].version.has_value());
    CHECK(made.sink->live_rows_after(stream.schema, std::nullopt, at(0), 10).size() == 3);

    const auto page = leads_of({{1, 10, "newer"}, {2, 10, "older"}, {3, 10, "any"}});
    CHECK(text_of(made.sink->write(
              made.key, stream.schema, {&page, nullptr}, checkpoint_of(stream))) == "0/2/1/0");
    const auto name_of = [&](int id) {
        return made.target.value("SELECT last_name FROM " + made.table +
                                 " WHERE id = " + std::to_string(id));
    };
    CHECK(name_of(1) == "newer");
    CHECK(name_of(2) == "new");
    CHECK(name_of(3) == "any");
}

TEST_CASE_TEMPLATE("ids kept as texts are Zoho's when a bigint holds them",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Made<Target> made(
        "id text, last_name text, modified_time text",
        "('4876876040000010097', 'a', '2026-11-23T10:00:01Z'), ('9223372036854775808', "
        "'b', NULL), ('x7', 'c', NULL), (NULL, 'd', NULL), ('', 'e', NULL), ('12', 'f', "
        "NULL)");
    const auto stream = made.prepare();
    const std::vector<std::int64_t> ids{4876876040000010097, 12};

    CHECK(made.sink->live_rows(stream.schema, ids).size() == 2);
    const auto rows = made.sink->live_rows_after(stream.schema, std::nullopt, at(0), 10);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].id == 4876876040000010097);
    CHECK(rows[1].id == 12);
}

TEST_CASE_TEMPLATE("the cure for ids that are held twice keeps the newest row of each",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Made<Target> made(all_columns,
                      "(1, 'old', '2026-11-23T10:00:00Z'), (1, 'new', '2026-11-23T10:00:09Z'), "
                      "(1, 'none', NULL), (2, 'one', NULL), (NULL, 'x', NULL), (NULL, 'y', NULL)");
    std::string message;
    try {
        made.prepare();
    } catch (const SyncError& error) {
        CHECK(error.kind() == ErrorKind::schema_conflict);
        message = error.what();
    }
    const auto begin = message.find("run: ");
    REQUIRE(begin != std::string::npos);
    made.target.run(message.substr(begin + 5));

    CHECK(made.target.value("SELECT last_name FROM " + made.table + " WHERE id = 1") == "new");
    CHECK(made.target.value("SELECT count(*) FROM " + made.table) == "4");
    CHECK(made.prepare().state.high_water_mark == at(9));
}

TEST_CASE("PostgreSQL: infinity is no mark") {
    Made<PostgresTarget> made("id bigint, last_name text, modified_time timestamp, amount numeric, "
                              "active boolean, owner json, seats bigint, born date",
                              "(1, 'a', 'infinity'), (2, 'b', '2026-11-23 10:00:07.5')");
    CHECK(made.prepare().state.high_water_mark == at(7));
}

TEST_CASE("PostgreSQL: without rights to a table the stream is blocked with what to run") {
    Made<PostgresTarget> made(all_columns, "(1, 'a', '2026-11-23T10:00:00Z')");
    const std::string role = "adopter_" + made.target.value("SELECT current_database()");
    made.target.run("CREATE ROLE " + role + "; GRANT CREATE ON DATABASE " +
                    made.target.value("SELECT current_database()") + " TO " + role +
                    "; GRANT ALL ON SCHEMA zohosync TO " + role +
                    "; GRANT ALL ON ALL TABLES IN SCHEMA zohosync TO " + role);
    made.target.run("ALTER DATABASE " + made.target.value("SELECT current_database()") +
                    " SET role = " + role);
    made.sink = made.target.sink();
    std::string message;
    try {
        made.prepare();
    } catch (const SyncError& error) {
        CHECK(error.kind() == ErrorKind::schema_conflict);
        message = error.what();
    }
    const std::string before = "superuser: ";
    const auto begin = message.find(before);
    REQUIRE(begin != std::string::npos);
    made.target.run("SET ROLE NONE; " + message.substr(begin + before.size()));

    CHECK(made.prepare().state.unverified);
    made.target.run("SET ROLE NONE; ALTER DATABASE " +
                    made.target.value("SELECT current_database()") + " RESET role");
    made.sink.reset();
    made.target.run("REASSIGN OWNED BY " + role + " TO CURRENT_USER; DROP OWNED BY " + role +
                    "; DROP ROLE " + role);
}

} // namespace zohosyncd::tests
