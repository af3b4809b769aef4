#include "daemon/core/details.hpp"
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd::tests {
namespace {

LineTable items() {
    const auto column = [](const char* api_name, ColumnType type) {
        Column made;
        made.api_name = api_name;
        made.type = type;
        return made;
    };
    return {"Items",
            "Items",
            {"zoho_crm", "leads_items"},
            {column("id", ColumnType::bigint),
             column("Parent_Id", ColumnType::bigint),
             column("_position", ColumnType::bigint),
             column("Name", ColumnType::text),
             column("Quantity", ColumnType::numeric)}};
}

struct Line {
    std::int64_t id;
    std::string name;
};

/// A target with leads whose lines are kept.
template <class Target> struct WithLines : Prepared<Target> {
    StreamSchema schema = [this] {
        auto wanted = this->stream.schema;
        wanted.lines = {items()};
        wanted.lines = this->sink->prepare_lines(this->key, wanted, ColumnCasing::snake);
        return wanted;
    }();

    /// The lines of one record as read at a version; without `is_whole` Zoho told of no others.
    DetailsWritten
    fill(std::int64_t record, int version, const std::vector<Line>& lines, bool is_whole = true) {
        DetailsPage page;
        page.generation = this->sink->details_generation(schema.target);
        page.ids = {record};
        page.versions = {at(version)};
        const auto width = schema.lines[0].columns.size();
        page.tables = {{Batch(width), {}}};
        auto& rows = page.tables[0].rows;
        int place = 0;
        for (const auto& line : lines) {
            rows.column(1).append(std::to_string(record));
            rows.column(2).append(std::to_string(++place));
            rows.column(3).append(line.name);
            rows.column(4).append("1.5");
            for (std::size_t i = 5; i < width; ++i) {
                rows.column(i).append_null();
            }
            rows.end_row(line.id, std::chrono::sys_seconds::min());
        }
        if (is_whole) {
            page.tables[0].complete = {record};
        }
        return this->sink->write_details(schema, schema.lines, page);
    }

    /// "id:place:name …" of the live lines of a record.
    std::string lines_of(std::int64_t record) {
        const std::string joined =
            Target::is_postgres
                ? "string_agg(id || ':' || _position || ':' || name, ' ' ORDER BY _position)"
                : "group_concat(id || ':' || _position || ':' || name, ' ')";
        const auto table = "(SELECT * FROM " + Target::table("leads_items") +
                           " WHERE _deleted_at IS NULL AND parent_id = " + std::to_string(record) +
                           " ORDER BY _position) x";
        return this->target.value("SELECT " + joined + " FROM " + table);
    }

    std::string waiting() {
        std::string ids;
        for (const auto& row : this->sink->rows_without_details(schema, 100)) {
            ids += (ids.empty() ? "" : " ") + std::to_string(row.id);
        }
        return ids;
    }
};

} // namespace

TEST_CASE_TEMPLATE("rows wait for their lines, the newest first", Target, ZOHOSYNCD_ALL_TARGETS) {
    WithLines<Target> p;
    CHECK(p.sink->details_backlog(leads().target) == 0);

    p.write(leads_of({{1, 10, "Ada"}, {2, 30, "Grace"}, {3, 20, "Edsger"}}));
    CHECK(p.waiting() == "2 3 1");

    CHECK(text_of(p.fill(2, 30, {{21, "a"}, {22, "b"}}).lines) == "2/0/0/0");
    CHECK(p.waiting() == "3 1");
    CHECK(p.sink->details_backlog(leads().target) == 2);
    CHECK(p.lines_of(2) == "21:1:a 22:2:b");

    // The same again changes nothing, nor does a row that is as it was.
    p.write(leads_of({{2, 30, "Grace"}}));
    CHECK(text_of(p.fill(2, 30, {{21, "a"}, {22, "b"}}).lines) == "0/0/2/0");
    CHECK(p.waiting() == "3 1");

    p.write(leads_of({{2, 31, "Grace"}}));
    CHECK(p.waiting() == "2 3 1");
    CHECK(p.lines_of(2) == "21:1:a 22:2:b");
}

TEST_CASE_TEMPLATE("lines are moved, changed, added and removed", Target, ZOHOSYNCD_ALL_TARGETS) {
    WithLines<Target> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}}));
    p.fill(1, 10, {{11, "a"}, {12, "b"}, {13, "c"}});
    p.fill(2, 10, {{21, "x"}});
    p.write(leads_of({{1, 11, "Ada"}}));

    CHECK(text_of(p.fill(1, 11, {{13, "c"}, {12, "B"}, {14, "d"}}).lines) == "1/2/0/1");

    CHECK(p.lines_of(1) == "13:1:c 12:2:B 14:3:d");
    CHECK(p.lines_of(2) == "21:1:x");
    p.write(leads_of({{1, 12, "Ada"}}));
    CHECK(text_of(p.fill(1, 12, {}).lines) == "0/0/0/3");
    CHECK(p.lines_of(1) == "NULL");
}

TEST_CASE_TEMPLATE("lines of another version are not written", Target, ZOHOSYNCD_ALL_TARGETS) {
    WithLines<Target> p;
    p.write(leads_of({{1, 10, "Ada"}}));
    p.fill(1, 10, {{11, "a"}});
    p.write(leads_of({{1, 12, "Ada"}}));

    for (const int version : {10, 11, 13}) {
        const auto written = p.fill(1, version, {{99, "stale"}});
        CHECK(text_of(written.lines) == "0/0/0/0");
        CHECK(written.settled.empty());
    }

    CHECK(p.lines_of(1) == "11:1:a");
    CHECK(p.waiting() == "1");
    CHECK(text_of(p.fill(7, 10, {{99, "of nobody"}}).lines) == "0/0/0/0");
    CHECK(p.fill(1, 12, {{11, "a"}}).settled == std::vector<std::int64_t>{1});
}

TEST_CASE_TEMPLATE("lines that Zoho told nothing of stay", Target, ZOHOSYNCD_ALL_TARGETS) {
    WithLines<Target> p;
    p.write(leads_of({{1, 10, "Ada"}}));
    p.fill(1, 10, {{11, "a"}, {12, "b"}});
    p.write(leads_of({{1, 11, "Ada"}}));

    CHECK(text_of(p.fill(1, 11, {{12, "B"}}, false).lines) == "0/1/0/0");

    CHECK(p.waiting().empty());
    CHECK(p.target.value("SELECT count(*) FROM " + Target::table("leads_items")) == "2");
}

TEST_CASE_TEMPLATE("lines go with their record and come back with it",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithLines<Target> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}, {3, 10, "Edsger"}}));
    p.fill(1, 10, {{11, "a"}});
    p.fill(2, 10, {{21, "b"}});
    p.fill(3, 10, {{31, "c"}});

    // The schema of one who knows nothing of lines.
    CHECK(text_of(p.remove({{1, at(40)}})) == "0/0/0/1");
    CHECK(p.lines_of(1) == "NULL");
    CHECK(p.target.value("SELECT count(*) FROM " + Target::table("leads_items") + " l JOIN " +
                         Target::table("leads") +
                         " r ON r.id = l.parent_id AND r._deleted_at = l._deleted_at") == "1");
    CHECK(p.lines_of(2) == "21:1:b");
    CHECK(text_of(p.fill(1, 10, {{11, "a"}}).lines) == "0/0/0/0");

    p.remove({{2, at(40)}}, DeletePolicy::hard);
    CHECK(p.target.value("SELECT count(*) FROM " + Target::table("leads_items") +
                         " WHERE parent_id = 2") == "0");
    CHECK(p.lines_of(3) == "31:1:c");

    p.write(leads_of({{1, 10, "Ada"}}));
    CHECK(p.waiting() == "1");
    CHECK(text_of(p.fill(1, 10, {{11, "a"}}).lines) == "0/1/0/0");
    CHECK(p.lines_of(1) == "11:1:a");
}

TEST_CASE_TEMPLATE("a full refresh makes rows wait, and lines go with what it misses",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithLines<Target> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}, {3, 10, "Edsger"}}));
    for (const std::int64_t id : {1, 2, 3}) {
        p.fill(id, 10, {{id * 10, "x"}});
    }
    const auto refresh = [&] {
        p.sink->begin_stage(p.key, p.stream.schema);
        const auto page = leads_of({{1, 10, "Ada"}, {2, 11, "Grace"}});
        p.sink->write_stage(p.key, p.stream.schema, {&page, nullptr}, checkpoint_of(p.stream));
        p.sink->merge_stage(
            p.key, p.stream.schema, DeletePolicy::soft, at(50), checkpoint_of(p.stream));
    };
    refresh();
    CHECK(p.waiting() == "2");
    CHECK(p.lines_of(3) == "30:1:x");
    refresh(); // Absent twice.
    CHECK(p.lines_of(3) == "NULL");
    CHECK(p.lines_of(1) == "10:1:x");
}

TEST_CASE_TEMPLATE("tables of lines follow new fields and keep their names",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithLines<Target> p;
    p.write(leads_of({{1, 10, "Ada"}}));
    p.fill(1, 10, {{11, "a"}});
    auto wanted = p.schema;
    wanted.lines = {items()};
    Column more;
    more.api_name = "Unit_Price";
    more.type = ColumnType::numeric;
    wanted.lines[0].columns.push_back(more);

    const auto tables = p.sink->prepare_lines(p.key, wanted, ColumnCasing::snake);

    REQUIRE(tables.size() == 1);
    CHECK(tables[0].columns[1].name == "parent_id");
    CHECK(tables[0].columns[2].name == "_position");
    CHECK(tables[0].columns[5].name == "unit_price");
    CHECK(p.target.value("SELECT count(*) FROM " + Target::table("leads_items") +
                         " WHERE unit_price IS NULL") == "1");
    CHECK(p.sink->states(p.key.connection).size() == 1);
}

TEST_CASE_TEMPLATE("records wait again for what their lines had no place for",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithLines<Target> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 20, "Grace"}}));
    p.fill(1, 10, {{11, "a"}});
    p.fill(2, 20, {});
    const auto prepare = [&] {
        p.schema.lines = p.sink->prepare_lines(p.key, p.schema, ColumnCasing::snake);
        return p.waiting();
    };
    const auto add = [&](const char* api_name, const char* field_id) {
        Column more;
        more.api_name = api_name;
        more.field_id = field_id;
        more.type = ColumnType::text;
        p.schema.lines[0].columns.push_back(more);
    };
    CHECK(prepare().empty());

    add("Appeared", "");
    CHECK(prepare().empty());

    add("Listed", "4711");
    CHECK(prepare() == "1");
    p.schema.lines = {items()};
    p.schema.lines = p.sink->prepare_lines(p.key, p.schema, ColumnCasing::snake);
    p.fill(1, 10, {{11, "a"}});
    CHECK(prepare().empty()); // A field less.
    add("Renamed", "4711");
    CHECK(prepare() == "1"); // Its column is old by now.
    p.schema.lines = {items()};
    p.schema.lines = p.sink->prepare_lines(p.key, p.schema, ColumnCasing::snake);
    p.fill(1, 10, {{11, "a"}});

    auto visits = items();
    visits.field = "Visits";
    visits.target.table = "leads_visits";
    p.schema.lines.push_back(visits);
    CHECK(prepare() == "2 1");
}

TEST_CASE_TEMPLATE("lines that were not wanted for a while are read once more of all records",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithLines<Target> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 20, "Grace"}}));
    p.fill(1, 10, {{11, "a"}});
    p.fill(2, 20, {});
    auto without = p.schema;
    without.lines.clear();
    const auto generation = p.sink->details_generation(leads().target);

    p.sink->prepare_lines(p.key, without, ColumnCasing::snake);
    CHECK(p.waiting().empty());
    CHECK(p.sink->details_generation(leads().target) == generation);

    for (int i = 0; i < 2; ++i) { // The second time nothing is to be done.
        p.sink->prepare_lines(p.key, p.schema, ColumnCasing::snake);
        CHECK(p.waiting() == "2 1");
        CHECK(p.sink->details_generation(leads().target) == generation + 1);
    }
    CHECK(p.lines_of(1) == "11:1:a");
}

TEST_CASE_TEMPLATE("a field of lines that is renamed keeps its column, and is read once more",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithLines<Target> p;
    const auto with = [&](const char* api_name) {
        Column more;
        more.api_name = api_name;
        more.field_id = "4711";
        more.type = ColumnType::text;
        auto table = items();
        table.columns.push_back(more);
        p.schema.lines = {table};
        p.schema.lines = p.sink->prepare_lines(p.key, p.schema, ColumnCasing::snake);
    };
    with("Unit");
    p.write(leads_of({{1, 10, "Ada"}}));
    p.fill(1, 10, {{11, "a"}});

    with("Unit_Type");

    CHECK(p.waiting() == "1"); // A reply under the old name may have lacked it.
    CHECK(p.schema.lines[0].columns.back().name == "unit_type");
    CHECK(p.lines_of(1) == "11:1:a");
}

} // namespace zohosyncd::tests
