#include "daemon/core/details.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

ZohoField field(const std::string& api_name, const std::string& data_type) {
    ZohoField made;
    made.api_name = api_name;
    made.data_type = data_type;
    return made;
}

std::vector<std::string> names_of(const std::vector<LineTable>& tables) {
    std::vector<std::string> names;
    for (const auto& table : tables) {
        names.push_back(table.target.text() + " " + table.module);
    }
    return names;
}

using Names = std::vector<std::string>;

TEST_CASE("each field of lines gets a table after the record's") {
    auto visits = field("Site_Visits", "subform");
    visits.associated_module = "LinkingModule7";
    const auto tables = line_tables({"crm", "quotes"},
                                    {field("Subject", "text"),
                                     visits,
                                     field("Quoted_Items", "subform"),
                                     field("Helpers", "multiuserlookup"),
                                     field("Quoted_Items", "subform")},
                                    {});

    CHECK(names_of(tables) ==
          Names{"crm.quotes_quoted_items Quoted_Items", "crm.quotes_site_visits LinkingModule7"});
    REQUIRE(tables[0].columns.size() == 3);
    CHECK(tables[0].columns[0].api_name == "id");
    CHECK(tables[0].columns[parent_column].api_name == "Parent_Id");
    CHECK(tables[0].columns[position_column].api_name == "_position");
}

TEST_CASE("select leaves out fields of lines, too") {
    const std::vector<ZohoField> fields{field("Quoted_Items", "subform"),
                                        field("Site_Visits", "subform")};

    CHECK(names_of(line_tables({"crm", "quotes"}, fields, {{}, {"site_*"}})) ==
          Names{"crm.quotes_quoted_items Quoted_Items"});
    CHECK(line_tables({"crm", "quotes"}, fields, {{"subject"}, {}}).empty());
}

TEST_CASE("names of tables that collide or are too long stay apart") {
    const std::string wide(70, 'x');
    const auto tables = line_tables(
        {"crm", "quotes"},
        {field("Visits", "subform"), field("visits", "subform"), field(wide, "subform")},
        {});

    REQUIRE(tables.size() == 3);
    CHECK(tables[0].target.table == "quotes_visits");
    CHECK(tables[1].field == "visits");
    CHECK(tables[1].target.table.starts_with("quotes_visits_"));
    CHECK(tables[2].target.table.size() == 63);
}

TEST_CASE("the fields of the lines' module become columns, each once") {
    auto table = line_tables({"crm", "quotes"}, {field("Quoted_Items", "subform")}, {}).front();

    add_line_fields(table,
                    {field("id", "bigint"),
                     field("Parent_Id", "lookup"),
                     field("Quantity", "double"),
                     field("Quantity", "double"),
                     field("Nested", "subform")});

    REQUIRE(table.columns.size() == 4);
    CHECK(table.columns[parent_column].type == ColumnType::bigint);
    CHECK(table.columns[3].api_name == "Quantity");
    CHECK(table.columns[3].type == ColumnType::numeric);
}

TEST_CASE("the lines of some records are kept") {
    Batch rows(4);
    for (int line = 1; line <= 3; ++line) {
        rows.column(1).append(std::to_string(line * 10));
        rows.column(2).append("1");
        rows.column(3).append("line " + std::to_string(line));
        rows.end_row(line, std::chrono::sys_seconds::min());
    }

    const auto kept = lines_of_records(rows, {10, 30, 40});

    REQUIRE(kept.rows() == 2);
    CHECK(kept.ids() == std::vector<std::int64_t>{1, 3});
    CHECK(kept.column(3).value(1) == "line 3");
}

} // namespace
} // namespace zohosyncd
