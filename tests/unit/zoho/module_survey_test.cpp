#include "daemon/zoho/module_survey.hpp"
#include "tests/fakes/scripted_transport.hpp"
#include "tests/fakes/zoho_client.hpp"

#include <doctest/doctest.h>

#include <string>

namespace zohosyncd {
namespace {

const std::string fields =
    R"({"fields":[{"api_name":"Name","data_type":"text","json_type":"string"},)"
    R"({"api_name":"Modified_Time","data_type":"datetime","json_type":"string"}]})";

std::string refusal(const std::string& code) {
    return R"({"code":")" + code + R"(","details":{},"message":"m","status":"error"})";
}

TEST_CASE("a module that can be read costs two requests and has no problem") {
    fakes::ZohoClient zoho;
    zoho.script.reply(200, fields);
    zoho.script.reply(204, "");

    const auto survey = survey_module(zoho.api, "Foo__c", {});

    CHECK(survey.problem.empty());
    CHECK(survey.fields.size() == 2);
    CHECK(zoho.script.requests().back().url.ends_with(
        "/Foo__c?fields=id,Modified_Time&sort_by=Modified_Time&sort_order=asc&per_page=1"));
}

TEST_CASE("each reason why a module can not be read has its words") {
    struct Case {
        const char* name;
        long fields_status;
        std::string fields_body;
        long list_status;
        std::string list_body;
        const char* want;
    };

    const Case cases[] = {
        {"no fields", 204, "", 0, "", "lists no fields"},
        {"fields denied",
         403,
         refusal("NO_PERMISSION"),
         0,
         "",
         "its list of fields (NO_PERMISSION)"},
        {"fields of an unknown module",
         400,
         refusal("INVALID_MODULE"),
         0,
         "",
         "its list of fields (INVALID_MODULE)"},
        {"another key", 200, R"({"modules":[]})", 0, "", "its list of fields can not be read"},
        {"records denied",
         200,
         fields,
         403,
         refusal("NO_PERMISSION"),
         "its records (NO_PERMISSION)"},
        {"no tab", 200, fields, 400, refusal("INVALID_MODULE"), "its records (INVALID_MODULE)"},
        {"scopes",
         200,
         fields,
         403,
         refusal("OAUTH_SCOPE_MISMATCH"),
         "scopes do not cover its records"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        fakes::ZohoClient zoho;
        zoho.script.reply(c.fields_status, c.fields_body);
        if (c.list_status != 0) {
            zoho.script.reply(c.list_status, c.list_body);
        }

        const auto survey = survey_module(zoho.api, "X", {});

        CHECK(survey.problem.find(c.want) != std::string::npos);
    }
}

TEST_CASE("a module without Modified_Time is asked for by its id") {
    const auto request =
        first_record_of("Links", {ZohoField{"Name", "", "", "text", "string", "", false, false}});
    CHECK(request.query[0].second == "id,Name");
    CHECK(request.query[1].second == "id");
    CHECK(first_record_of("Links", {}).query[0].second == "id,Created_Time");
}

} // namespace
} // namespace zohosyncd
