#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace zohosyncd::tests {

TEST_CASE_TEMPLATE("preparing again changes nothing", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    CHECK(p.stream.created_table);
    CHECK(p.stream.schema.columns[1].name == "last_name");
    // The newest transaction that wrote to the catalogue or to the state: none of other databases.
    const std::string last_write =
        "SELECT max(xmin::text::bigint) FROM (SELECT xmin FROM pg_class UNION ALL"
        " SELECT xmin FROM pg_attribute UNION ALL SELECT xmin FROM zohosync.sync_state) AS rows";
    if constexpr (Target::is_postgres) {
        const auto before = p.target.value(last_write);
        p.sink->prepare(p.key, leads(), ColumnCasing::snake);
        CHECK(p.target.value(last_write) == before);
    }
    const auto again = p.sink->prepare(p.key, leads(), ColumnCasing::snake);

    CHECK_FALSE(again.created_table);
    CHECK_FALSE(again.added_columns_to_existing_rows);
    CHECK(again.state.generation == p.stream.state.generation);
}

TEST_CASE_TEMPLATE("a new field becomes a new column, and its filling is asked for",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto wider = leads();
    wider.columns.push_back(wider.columns[1]);
    wider.columns.back().api_name = "City";
    CHECK_FALSE(p.sink->prepare(p.key, wider, ColumnCasing::snake).added_columns_to_existing_rows);
    p.write(leads_of({{1, 1, "Ada"}}));

    wider.columns.push_back(wider.columns[1]);
    wider.columns.back().api_name = "Street";
    const auto stream = p.sink->prepare(p.key, wider, ColumnCasing::snake);

    CHECK(stream.added_columns_to_existing_rows);
    CHECK(stream.schema.columns.back().name == "street");
    CHECK(p.name_of(1) == "Ada");
    CHECK(p.count("street IS NULL") == "1");
}

TEST_CASE_TEMPLATE("a name once given stays", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto colliding = leads();
    colliding.columns.push_back(colliding.columns[1]);
    colliding.columns.back().api_name = "LAST_NAME";

    auto stream = p.sink->prepare(p.key, colliding, ColumnCasing::snake);
    const auto given = stream.schema.columns.back().name;
    CHECK(stream.schema.columns[1].name == "last_name");
    CHECK(given.starts_with("last_name_"));

    std::reverse(colliding.columns.begin() + 3, colliding.columns.end());
    stream = p.sink->prepare(p.key, colliding, ColumnCasing::upper);
    CHECK(stream.schema.columns[3].name == given);

    // A field that goes keeps its column, and its name when it comes back.
    p.sink->prepare(p.key, leads(), ColumnCasing::snake);
    CHECK(p.target.value("SELECT count(*) FROM " + Target::state("columns") +
                         " WHERE retired_at IS NOT NULL") == "1");
    CHECK(p.sink->prepare(p.key, colliding, ColumnCasing::snake).schema.columns[3].name == given);
    CHECK(p.target.value("SELECT count(*) FROM " + Target::state("columns") +
                         " WHERE retired_at IS NOT NULL") == "0");
}

TEST_CASE_TEMPLATE("hostile names create harmless columns", Target, ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    auto sink = target.sink();
    sink->migrate();
    auto schema = leads();
    const std::string names[] = {"Leads; drop table x--",
                                 "c'; drop schema zoho cascade; --",
                                 "a\"b",
                                 "xmin",
                                 "_synced_at",
                                 "select",
                                 "Größe"};
    for (const auto& name : names) {
        schema.columns.push_back(schema.columns[1]);
        schema.columns.back().api_name = name;
        schema.columns.back().label = name + "'; --";
    }

    const auto stream = sink->prepare(key_of(schema), schema, ColumnCasing::source);
    Batch batch(schema.columns.size());
    add_lead(batch, 1, 1, "Ada", {{}, {}, {}, {}, {}, "1", "2", "3", "4", "5", "6", "7"});

    CHECK(text_of(sink->write(
              stream.state.key, stream.schema, {&batch, nullptr}, checkpoint_of(stream))) ==
          "1/0/0/0");
    CHECK(text_of(sink->write(
              stream.state.key, stream.schema, {&batch, nullptr}, checkpoint_of(stream))) ==
          "0/0/1/0");
}

TEST_CASE_TEMPLATE("a table made by hand is adopted with its names",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    target.run(std::string(Target::is_postgres ? "CREATE SCHEMA zoho_crm;" : "") + "CREATE TABLE " +
               Target::table("leads") + " (\"ID\" bigint, \"Last_Name\" text, modified_time " +
               (Target::is_postgres ? "timestamptz" : "text") + ", own text); INSERT INTO " +
               Target::table("leads") + " VALUES (7, 'Old', '2026-11-23T10:00:05Z', 'mine')");
    auto sink = target.sink();
    sink->migrate();

    const auto stream = sink->prepare(key_of(leads()), leads(), ColumnCasing::snake);
    CHECK_FALSE(stream.created_table);
    CHECK(stream.added_columns_to_existing_rows);
    CHECK(stream.schema.columns[0].name == "ID");
    CHECK(stream.schema.columns[1].name == "Last_Name");
    CHECK(stream.state.high_water_mark == at(5));
    CHECK_FALSE(stream.state.consistent_as_of.has_value());

    const auto page = leads_of({{7, 6, "New"}, {8, 6, "Fresh"}});
    CHECK(text_of(sink->write(
              stream.state.key, stream.schema, {&page, nullptr}, checkpoint_of(stream))) ==
          "1/1/0/0");
    CHECK(target.value("SELECT own FROM " + Target::table("leads") +
                       " WHERE \"Last_Name\" = 'New'") == "mine");
}

TEST_CASE_TEMPLATE("a table that holds an id twice blocks the stream and names the cure",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    target.run(std::string(Target::is_postgres ? "CREATE SCHEMA zoho_crm;" : "") + "CREATE TABLE " +
               Target::table("leads") + " (id bigint, last_name text); INSERT INTO " +
               Target::table("leads") + " VALUES (7, 'a'), (7, 'b')");
    auto sink = target.sink();
    sink->migrate();
    std::string message;

    for (int attempt = 0; attempt < 2; ++attempt) {
        try {
            sink->prepare(key_of(leads()), leads(), ColumnCasing::snake);
        } catch (const SyncError& error) {
            CHECK(error.kind() == ErrorKind::schema_conflict);
            message = error.what();
        }
    }
    const auto begin = message.find("DELETE FROM");
    REQUIRE(begin != std::string::npos);
    target.run(message.substr(begin));

    CHECK(sink->prepare(key_of(leads()), leads(), ColumnCasing::snake).state.status ==
          StreamStatus::never);
    CHECK(target.value("SELECT count(*) FROM " + Target::table("leads")) == "1");
}

TEST_CASE_TEMPLATE("a column that Zoho can not fill blocks the stream",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    target.run(std::string(Target::is_postgres ? "CREATE SCHEMA zoho_crm;" : "") + "CREATE TABLE " +
               Target::table("leads") + " (id bigint PRIMARY KEY, must text NOT NULL)");
    auto sink = target.sink();
    sink->migrate();

    CHECK(kind_thrown_by([&] { sink->prepare(key_of(leads()), leads(), ColumnCasing::snake); }) ==
          "schema_conflict");
}

} // namespace zohosyncd::tests
