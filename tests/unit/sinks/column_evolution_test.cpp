#include "sinks/common/column_evolution.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>

namespace zohosyncd::tests {
namespace {

Column column(const char* api_name, const char* field_id, ColumnType type = ColumnType::json) {
    Column made;
    made.api_name = api_name;
    made.field_id = field_id;
    made.type = type;
    made.is_detail = true;
    return made;
}

KnownColumn known_as(const char* name, const Column& field) {
    return {
        field.api_name, name, "", field.field_id, "", to_string(field.type), false, false, true};
}

std::function<bool(const std::string&)> among(const std::set<std::string>& names) {
    return [names](const std::string& name) { return names.contains(name); };
}

/// A table with the column "helpers", known as given, whose field is now `now`.
struct OneColumn {
    KnownColumn known = known_as("helpers", column("Helpers", "7"));
    Column now = column("Helpers", "7");
    std::set<std::string> table{"id", "helpers"};

    MoreDetails more() const {
        const std::vector<Column> columns{now};
        ColumnAssignment assigned;
        assigned.names = {"helpers"};
        assigned.known = {0};
        return more_details(columns, assigned, std::vector{known}, among(table));
    }

    bool lacks() const {
        const std::vector<Column> columns{now};
        const std::vector<std::string> names{"helpers"};
        return lacks_listed_fields(columns, names, std::vector{known}, among(table));
    }
};

} // namespace

TEST_CASE("a column that goes on with its field makes no row wait") {
    const OneColumn one;
    CHECK(one.more() == MoreDetails::none);
    CHECK_FALSE(one.lacks());
}

TEST_CASE("what rows may hold otherwise by now is read of all of them") {
    struct Case {
        const char* name;
        std::function<void(OneColumn&)> change;
    };

    for (const auto& c : {Case{"another name", [](auto& one) { one.now.api_name = "Allies"; }},
                          Case{"made anew", [](auto& one) { one.now.field_id = "8"; }},
                          Case{"another type", [](auto& one) { one.now.type = ColumnType::text; }},
                          Case{"back", [](auto& one) { one.known.retired = true; }},
                          Case{"dropped", [](auto& one) { one.table.erase("helpers"); }}}) {
        CAPTURE(c.name);
        OneColumn one;
        c.change(one);
        CHECK(one.more() == MoreDetails::of_all_rows);
        CHECK(one.lacks());
    }
}

TEST_CASE("a new text waits with the rows that lists bring, one that was there with all") {
    auto text = column("Story", "9", ColumnType::text);
    text.list_limit = 500;
    const std::vector<Column> columns{text};
    ColumnAssignment assigned;
    assigned.names = {"story"};
    assigned.known = {std::nullopt};

    CHECK(more_details(columns, assigned, {}, among({"id"})) == MoreDetails::of_changed_rows);
    CHECK(more_details(columns, assigned, {}, among({"id", "story"})) == MoreDetails::of_all_rows);
}

TEST_CASE("a column that somebody dropped is known no more where none are added") {
    StreamSchema schema;
    schema.columns = {column("id", ""), column("Helpers", "7"), column("Later", "8")};
    schema.options.adds_columns = false;
    const std::vector<KnownColumn> known{known_as("helpers", schema.columns[1])};
    ColumnAssignment assigned;
    assigned.names = {"id", "helpers", "later"};
    assigned.known = {std::nullopt, 0, std::nullopt};

    leave_out_new_columns(schema, assigned, known, among({"id"}));

    CHECK(schema.columns.size() == 1);
    CHECK(assigned.names == std::vector<std::string>{"id"});
    CHECK(assigned.retired == std::vector<std::string>{"helpers"});
}

} // namespace zohosyncd::tests
