#include "daemon/core/zoho_field.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace zohosyncd {
namespace {

ZohoField field(const char* name, const char* data_type, const char* json_type = "string") {
    return {name, name, "", data_type, json_type, "", false, false};
}

std::vector<ZohoField> some_fields() {
    return {field("Last_Name", "text"),
            field("Owner", "ownerlookup", "jsonobject"),
            field("Account_Name", "lookup", "jsonobject"),
            field("Layout", "layout", "jsonobject"),
            field("Amount", "currency", "double"),
            field("Modified_Time", "datetime")};
}

StreamSchema schema_of(const FieldSelection& select, const ColumnRules& rules) {
    return schema_of_records({"crm", "deals"}, some_fields(), select, rules);
}

std::string described(const StreamSchema& schema) {
    std::string text;
    for (const auto& column : schema.columns) {
        text += (text.empty() ? "" : " ") + column.api_name + ":" + to_string(column.type);
    }
    return text;
}

ColumnRule typed(const char* name, ColumnType type) {
    ColumnRule rule;
    rule.name = name;
    rule.type = type;
    return rule;
}

TEST_CASE("lookups become columns of their known parts, other objects stay JSON") {
    ColumnRules rules;
    rules.flattens = true;
    const auto schema = schema_of({}, rules);
    CHECK(described(schema) ==
          "id:bigint Last_Name:text Owner__id:bigint Owner__name:text Owner__email:text "
          "Account_Name__id:bigint Account_Name__name:text Layout:json Amount:numeric "
          "Modified_Time:timestamptz");
    CHECK(schema.version_column == schema.columns.size() - 1);
    CHECK(fields_to_ask(schema) ==
          std::vector<std::string>{
              "id", "Last_Name", "Owner", "Account_Name", "Layout", "Amount", "Modified_Time"});
}

TEST_CASE("select names parts, or whole fields") {
    ColumnRules rules;
    rules.flattens = true;
    CHECK(described(schema_of({{"owner__*", "Account_Name"}, {"Owner__email"}}, rules)) ==
          "id:bigint Owner__id:bigint Owner__name:text Account_Name__id:bigint "
          "Account_Name__name:text Modified_Time:timestamptz");
}

TEST_CASE("columns are named before or after casing, and exempt id and Modified_Time") {
    ColumnRules rules;
    rules.columns = {typed("LAST_name", ColumnType::json), typed("*", ColumnType::text)};
    CHECK(described(schema_of({}, rules)) ==
          "id:bigint Last_Name:json Owner:text Account_Name:text Layout:text Amount:text "
          "Modified_Time:timestamptz");
    CHECK(means_field("created_time", "createdTime"));
    CHECK(means_field("LASTNAME", "Last_Name"));
    CHECK_FALSE(means_field("Name", "Last_Name"));
}

TEST_CASE("names that mean nothing are told") {
    ColumnRules rules;
    rules.columns = {typed("amount", ColumnType::text), typed("Amont", ColumnType::text)};
    rules.transforms = {{"*", {}}, {"Lst_Name", {}}};
    CHECK(rules.without_match(names_to_select(some_fields(), {})) ==
          std::vector<std::string>{"Amont", "Lst_Name"});
}

TEST_CASE("the mapping's hash follows what is stored, and stays for plain columns") {
    const auto plain = mapping_hash(schema_of({}, {}));
    std::vector<std::string> hashes{plain};
    ColumnRules rules;
    rules.flattens = true;
    hashes.push_back(mapping_hash(schema_of({}, rules)));
    rules = {};
    rules.null_if = "x";
    hashes.push_back(mapping_hash(schema_of({}, rules)));
    rules = {};
    rules.transforms = {{"last_name", {Transform::upper}}};
    hashes.push_back(mapping_hash(schema_of({}, rules)));
    rules = {};
    rules.columns = {typed("Amount", ColumnType::numeric)};
    rules.columns.front().declared = "numeric(18,2)";
    hashes.push_back(mapping_hash(schema_of({}, rules)));
    std::ranges::sort(hashes);
    CHECK(std::ranges::adjacent_find(hashes) == hashes.end());
    CHECK(mapping_hash(schema_of({{"*"}, {}, {{"Amount", "money"}}}, {})) == plain);
}

TEST_CASE("indexes name columns in any casing, or by their alias, and are left out without them") {
    ColumnRules rules;
    rules.columns = {typed("amount", ColumnType::numeric), typed("Last_Name", ColumnType::text)};
    rules.columns[0].is_indexed = true;
    rules.columns[1].is_unique = true;
    rules.table.indexes = {{"by_both", {"LAST_NAME", "money"}, false},
                           {"", {"lastName"}, true},
                           {"", {"Amount", "Nothing"}, false}};
    const auto schema = schema_of({{"*"}, {}, {{"Amount", "money"}}}, rules);
    CHECK(schema.options.indexes ==
          std::vector<WantedIndex>{{"by_both", {"Last_Name", "Amount"}, false},
                                   {"", {"Last_Name"}, true},
                                   {"", {"Amount"}, false}});
    CHECK(rules.without_match(names_to_select(some_fields(), {})) ==
          std::vector<std::string>{"money", "Nothing"});
}

TEST_CASE("a description is anybody's, also of id") {
    ColumnRules rules;
    rules.columns.push_back({});
    rules.columns.back().name = "ID";
    rules.columns.back().description = "of the record";
    CHECK(schema_of({}, rules).columns.front().label == "of the record");
}

} // namespace
} // namespace zohosyncd
