#include "daemon/core/errors.hpp"
#include "daemon/zoho/loose_lists.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace zohosyncd {
namespace {

const Column* find(const StreamSchema& schema, const std::string& api_name) {
    const auto found =
        std::find_if(schema.columns.begin(), schema.columns.end(), [&](const Column& column) {
            return column.api_name == api_name;
        });
    return found == schema.columns.end() ? nullptr : &*found;
}

TEST_CASE("the keys that appear become columns") {
    struct Case {
        std::string key;
        ColumnType want;
    };

    auto schema = empty_loose_schema({"zoho_crm", "users"});
    const std::string body =
        R"({"users":[{"id":"1","zuid":"2","full_name":null,"role":{"id":"5"},"created_time":"2024-01-01T00:00:00Z",)"
        R"("Modified_Time":"x","confirm":true,"offset":-28800000,"ratio":1.5,"nothing":null,"profile_id":"7"},)"
        R"({"id":"2","full_name":"Ann","tags":[],"Isonline":false}]})";

    CHECK(add_columns_that_appear(body, "users", {}, schema));

    const Case cases[] = {{"id", ColumnType::bigint},
                          {"zuid", ColumnType::text},
                          {"full_name", ColumnType::text},
                          {"role", ColumnType::json},
                          {"created_time", ColumnType::timestamptz},
                          {"Modified_Time", ColumnType::timestamptz},
                          {"confirm", ColumnType::boolean},
                          {"offset", ColumnType::bigint},
                          {"ratio", ColumnType::numeric},
                          {"nothing", ColumnType::text},
                          {"profile_id", ColumnType::bigint},
                          {"tags", ColumnType::json}};
    for (const auto& c : cases) {
        CAPTURE(c.key);
        REQUIRE(find(schema, c.key) != nullptr);
        CHECK(find(schema, c.key)->type == c.want);
    }
    CHECK(schema.columns[0].api_name == "id");
    CHECK_FALSE(find(schema, "Isonline")->counts_as_change);
    CHECK_FALSE(find(schema, "offset")->counts_as_change);
    CHECK(find(schema, "zuid")->counts_as_change);
    CHECK_FALSE(add_columns_that_appear(body, "users", {}, schema));
}

TEST_CASE("a key that is not selected adds no column") {
    auto schema = empty_loose_schema({"zoho_crm", "users"});
    const std::string body =
        R"({"users":[{"id":"1","full_name":"Ann","email":"a@b.c","role":{}}]})";
    const FieldSelection select{{"*"}, {"id", "e*"}};

    CHECK(add_columns_that_appear(body, "users", select, schema));

    CHECK(schema.columns.size() == 3);
    CHECK(find(schema, "email") == nullptr);
    CHECK_FALSE(add_columns_that_appear(body, "users", select, schema));
}

TEST_CASE("what is no record adds no column") {
    auto schema = empty_loose_schema({"zoho_crm", "users"});

    CHECK_FALSE(add_columns_that_appear(
        R"({"users":[5,"x",null,[{"a":1}],{"id":"1"}]})", "users", {}, schema));
    CHECK(schema.columns.size() == 1);
}

TEST_CASE("a reply without the list is a bad response") {
    for (const std::string body :
         {"", "[]", "{}", R"({"users":null})", R"({"users":{}})", "<html>"}) {
        CAPTURE(body);
        auto schema = empty_loose_schema({"zoho_crm", "users"});
        auto kind = ErrorKind::internal;

        try {
            (void)add_columns_that_appear(body, "users", {}, schema);
        } catch (const SyncError& error) {
            kind = error.kind();
        }

        CHECK(kind == ErrorKind::bad_response);
    }
}

} // namespace
} // namespace zohosyncd
