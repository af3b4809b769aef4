// What becomes of a table when the fields of its module change.
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

namespace zohosyncd::tests {
namespace {

StreamSchema with(std::size_t index, const std::string& api_name) {
    auto schema = leads();
    schema.columns[index].api_name = api_name;
    schema.columns[index].label = "The " + api_name;
    return schema;
}

template <class Target> std::string columns_where(Target& target, const std::string& where) {
    return target.value("SELECT count(*) FROM " + Target::state("columns") + " WHERE " + where);
}

/// As after a complete run, with a scan under way.
template <class Target> void complete(Prepared<Target>& p) {
    auto checkpoint = checkpoint_of(p.stream);
    checkpoint.mapping_hash = "complete";
    checkpoint.scan = R"({"start": "2026-11-23T10:00:00Z", "mapping": "complete"})";
    const Batch none(leads().columns.size());
    p.sink->write(p.key, p.stream.schema, {&none, nullptr}, checkpoint);
}

} // namespace

TEST_CASE_TEMPLATE("a field under another name keeps its column, which is renamed",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 1, "Ada"}}));
    complete(p);
    p.target.run("CREATE VIEW " + Target::table("people") + " AS SELECT id, last_name FROM " +
                 Target::table("leads"));

    auto stream = p.sink->prepare(p.key, with(1, "Surname"), ColumnCasing::snake);

    CHECK(stream.schema.columns[1].name == "surname");
    CHECK(stream.state.mapping_hash == "complete");
    CHECK(p.target.value("SELECT surname FROM " + Target::table("leads")) == "Ada");
    CHECK(p.target.value("SELECT count(*) FROM " + Target::table("people")) == "1");
    CHECK(columns_where(p.target, "api_name = 'Surname' AND retired_at IS NULL") == "1");
    CHECK(columns_where(p.target, "api_name = 'Last_Name'") == "0");
    if constexpr (Target::is_postgres) {
        CHECK(p.target.value("SELECT col_description('zoho_crm.leads'::regclass, 2)") ==
              "Surname (The Surname)");
    }

    // Only the case is another: a name that stays is no rename.
    p.stream = p.sink->prepare(p.key, with(1, "SURNAME"), ColumnCasing::snake);
    CHECK(p.stream.schema.columns[1].name == "surname");
    CHECK(text_of(p.write(leads_of({}))) == "0/0/0/0");
}

TEST_CASE_TEMPLATE("fields that swap their names swap those of their columns",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto schema = leads();
    schema.columns.push_back(schema.columns[1]);
    schema.columns.back().api_name = "City";
    schema.columns.back().field_id = "f-City";
    auto stream = p.sink->prepare(p.key, schema, ColumnCasing::snake);
    Batch batch(schema.columns.size());
    add_lead(batch, 1, 1, "Ada", {{}, {}, {}, {}, {}, "London"});
    p.sink->write(p.key, stream.schema, {&batch, nullptr}, checkpoint_of(stream));

    std::swap(schema.columns[1].api_name, schema.columns.back().api_name);
    stream = p.sink->prepare(p.key, schema, ColumnCasing::snake);

    CHECK(stream.schema.columns[1].name == "city");
    CHECK(stream.schema.columns.back().name == "last_name");
    CHECK(p.target.value("SELECT city || ' ' || last_name FROM " + Target::table("leads")) ==
          "Ada London");
    CHECK(columns_where(p.target, "column_name LIKE '%renamed%'") == "0");
}

TEST_CASE_TEMPLATE("a name that a renamed field left goes to the next field that has it",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 1, "Ada"}}));
    auto schema = with(1, "Surname");
    schema.columns.push_back(leads().columns[1]);
    schema.columns.back().field_id = "f-another";

    const auto stream = p.sink->prepare(p.key, schema, ColumnCasing::snake);

    CHECK(stream.schema.columns[1].name == "surname");
    CHECK(stream.schema.columns.back().name == "last_name");
    CHECK(stream.added_columns_to_existing_rows);
    CHECK(p.target.value("SELECT surname FROM " + Target::table("leads") +
                         " WHERE last_name IS NULL") == "Ada");
}

TEST_CASE_TEMPLATE("a field does not get the name of one that is retired",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto schema = leads();
    schema.columns.push_back(schema.columns[1]);
    schema.columns.back().api_name = "Surname";
    schema.columns.back().field_id = "f-Surname";
    p.sink->prepare(p.key, schema, ColumnCasing::snake);
    p.sink->prepare(p.key, leads(), ColumnCasing::snake);

    const auto stream = p.sink->prepare(p.key, with(1, "Surname"), ColumnCasing::snake);

    CHECK(stream.schema.columns[1].name.starts_with("surname_"));
    CHECK(columns_where(p.target, "api_name = 'Surname'") == "2");
    CHECK(columns_where(p.target, "retired_at IS NOT NULL AND column_name = 'surname'") == "1");
}

TEST_CASE_TEMPLATE("a field that is made anew under its name goes on with its column",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto schema = leads();
    schema.columns[1].field_id = "f-another";

    const auto stream = p.sink->prepare(p.key, schema, ColumnCasing::snake);

    CHECK(stream.schema.columns[1].name == "last_name");
    CHECK_FALSE(stream.added_columns_to_existing_rows);
    CHECK(columns_where(p.target, "field_id = 'f-another'") == "1");
}

TEST_CASE_TEMPLATE("a type that a column can not take gives a twin, and is taken up again",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    Batch batch(leads().columns.size());
    add_lead(batch, 1, 1, "Ada", {"1.5", "true", "{}", "7", "2026-02-28"});
    p.write(batch);
    complete(p);
    if constexpr (Target::is_postgres) { // SQLite can not change a type at all.
        p.target.run("CREATE VIEW zoho_crm.report AS SELECT seats FROM zoho_crm.leads");
    }
    auto changed = leads();
    changed.columns[6].type = ColumnType::text;
    changed.columns[6].data_type = "text";

    auto stream = p.sink->prepare(p.key, changed, ColumnCasing::snake);

    CHECK(stream.schema.columns[6].name == "seats_text");
    // The rows so far lack its values, and no scan has brought them.
    CHECK(stream.state.mapping_hash == "mixed");
    CHECK(stream.state.scan.find("complete") == std::string::npos);
    CHECK(p.target.value("SELECT seats FROM " + Target::table("leads") +
                         " WHERE seats_text IS NULL") == "7");
    CHECK(columns_where(p.target, "column_name = 'seats' AND retired_at IS NOT NULL") == "1");
    Batch next(leads().columns.size());
    add_lead(next, 1, 2, "Ada", {"1.5", "true", "{}", "007", "2026-02-28"});
    p.sink->write(p.key, stream.schema, {&next, nullptr}, checkpoint_of(stream));
    CHECK(p.target.value("SELECT seats || ' ' || seats_text FROM " + Target::table("leads")) ==
          "7 007");

    p.stream = p.sink->prepare(p.key, leads(), ColumnCasing::snake);
    CHECK(p.stream.schema.columns[6].name == "seats");
    CHECK(p.stream.state.mapping_hash == "mixed");
    stream = p.sink->prepare(p.key, changed, ColumnCasing::snake);
    CHECK(stream.schema.columns[6].name == "seats_text");
    CHECK(p.sink->prepare(p.key, changed, ColumnCasing::snake).schema.columns[6].name ==
          "seats_text");

    // Under another name the twin goes along; the column that it left stays as it is.
    changed.columns[6].api_name = "Chairs";
    stream = p.sink->prepare(p.key, changed, ColumnCasing::snake);
    CHECK(stream.schema.columns[6].name == "chairs");
    CHECK(p.target.value("SELECT seats || ' ' || chairs FROM " + Target::table("leads")) ==
          "7 007");
}

TEST_CASE_TEMPLATE("what a table was taken over with is followed, and what it became is not lost",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    const std::string whole = Target::is_postgres ? "int" : "INT";
    target.run(std::string(Target::is_postgres ? "CREATE SCHEMA zoho_crm;" : "") + "CREATE TABLE " +
               Target::table("leads") + " (id bigint PRIMARY KEY, last_name varchar(40), seats " +
               whole + ")");
    auto sink = target.sink();
    sink->migrate();
    const auto key = key_of(leads());
    CHECK(sink->prepare(key, leads(), ColumnCasing::snake).schema.columns[6].name == "seats");

    auto changed = leads();
    changed.columns[6].type = ColumnType::json;
    const auto stream = sink->prepare(key, changed, ColumnCasing::snake);

    CHECK(stream.schema.columns[6].name == "seats_json");
    CHECK(stream.schema.columns[1].name == "last_name");
}

TEST_CASE_TEMPLATE("a column that was dropped by hand is made and filled again",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 1, "Ada"}}));
    complete(p);
    p.target.run("ALTER TABLE " + Target::table("leads") + " DROP COLUMN born");

    const auto stream = p.sink->prepare(p.key, leads(), ColumnCasing::snake);

    CHECK(stream.schema.columns[7].name == "born");
    CHECK(stream.state.mapping_hash == "mixed");
}

TEST_CASE_TEMPLATE("names do not depend on the order of the fields",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    const auto names_of = [](bool is_reversed) {
        Prepared<Target> p;
        p.sink->prepare(p.key, with(1, "Surname"), ColumnCasing::snake);
        auto schema = leads();
        for (const auto* name : {"SURNAME", "surname", "Sur_Name", "Sur-Name", "Seats_text"}) {
            schema.columns.push_back(leads().columns[1]);
            schema.columns.back().api_name = name;
            schema.columns.back().field_id = std::string("g-") + name;
        }
        if (is_reversed) {
            std::reverse(schema.columns.begin() + 3, schema.columns.end());
        }
        std::map<std::string, std::string> names;
        const auto stream = p.sink->prepare(p.key, schema, ColumnCasing::snake);
        for (const auto& column : stream.schema.columns) {
            names.emplace(column.api_name, column.name);
        }
        return names;
    };

    CHECK(names_of(false) == names_of(true));
}

TEST_CASE("PostgreSQL: a big table is not written anew for a wider type") {
    Prepared<PostgresTarget> p;
    p.target.run("ALTER TABLE zoho_crm.leads ALTER COLUMN last_name SET STORAGE EXTERNAL;"
                 "INSERT INTO zoho_crm.leads (id, last_name, seats)"
                 " SELECT n, repeat('x', 1000000), 7 FROM generate_series(1, 70) AS n");
    auto changed = leads();
    changed.columns[6].type = ColumnType::numeric;

    const auto stream = p.sink->prepare(p.key, changed, ColumnCasing::snake);

    CHECK(stream.schema.columns[6].name == "seats_numeric");
}

} // namespace zohosyncd::tests
