// What a file asks of a table beyond its columns.
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

namespace zohosyncd::tests {
namespace {

/// A sink that is prepared for leads() with these options, its table new.
template <class Target> struct WithOptions : Prepared<Target> {
    explicit WithOptions(const TableOptions& options,
                         ColumnCasing casing = ColumnCasing::snake,
                         bool names_required = false) {
        this->target.run("DROP TABLE " + Target::table("leads"));
        wanted = leads();
        wanted.options = options;
        wanted.columns[1].not_null = names_required;
        this->stream = this->sink->prepare(this->key, wanted, casing);
    }

    WriteStats walk(const Batch& page) {
        const auto checkpoint = checkpoint_of(this->stream);
        this->sink->begin_stage(this->key, this->stream.schema);
        this->sink->write_stage(this->key, this->stream.schema, {&page, nullptr}, checkpoint);
        return this->sink->merge_stage(
            this->key, this->stream.schema, DeletePolicy::soft, at(500), checkpoint);
    }

    std::string value(const std::string& what, std::int64_t id) {
        return this->target.value("SELECT " + what + " FROM " + Target::table("leads") +
                                  " WHERE id = " + std::to_string(id));
    }

    std::string quarantined() {
        return this->target.value("SELECT count(*) FROM " + Target::state("quarantine"));
    }

    StreamSchema wanted;
};

std::string fields_of(const StreamSchema& schema) {
    std::string text;
    for (const auto& column : schema.columns) {
        text += (text.empty() ? "" : " ") + column.api_name;
    }
    return text;
}

} // namespace

TEST_CASE_TEMPLATE("a table may be kept from getting columns", Target, ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    target.run(std::string(Target::is_postgres ? "CREATE SCHEMA zoho_crm;" : "") + "CREATE TABLE " +
               Target::table("leads") + " (id bigint, last_name text)");
    auto sink = target.sink();
    sink->migrate();
    auto wanted = leads();
    wanted.options.adds_columns = false;

    auto stream = sink->prepare(key_of(wanted), wanted, ColumnCasing::snake);
    CHECK(fields_of(stream.schema) == "id Last_Name Modified_Time"); // A row's version is needed.
    CHECK(stream.schema.version_column == 2);
    Batch page(3);
    page.column(1).append("Ada");
    page.column(2).append("2026-11-23T10:00:01Z");
    page.end_row(1, at(1));
    CHECK(text_of(sink->write(
              stream.state.key, stream.schema, {&page, nullptr}, checkpoint_of(stream))) ==
          "1/0/0/0");

    // A column that somebody adds is filled from then on.
    target.run("ALTER TABLE " + Target::table("leads") + " ADD COLUMN seats bigint");
    stream = sink->prepare(key_of(wanted), wanted, ColumnCasing::snake);
    CHECK(fields_of(stream.schema) == "id Last_Name Modified_Time Seats");

    wanted.options.adds_columns = true;
    stream = sink->prepare(key_of(wanted), wanted, ColumnCasing::snake);
    CHECK(fields_of(stream.schema) == fields_of(leads()));
}

TEST_CASE_TEMPLATE("a new table gets all columns", Target, ZOHOSYNCD_ALL_TARGETS) {
    TableOptions options;
    options.adds_columns = false;
    WithOptions<Target> p(options);
    CHECK(fields_of(p.stream.schema) == fields_of(leads()));
}

TEST_CASE_TEMPLATE("metadata columns tell what became of a row", Target, ZOHOSYNCD_ALL_TARGETS) {
    TableOptions options;
    options.metadata.synced = true;
    WithOptions<Target> p(options);
    const std::string both = "_sling_synced_op || CASE WHEN _sling_synced_at = _synced_at THEN '=' "
                             "ELSE '' END";
    p.write(leads_of({{1, 10, "Same"}, {2, 10, "Old"}, {3, 10, "Gone"}}));
    CHECK(p.value(both, 1) == "I=");
    const auto stamp = p.stamp_of(1);
    p.write(leads_of({{1, 10, "Same"}, {2, 11, "New"}}));
    CHECK(p.stamp_of(1) == stamp);
    CHECK(p.value(both, 2) == "U=");
    p.remove({{3, at(20)}});
    CHECK(p.value(both, 3) == "D=");
    p.write(leads_of({{3, 10, "Gone"}}));
    CHECK(p.value(both, 3) == "U=");
}

TEST_CASE_TEMPLATE("a merge fills metadata columns, too", Target, ZOHOSYNCD_ALL_TARGETS) {
    TableOptions options;
    options.metadata.synced = true;
    WithOptions<Target> p(options);
    p.walk(leads_of({{1, 10, "Same"}, {2, 10, "Old"}, {3, 10, "Gone"}}));
    const auto stamp = p.stamp_of(1);
    const auto page = leads_of({{1, 10, "Same"}, {2, 11, "New"}, {4, 10, "Fresh"}});
    CHECK(text_of(p.walk(page)) == "1/1/1/0");
    CHECK(text_of(p.walk(page)) == "0/0/3/1");
    CHECK(p.stamp_of(1) == stamp);
    CHECK(p.value("_sling_synced_op", 1) == "I");
    CHECK(p.value("_sling_synced_op", 2) == "U");
    CHECK(p.value("_sling_synced_op", 3) == "D");
    CHECK(p.value("_sling_synced_op", 4) == "I");
}

TEST_CASE_TEMPLATE("the time of loading follows the type of its column",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    for (const auto kind :
         {MetadataColumns::LoadedAt::unix_time, MetadataColumns::LoadedAt::timestamp}) {
        TableOptions options;
        options.metadata.loaded_at = kind;
        WithOptions<Target> p(options);
        p.write(leads_of({{1, 10, "Ada"}}));
        const bool is_unix = kind == MetadataColumns::LoadedAt::unix_time;
        const std::string seconds = Target::is_postgres ? "extract(epoch FROM _synced_at)::bigint"
                                                        : "strftime('%s', _synced_at)";
        CHECK(p.value(is_unix ? "_sling_loaded_at - " + seconds : "_sling_loaded_at = _synced_at",
                      1) == (is_unix               ? "0"
                             : Target::is_postgres ? "t"
                                                   : "1"));
        // Another setting follows the column that is there.
        options.metadata.loaded_at =
            is_unix ? MetadataColumns::LoadedAt::timestamp : MetadataColumns::LoadedAt::unix_time;
        p.wanted.options = options;
        p.stream = p.sink->prepare(p.key, p.wanted, ColumnCasing::snake);
        p.write(leads_of({{2, 10, "Bo"}}));
        CHECK(p.value(is_unix ? "_sling_loaded_at - " + seconds : "_sling_loaded_at = _synced_at",
                      2) == (is_unix               ? "0"
                             : Target::is_postgres ? "t"
                                                   : "1"));
    }
}

TEST_CASE_TEMPLATE("metadata columns come to a table that exists, and step aside",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 10, "Ada"}}));
    auto wanted = leads();
    wanted.columns[5].alias = "_sling_synced_op";
    wanted.columns[5].api_name = "Op";
    wanted.columns[5].field_id = "f-Op"; // Another field, not that one under another name.
    wanted.options.metadata.synced = true;
    p.stream = p.sink->prepare(p.key, wanted, ColumnCasing::snake);
    p.write(leads_of({{1, 11, "Ada L."}}));
    CHECK(p.target.value("SELECT _sling_synced_op_ FROM " + Target::table("leads")) == "U");
    CHECK(p.target.value("SELECT _sling_synced_op FROM " + Target::table("leads")) == "NULL");
}

TEST_CASE_TEMPLATE("a new table gets its keys, and a row against them is set aside",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    TableOptions options;
    options.indexes = {{"", {"Last_Name"}, true}, {"by_seats", {"Seats", "Born"}, false}};
    WithOptions<Target> p(options);
    const std::string indexes = Target::is_postgres
                                    ? "SELECT count(*) FROM pg_indexes WHERE indexname = "
                                      "'by_seats' AND indexdef LIKE '%(seats, born)%'"
                                    : "SELECT count(*) FROM sqlite_schema WHERE name = 'by_seats' "
                                      "AND sql LIKE '%(\"seats\", \"born\")%'";
    CHECK(p.target.value(indexes) == "1");

    p.write(leads_of({{1, 10, "Ada"}, {2, 10, "Bo"}}));
    CHECK(p.write(leads_of({{3, 11, "Ada"}, {4, 11, "Cy"}})).refused == 1);
    CHECK(p.value("last_name", 3) == "");
    CHECK(p.value("last_name", 4) == "Cy");
    CHECK(p.quarantined() == "1");

    // What a deleted record held is free.
    p.remove({{2, at(20)}});
    CHECK(text_of(p.write(leads_of({{5, 21, "Bo"}}))) == "1/0/0/0");
}

TEST_CASE_TEMPLATE("a merge sets aside the rows that a key refuses, and them alone",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    TableOptions options;
    options.indexes = {{"", {"Last_Name"}, true}};
    WithOptions<Target> p(options);
    p.walk(leads_of({{1, 10, "A"}, {2, 10, "B"}, {3, 10, "C"}}));

    const auto stats = p.walk(leads_of({{1, 10, "A"},
                                        {2, 11, "B2"},
                                        {3, 10, "C"},
                                        {4, 10, "D"},
                                        {5, 10, "A"},
                                        {6, 10, "F"},
                                        {7, 10, "G"}}));
    CHECK(text_of(stats) == "3/1/2/0");
    CHECK(stats.refused == 1);
    CHECK(p.count() == "6");
    CHECK(p.value("last_name", 5) == "");
    CHECK(p.quarantined() == "1");
}

TEST_CASE_TEMPLATE("a column that must not be null sets a record aside",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithOptions<Target> p({}, ColumnCasing::snake, true);
    Batch page(p.stream.schema.columns.size());
    add_lead(page, 1, 10, {});
    add_lead(page, 2, 10, "Bo");
    CHECK(p.write(page).refused == 1);
    CHECK(p.count() == "1");
    CHECK(p.walk(page).refused == 1);
    CHECK(p.count() == "1");
}

} // namespace zohosyncd::tests
