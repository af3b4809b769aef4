#include "daemon/core/errors.hpp"
#include "daemon/core/folding.hpp"
#include "daemon/core/zoho_field.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace zohosyncd {
namespace {

ZohoField field(const std::string& name,
                const std::string& data_type,
                const std::string& json_type = "string") {
    ZohoField made;
    made.api_name = name;
    made.label = name + " (label)";
    made.id = "4876876000000002175";
    made.data_type = data_type;
    made.json_type = json_type;
    return made;
}

TEST_CASE("each data type has its column type") {
    struct Case {
        std::string data_type;
        std::string json_type;
        ColumnType want;
    };

    const Case cases[] = {
        {"text", "string", ColumnType::text},
        {"textarea", "string", ColumnType::text},
        {"mediumtext", "string", ColumnType::text},
        {"email", "string", ColumnType::text},
        {"phone", "string", ColumnType::text},
        {"website", "string", ColumnType::text},
        {"picklist", "string", ColumnType::text},
        {"autonumber", "string", ColumnType::text},
        {"profileimage", "string", ColumnType::text},
        {"a type of tomorrow", "string", ColumnType::text},
        {"text", "", ColumnType::text},
        {"integer", "integer", ColumnType::bigint},
        {"bigint", "string", ColumnType::bigint},
        {"long", "string", ColumnType::bigint},
        {"double", "double", ColumnType::numeric},
        {"decimal", "double", ColumnType::numeric},
        {"currency", "double", ColumnType::numeric},
        {"percent", "double", ColumnType::numeric},
        {"boolean", "boolean", ColumnType::boolean},
        {"date", "string", ColumnType::date},
        {"datetime", "string", ColumnType::timestamptz},
        {"lookup", "jsonobject", ColumnType::json},
        {"ownerlookup", "jsonobject", ColumnType::json},
        {"userlookup", "jsonobject", ColumnType::json},
        {"multi_module_lookup", "jsonobject", ColumnType::json},
        {"layout", "jsonobject", ColumnType::json},
        {"RRULE", "jsonobject", ColumnType::json},
        {"ALARM", "jsonobject", ColumnType::json},
        {"multiselectpicklist", "jsonarray", ColumnType::json},
        {"text", "jsonarray", ColumnType::json},
        {"fileupload", "jsonarray", ColumnType::json},
        {"imageupload", "jsonarray", ColumnType::json},
        {"territories", "jsonarray", ColumnType::json},
        {"line_tax", "jsonarray", ColumnType::json},
        {"multireminder", "jsonarray", ColumnType::json},
    };
    for (const auto& c : cases) {
        CAPTURE(c.data_type);
        CAPTURE(c.json_type);
        CHECK(column_type_of(field("F", c.data_type, c.json_type)) == c.want);
    }
}

TEST_CASE("formulas and roll-ups follow their return type") {
    struct Case {
        std::string data_type;
        std::string json_type;
        std::string return_type;
        ColumnType want;
    };

    const Case cases[] = {
        {"formula", "double", "currency", ColumnType::numeric},
        {"formula", "double", "double", ColumnType::numeric},
        {"formula", "string", "string", ColumnType::text},
        {"formula", "boolean", "boolean", ColumnType::boolean},
        {"formula", "string", "date", ColumnType::date},
        {"formula", "string", "datetime", ColumnType::timestamptz},
        {"formula", "double", "", ColumnType::numeric},
        {"formula", "boolean", "", ColumnType::boolean},
        {"formula", "", "", ColumnType::text},
        {"rollup_summary", "integer", "integer", ColumnType::bigint},
        {"rollup_summary", "string", "datetime", ColumnType::timestamptz},
        {"rollup_summary", "integer", "", ColumnType::bigint},
    };
    for (const auto& c : cases) {
        CAPTURE(c.data_type);
        CAPTURE(c.return_type);
        auto made = field("F", c.data_type, c.json_type);
        made.return_type = c.return_type;
        CHECK(column_type_of(made) == c.want);
    }
}

TEST_CASE("lists leave out what only single records carry") {
    for (const std::string kind : {"subform", "multiselectlookup", "multiuserlookup"}) {
        CAPTURE(kind);
        CHECK_FALSE(is_delivered_by_lists(field("F", kind, "jsonarray")));
    }
    CHECK(is_delivered_by_lists(field("F", "multiselectpicklist", "jsonarray")));
    auto hidden = field("F", "text");
    hidden.is_virtual = true;
    CHECK_FALSE(is_delivered_by_lists(hidden));
}

TEST_CASE("a module's schema begins with its id and keeps Zoho's order") {
    auto rich = field("Description", "textarea");
    rich.is_rich_text = true;
    const std::vector<ZohoField> fields{field("Last_Name", "text"),
                                        field("id", "bigint"),
                                        field("Products", "subform", "jsonarray"),
                                        rich,
                                        field("Modified_Time", "datetime"),
                                        field("Last_Name", "picklist")};

    const auto schema = schema_of_records({"zoho_crm", "leads"}, fields);

    std::vector<std::string> names;
    for (const auto& column : schema.columns) {
        names.push_back(column.api_name);
    }
    CHECK(names == std::vector<std::string>{"id", "Last_Name", "Description", "Modified_Time"});
    CHECK(schema.columns[0].type == ColumnType::bigint);
    CHECK(schema.version_column == std::optional<std::size_t>(3));
    CHECK(schema.columns[1].label == "Last_Name (label)");
    CHECK(schema.columns[1].data_type == "text");
    CHECK(schema.columns[2].list_limit == std::optional<std::size_t>(500));
    CHECK_FALSE(schema.columns[1].list_limit);
    CHECK(schema.target.text() == "zoho_crm.leads");
}

TEST_CASE("details are columns that no list is asked for, and texts that lists cut") {
    auto rich = field("Story", "textarea");
    rich.is_rich_text = true;
    auto hidden = field("Hidden", "text");
    hidden.is_virtual = true;
    std::vector<ZohoField> fields{field("Helpers", "multiuserlookup", "jsonarray"),
                                  field("Products", "subform", "jsonarray"),
                                  rich,
                                  hidden,
                                  field("Modified_Time", "datetime"),
                                  field("Helpers", "multiuserlookup", "jsonarray")};
    ColumnRules rules;
    rules.has_details = true;

    const auto schema = schema_of_records({"zoho_crm", "leads"}, fields, {}, rules);

    std::string names;
    for (const auto& column : schema.columns) {
        names += column.api_name + (column.is_left_out() ? " left out,"
                                    : column.is_detail   ? " cut,"
                                                         : ",");
        CHECK(column.counts_as_change != column.is_left_out());
    }
    CHECK(names == "id,Story cut,Modified_Time,Helpers left out,Hidden left out,");
    CHECK(schema.columns[3].type == ColumnType::json);
    CHECK(schema.has_details());
    CHECK(fields_to_ask(asked_schema(schema)) ==
          std::vector<std::string>{"id", "Story", "Modified_Time"});
    CHECK(names_to_select(fields, rules) ==
          std::vector<std::string>{"id", "Helpers", "Story", "Hidden", "Modified_Time", "Helpers"});

    // Lists bring nothing else: no reason to read them again.
    const auto without = schema_of_records({"zoho_crm", "leads"}, fields);
    CHECK_FALSE(without.has_details());
    CHECK(mapping_hash(schema) == mapping_hash(without));

    const auto some = schema_of_records({"zoho_crm", "leads"}, fields, {{}, {"helpers"}}, rules);
    CHECK(some.columns.back().api_name == "Hidden");
    rules.folds = true;
    CHECK_FALSE(schema_of_records({"zoho_crm", "leads"}, fields, {}, rules).has_details());
    rules.folds = false;
    fields.erase(fields.begin() + 4);
    CHECK_FALSE(schema_of_records({"zoho_crm", "leads"}, fields, {}, rules).has_details());
}

TEST_CASE("a module without Modified_Time has a schema without a version") {
    const std::vector<ZohoField> fields{field("Name", "text")};
    CHECK_FALSE(has_versions(fields));
    CHECK_FALSE(schema_of_records({"s", "t"}, fields).version_column);
    CHECK(schema_of_records({"s", "t"}, fields).columns.size() == 2);
    CHECK(has_versions({field("Modified_Time", "datetime")}));
}

TEST_CASE("the mapping's hash depends on names and types, not on their order") {
    std::vector<ZohoField> fields{
        field("A", "text"), field("B", "integer"), field("Modified_Time", "datetime")};
    const auto hash = mapping_hash(schema_of_records({"s", "t"}, fields));
    CHECK(hash.size() == 16);

    std::reverse(fields.begin(), fields.end());
    CHECK(mapping_hash(schema_of_records({"s", "t"}, fields)) == hash);

    fields[0].label = "renamed";
    CHECK(mapping_hash(schema_of_records({"other", "table"}, fields)) == hash);

    fields.push_back(field("C", "text"));
    CHECK(mapping_hash(schema_of_records({"s", "t"}, fields)) != hash);

    fields.pop_back();
    fields[1].data_type = "double";
    CHECK(mapping_hash(schema_of_records({"s", "t"}, fields)) != hash);
}

TEST_CASE(
    "fields that swap their names are another mapping, though its names and types are the same") {
    std::vector<ZohoField> fields{
        field("A", "text"), field("B", "text"), field("Modified_Time", "datetime")};
    fields[0].id = "1";
    fields[1].id = "2";
    const auto hash = mapping_hash(schema_of_records({"s", "t"}, fields));

    std::swap(fields[0].id, fields[1].id);
    CHECK(mapping_hash(schema_of_records({"s", "t"}, fields)) != hash);

    std::swap(fields[0].id, fields[1].id);
    fields[0].data_type = "picklist";
    CHECK(mapping_hash(schema_of_records({"s", "t"}, fields)) != hash);
}

TEST_CASE("what is not selected has no column, but key and version always have theirs") {
    const std::vector<ZohoField> fields{field("Last_Name", "text"),
                                        field("Modified_Time", "datetime"),
                                        field("Owner", "ownerlookup", "jsonobject")};

    const auto schema =
        schema_of_records({"crm", "leads"}, fields, {{"owner"}, {"id", "modified*"}});

    REQUIRE(schema.columns.size() == 3);
    CHECK(schema.columns[0].api_name == "id");
    CHECK(schema.columns[1].api_name == "Modified_Time");
    CHECK(schema.columns[2].api_name == "Owner");
    CHECK(schema.version_column == 1U);
}

} // namespace
} // namespace zohosyncd
