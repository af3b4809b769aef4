#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

namespace zohosyncd::tests {

TEST_CASE_TEMPLATE("every text arrives as it was sent", Target, ZOHOSYNCD_ALL_TARGETS) {
    const std::string texts[] = {
        "",
        "NULL",
        "null",
        "{}",
        "a,b",
        R"(say "hello")",
        R"(back\slash \" \\ \n)",
        "line\nbreak\r\ttab",
        " leading and trailing ",
        "'; DROP TABLE leads; --",
        "Zoë 東京 \xF0\x9F\x98\x80",
        "$1 %s :name ?",
    };
    Prepared<Target> p;
    Batch batch(leads().columns.size());
    std::int64_t id = 0;
    for (const auto& text : texts) {
        add_lead(batch, ++id, 1, text);
    }
    add_lead(batch, ++id, 1, std::nullopt);

    p.write(batch);

    id = 0;
    for (const auto& text : texts) {
        CAPTURE(text);
        CHECK(p.name_of(++id) == text);
        CHECK(p.count("last_name IS NULL AND id = " + std::to_string(id)) == "0");
    }
    CHECK(p.count("last_name IS NULL") == "1");
    CHECK(text_of(p.write(batch)) == "0/0/13/0");
}

TEST_CASE_TEMPLATE("a huge text goes through", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    const std::string huge(std::size_t{5} << 20U, '"');
    Batch batch(leads().columns.size());
    add_lead(batch, 1, 1, huge);

    CHECK(text_of(p.write(batch)) == "1/0/0/0");
    CHECK(p.target.value("SELECT length(last_name) FROM " + Target::table("leads")) ==
          std::to_string(huge.size()));
    CHECK(text_of(p.write(batch)) == "0/0/1/0");
}

TEST_CASE_TEMPLATE("each type keeps its value", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    Batch batch(leads().columns.size());
    add_lead(
        batch,
        4'150'868'000'000'624'001,
        3600,
        "Ada",
        {"1234.5", "true", R"({"id": "7", "name": "O\"x"})", "9223372036854775807", "2026-02-28"});

    p.write(batch);

    const auto value = [&](const std::string& column) {
        return p.target.value("SELECT " + column + " FROM " + Target::table("leads"));
    };
    CHECK(value("id") == "4150868000000624001");
    CHECK(value("amount") == "1234.5");
    CHECK(value("seats") == "9223372036854775807");
    CHECK(value("born") == "2026-02-28");
    CHECK(value("active") == (Target::is_postgres ? "t" : "1"));
    CHECK(value("modified_time") ==
          (Target::is_postgres ? "2026-11-23 11:00:00+00" : "2026-11-23T11:00:00Z"));
    CHECK(value("owner ->> 'name'") == "O\"x");
}

TEST_CASE_TEMPLATE("numbers keep every digit", Target, ZOHOSYNCD_ALL_TARGETS) {
    const char* const numbers[] = {"0.1000000000000000055511151231257827",
                                   "12345678901234567.89",
                                   "18446744073709551616",
                                   "-99999999999999999999999999.000000001",
                                   "442988.47",
                                   "-7",
                                   "0"};
    for (const char* number : numbers) {
        CAPTURE(number);
        Prepared<Target> p;
        Batch batch(leads().columns.size());
        add_lead(batch, 1, 1, "Ada", {number});

        p.write(batch);

        CHECK(p.target.value("SELECT amount FROM " + Target::table("leads")) == number);
        CHECK(text_of(p.write(batch)) == "0/0/1/0");
    }
}

TEST_CASE("SQLite stores what a double holds as a number and the rest as text") {
    Prepared<SqliteTarget> p;
    Batch batch(leads().columns.size());
    add_lead(batch, 1, 1, "Ada", {"442988.47"});
    add_lead(batch, 2, 1, "Ada", {"1234567890123456.7"});
    add_lead(batch, 3, 1, "Ada", {"100"});

    p.write(batch);

    const auto type_of = [&](int id) {
        return p.target.value("SELECT typeof(amount) FROM leads WHERE id = " + std::to_string(id));
    };
    CHECK(type_of(1) == "real");
    CHECK(type_of(2) == "text");
    CHECK(type_of(3) == "integer");
}

TEST_CASE_TEMPLATE("what the decoder set aside is kept until the record is written whole",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto page = leads_of({{1, 10, "Ada"}});
    page.quarantined().push_back({1, "Seats: not an integer", "\"many\""});
    page.quarantined().push_back({0, "no id", "{}"});

    p.write(page);
    p.write(page);

    const auto quarantined = [&] {
        return p.target.value("SELECT count(*) FROM " + Target::state("quarantine"));
    };
    CHECK(quarantined() == "2");
    CHECK(p.target.value("SELECT body FROM " + Target::state("quarantine") + " WHERE id = 1") ==
          "\"many\"");

    p.write(leads_of({{1, 11, "Ada"}}));
    CHECK(quarantined() == "1");
}

TEST_CASE("PostgreSQL: a value that does not fit becomes NULL and is set aside") {
    Prepared<PostgresTarget> p;
    Batch batch(leads().columns.size());
    for (int id = 1; id <= 50; ++id) {
        add_lead(batch,
                 id,
                 1,
                 "Lead " + std::to_string(id),
                 {"1.5",
                  "true",
                  "{}",
                  id == 17 ? "99999999999999999999" : "7",
                  id == 17 ? "2026-02-31" : "2026-02-28"});
    }

    CHECK(text_of(p.write(batch)) == "50/0/0/0");
    CHECK(p.count("seats IS NULL AND born IS NULL AND amount = 1.5") == "1");
    CHECK(p.target.value("SELECT string_agg(reason || '=' || body, '; ' ORDER BY reason) FROM "
                         "zohosync.quarantine WHERE id = 17") ==
          "Born: 22008 datetime_field_overflow=2026-02-31; Seats: 22003 "
          "numeric_value_out_of_range=99999999999999999999");
    CHECK(text_of(p.write(batch)) == "0/0/50/0");
}

TEST_CASE_TEMPLATE("a row that a constraint refuses is set aside and its page goes on",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    target.run(std::string(Target::is_postgres ? "CREATE SCHEMA zoho_crm;" : "") + "CREATE TABLE " +
               Target::table("leads") +
               " (id bigint PRIMARY KEY, Last_Name text CHECK (Last_Name <> 'bad'))");
    auto sink = target.sink();
    sink->migrate();
    const auto stream = sink->prepare(key_of(leads()), leads(), ColumnCasing::snake);
    Batch batch(leads().columns.size());
    for (int id = 1; id <= 9; ++id) {
        add_lead(batch, id, 1, id == 5 ? "bad" : "good");
    }

    CHECK(text_of(sink->write(
              stream.state.key, stream.schema, {&batch, nullptr}, checkpoint_of(stream))) ==
          "8/0/0/0");
    CHECK(target.value("SELECT id FROM " + Target::state("quarantine") +
                       " WHERE reason LIKE 'record: %' AND body LIKE '%\"Last_Name\":\"bad\"%'") ==
          "5");
}

TEST_CASE(
    "PostgreSQL: a table that refuses nearly everything is a conflict, not a full quarantine") {
    PostgresTarget target;
    target.run("CREATE SCHEMA zoho_crm; CREATE TABLE zoho_crm.leads (id bigint PRIMARY KEY, "
               "last_name varchar(3))");
    auto sink = target.sink();
    sink->migrate();
    const auto stream = sink->prepare(key_of(leads()), leads(), ColumnCasing::snake);
    Batch batch(leads().columns.size());
    for (int id = 1; id <= 60; ++id) {
        add_lead(batch, id, 1, "too long");
    }

    CHECK(kind_thrown_by([&] {
              sink->write(
                  stream.state.key, stream.schema, {&batch, nullptr}, checkpoint_of(stream));
          }) == "schema_conflict");
    CHECK(target.value("SELECT count(*) FROM zoho_crm.leads") == "0");
}

namespace {

/// Leads whose table refuses the name "bad".
template <class Target> struct Choosy {
    Target target;
    std::unique_ptr<Sink> sink;
    PreparedStream stream;

    Choosy() {
        target.run(std::string(Target::is_postgres ? "CREATE SCHEMA zoho_crm;" : "") +
                   "CREATE TABLE " + Target::table("leads") +
                   " (id bigint PRIMARY KEY, Last_Name text CHECK (Last_Name <> 'bad'))");
        sink = target.sink();
        sink->migrate();
        stream = prepare();
    }

    PreparedStream prepare() {
        return sink->prepare(key_of(leads()), leads(), ColumnCasing::snake);
    }

    WriteStats write(const PageWrite& page) {
        return sink->write(stream.state.key, stream.schema, page, checkpoint_of(stream));
    }

    std::string quarantined() {
        return target.value("SELECT count(*) FROM " + Target::state("quarantine"));
    }

    std::string rows() { return target.value("SELECT count(*) FROM " + Target::table("leads")); }

    void wait_two_hours() {
        target.run("UPDATE " + Target::state("quarantine") + " SET seen_at = " +
                   (Target::is_postgres ? "seen_at - interval '2 hours'"
                                        : "strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-2 hours')"));
    }
};

} // namespace

TEST_CASE_TEMPLATE("one bad row is set aside wherever it stands in its page",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    constexpr int rows = 9;
    for (int bad = 1; bad <= rows; ++bad) {
        CAPTURE(bad);
        Choosy<Target> table;
        Batch batch(leads().columns.size());
        for (int id = 1; id <= rows; ++id) {
            add_lead(batch, id, 1, id == bad ? "bad" : "good");
        }

        const auto stats = table.write({&batch, nullptr});

        CHECK(text_of(stats) == "8/0/0/0");
        CHECK(stats.refused == 1);
        CHECK(table.target.value("SELECT id FROM " + Target::state("quarantine")) ==
              std::to_string(bad));
    }
}

TEST_CASE_TEMPLATE("a refused record is tried again after an hour and leaves quarantine when whole",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Choosy<Target> table;
    const auto page = leads_of({{1, 1, "good"}, {2, 1, "bad"}, {3, 1, "bad"}});
    table.write({&page, nullptr});
    const TableName leads_table = leads().target;

    CHECK(table.quarantined() == "2");
    CHECK(table.sink->set_aside(leads_table, 20).empty()); // Seen just now.

    table.wait_two_hours();
    CHECK(table.sink->set_aside(leads_table, 20) == std::vector<std::int64_t>{2, 3});
    CHECK(table.sink->set_aside(leads_table, 1) == std::vector<std::int64_t>{2});

    const auto again = leads_of({{2, 1, "mended"}, {3, 1, "bad"}});
    const auto stats = table.write({nullptr, &again});
    CHECK(stats.inserted == 1);
    CHECK(stats.released == 1);
    CHECK(stats.refused == 1);
    CHECK(table.rows() == "2");
    CHECK(table.quarantined() == "1");
    CHECK(table.sink->set_aside(leads_table, 20).empty()); // Seen just now, again.

    const Batch nothing(leads().columns.size());
    CHECK(table.write({&nothing, nullptr, {3}}).released == 1);
    CHECK(table.quarantined() == "0");
    table.prepare();
    CHECK(table.sink->set_aside(leads_table, 20).empty());
}

TEST_CASE_TEMPLATE("a value set aside is not asked for again: its row is there",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto page = leads_of({{1, 10, "Ada"}});
    page.quarantined().push_back({1, "Seats is no bigint", "\"many\""});
    page.quarantined().push_back({0, "the record has no usable id", "{}"});
    p.write(page);
    p.target.run("UPDATE " + Target::state("quarantine") + " SET seen_at = " +
                 (Target::is_postgres ? "'2020-01-01'" : "'2020-01-01T00:00:00Z'"));

    CHECK(p.sink->set_aside(leads().target, 20).empty());
}

namespace {

/// As many text fields as asked for, beside id and Modified_Time.
StreamSchema wide(std::size_t fields) {
    auto schema = leads();
    schema.columns.resize(3);
    for (std::size_t i = 0; i < fields; ++i) {
        auto column = schema.columns[1];
        column.api_name = "Text_" + std::to_string(i);
        column.field_id = column.api_name;
        schema.columns.push_back(column);
    }
    return schema;
}

} // namespace

TEST_CASE("PostgreSQL: a row that is too wide blocks the stream, and says so") {
    PostgresTarget target;
    auto sink = target.sink();
    sink->migrate();
    const auto schema = wide(600);
    const auto stream = sink->prepare(key_of(schema), schema, ColumnCasing::snake);
    Batch narrow(schema.columns.size());
    add_lead(narrow, 1, 1, "narrow");
    sink->write(stream.state.key, stream.schema, {&narrow, nullptr}, checkpoint_of(stream));
    Batch batch(schema.columns.size());
    std::vector<Value> texts;
    for (int i = 0; i < 600; ++i) {
        std::string text; // 128 bytes that do not compress: PostgreSQL stores them out of line.
        for (unsigned k = 0, seed = 7919U * static_cast<unsigned>(i + 1); k < 128; ++k) {
            seed = seed * 1'103'515'245U + 12'345U;
            text += static_cast<char>('!' + (seed >> 16U) % 90);
        }
        texts.emplace_back(std::move(text));
    }
    add_lead(batch, 2, 1, "wide", texts);

    std::string state;
    try {
        sink->write(stream.state.key, stream.schema, {&batch, nullptr}, checkpoint_of(stream));
    } catch (const SyncError& error) {
        CHECK(error.kind() == ErrorKind::schema_conflict);
        state = error.sqlstate();
    }

    CHECK(state == "54000");
    CHECK(target.value("SELECT string_agg(id::text, ',') FROM zoho_crm.leads") == "1");
}

TEST_CASE("PostgreSQL: more columns than a table can have block the stream") {
    PostgresTarget target;
    auto sink = target.sink();
    sink->migrate();
    const auto few = wide(1500);
    sink->prepare(key_of(few), few, ColumnCasing::snake);

    for (const std::size_t fields : {1700U, 1500U}) {
        CAPTURE(fields);
        const auto schema = wide(fields);
        const auto kind =
            kind_thrown_by([&] { sink->prepare(key_of(schema), schema, ColumnCasing::snake); });
        CHECK(kind == (fields == 1700 ? "schema_conflict" : ""));
    }
}

} // namespace zohosyncd::tests
