#include "daemon/core/folding.hpp"
#include "daemon/core/zoho_field.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

std::vector<ZohoField> some_fields() {
    return {{"Subject", "Subject", "", "text", "string", "", false, false},
            {"Owner", "Owner", "", "ownerlookup", "jsonobject", "", false, false},
            {"Modified_Time", "Modified", "", "datetime", "string", "", false, false},
            {"Note", "Note", "", "textarea", "string", "", true, false}};
}

StreamSchema schema_of(const FieldSelection& select = {}) {
    ColumnRules rules;
    rules.folds = true;
    return schema_of_records({"crm", "tasks"}, some_fields(), select, rules);
}

std::string names_of(const std::vector<Column>& columns) {
    std::string text;
    for (const auto& column : columns) {
        text += (text.empty() ? "" : " ") + column.api_name + ":" + to_string(column.type);
    }
    return text;
}

TEST_CASE("a folded schema has the key, the version and one column, and asks for every field") {
    const auto schema = schema_of();
    CHECK(names_of(schema.columns) == "id:bigint Modified_Time:timestamptz data:json");
    CHECK(schema.version_column == 1);
    const auto asked = asked_schema(schema);
    CHECK(names_of(asked.columns) ==
          "id:bigint Modified_Time:json Note:text Owner:json Subject:json");
    CHECK(asked.version_column == 1);
    CHECK(asked.columns[2].list_limit.has_value());
}

TEST_CASE("select chooses fields, and naming the column keeps them all") {
    CHECK(names_of(schema_of({{"subject"}, {}}).folded) == "Modified_Time:json Subject:json");
    CHECK(names_of(schema_of({{"data"}, {}}).folded) == names_of(schema_of().folded));
    CHECK(names_of(schema_of({{}, {"Owner"}}).folded) ==
          "Modified_Time:json Note:text Subject:json");
    CHECK(mapping_hash(schema_of({{"subject"}, {}})) != mapping_hash(schema_of()));
}

TEST_CASE("a schema whose table has no such column asks for its own columns alone") {
    auto schema = schema_of();
    schema.remove_column(2);
    CHECK(names_of(asked_schema(schema).columns) == "id:bigint Modified_Time:timestamptz");
}

TEST_CASE("rows become objects with every key, in the order of names") {
    const auto schema = schema_of();
    const auto asked = asked_schema(schema);
    Batch rows(asked.columns.size());
    rows.column(1).append("\"2026-11-23T12:00:05+02:00\"");
    rows.column(2).append("a \"b\"\n");
    rows.column(3).append("{\"id\":\"7\"}");
    rows.column(4).append_null();
    rows.end_row(41, std::chrono::sys_seconds(std::chrono::seconds(1'795'514'405)));
    rows.column(1).append("\"soon\"");
    rows.column(2).append_null();
    rows.column(3).append_null();
    rows.column(4).append("12.50");
    rows.end_row(42, std::chrono::sys_seconds::min());
    rows.quarantined().push_back({42, "reason", "body"});
    rows.replaced_characters = 3;

    Batch out(schema.columns.size());
    fold_rows(asked, rows, out);
    CHECK(out.ids() == std::vector<std::int64_t>{41, 42});
    CHECK(out.column(1).value(0) == "2026-11-24T10:00:05Z");
    CHECK(out.column(1).is_null(1));
    CHECK(out.column(2).value(0) ==
          R"({"id":"41","Modified_Time":"2026-11-23T12:00:05+02:00","Note":"a \"b\"\u000a",)"
          R"("Owner":{"id":"7"},"Subject":null})");
    CHECK(out.column(2).value(1) ==
          R"({"id":"42","Modified_Time":"soon","Note":null,"Owner":null,"Subject":12.50})");
    CHECK(out.quarantined().size() == 1);
    CHECK(out.replaced_characters == 3);
    CHECK(rows.rows() == 0);
    CHECK(rows.quarantined().empty());
}

TEST_CASE("a module without Modified_Time is folded into its key and the column alone") {
    auto fields = some_fields();
    fields.erase(fields.begin() + 2);
    ColumnRules rules;
    rules.folds = true;
    const auto schema = schema_of_records({"crm", "links"}, fields, {}, rules);
    CHECK(names_of(schema.columns) == "id:bigint data:json");
    CHECK_FALSE(schema.version_column);
    const auto asked = asked_schema(schema);
    CHECK(names_of(asked.columns) == "id:bigint Note:text Owner:json Subject:json");
    CHECK_FALSE(asked.version_column);
    Batch rows(asked.columns.size());
    rows.column(1).append("n");
    rows.column(2).append_null();
    rows.column(3).append("\"s\"");
    rows.end_row(41, std::chrono::sys_seconds::min());

    Batch out(schema.columns.size());
    fold_rows(asked, rows, out);
    CHECK(out.ids() == std::vector<std::int64_t>{41});
    CHECK(out.column(1).value(0) == R"({"id":"41","Note":"n","Owner":null,"Subject":"s"})");
}

} // namespace
} // namespace zohosyncd
