#include "daemon/core/errors.hpp"
#include "daemon/zoho/api_client.hpp"
#include "daemon/zoho/api_errors.hpp"
#include "tests/fakes/zoho_client.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using fakes::ZohoClient;

const ApiRequest leads{"/Leads",
                       {{"fields", "id,Last_Name"}, {"page_token", "a+b/c="}},
                       std::chrono::sys_seconds{1'700'000'000s}};

std::optional<SyncError> failure(ZohoClient& zoho) {
    try {
        (void)zoho.api.get(leads, zoho.stop.get_token());
    } catch (const SyncError& error) {
        return error;
    }
    return std::nullopt;
}

TEST_CASE("a request carries its token, its query and its header") {
    ZohoClient zoho;
    zoho.script.reply(200, R"({"data":[]})");

    const auto reply = zoho.api.get(leads, {});

    CHECK(reply.has_body());
    CHECK(*reply.body == R"({"data":[]})");
    const auto request = zoho.script.requests().at(0);
    CHECK(request.method == "GET");
    CHECK(request.url ==
          "https://www.zohoapis.com/crm/v6/Leads?fields=id,Last_Name&page_token=a%2Bb%2Fc%3D");
    CHECK(request.headers ==
          std::vector<std::string>{"Authorization: Zoho-oauthtoken token-1",
                                   "Accept: application/json",
                                   "If-Modified-Since: 2023-11-14T22:13:20+00:00"});
    CHECK(zoho.api.requests_sent() == 1);
    CHECK(zoho.gate.credits_spent() == 1);
}

TEST_CASE("204 and 304 are answers without rows") {
    for (const long status : {204L, 304L}) {
        ZohoClient zoho;
        zoho.script.reply(status, "", fakes::date_header(21));

        const auto reply = zoho.api.get(leads, {});

        CHECK(reply.status == status);
        CHECK_FALSE(reply.has_body());
        CHECK(reply.date == fakes::ManualClock::wall_begin + 1s);
    }
}

TEST_CASE("a refused token is renewed once and the request repeated as it was") {
    for (const std::string code :
         {"INVALID_TOKEN", "AUTHENTICATION_FAILURE", "INVALID_OAUTHTOKEN", ""}) {
        CAPTURE(code);
        ZohoClient zoho;
        zoho.script.reply(
            401, code.empty() ? "<html>" : R"({"code":")" + code + R"(","status":"error"})");
        zoho.script.reply(200, "{}");

        (void)zoho.api.get(leads, {});

        const auto requests = zoho.script.requests();
        REQUIRE(requests.size() == 2);
        CHECK(requests[0].url == requests[1].url);
        CHECK(requests[0].headers[0] == "Authorization: Zoho-oauthtoken token-1");
        CHECK(requests[1].headers[0] == "Authorization: Zoho-oauthtoken token-2");
        CHECK(requests[1].headers[2] == requests[0].headers[2]);
    }
}

TEST_CASE("a token refused twice is an error and not a loop") {
    ZohoClient zoho;
    zoho.script.reply(401, R"({"code":"INVALID_TOKEN"})");
    zoho.script.reply(401, R"({"code":"INVALID_TOKEN"})");

    const auto error = failure(zoho);

    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::unauthorized);
    CHECK(zoho.script.requests().size() == 2);
    CHECK(zoho.script.token_requests().size() == 2);
}

TEST_CASE("error replies have their kind, code and status, and no secret") {
    struct Case {
        std::string name;
        long status;
        std::string body;
        ErrorKind want;
        std::string code;
    };

    const Case cases[] = {
        {"wrong module",
         400,
         R"({"code":"INVALID_MODULE","message":"m"})",
         ErrorKind::unknown_module,
         "INVALID_MODULE"},
        {"no permission",
         403,
         R"({"code":"NO_PERMISSION","details":{"permissions":["x"]}})",
         ErrorKind::denied,
         "NO_PERMISSION"},
        {"no permission, 400",
         400,
         R"({"code":"NO_PERMISSION"})",
         ErrorKind::denied,
         "NO_PERMISSION"},
        {"scope, although 401",
         401,
         R"({"code":"OAUTH_SCOPE_MISMATCH"})",
         ErrorKind::denied,
         "OAUTH_SCOPE_MISMATCH"},
        {"admin only", 403, R"({"code":"NOT_SUPPORTED"})", ErrorKind::denied, "NOT_SUPPORTED"},
        {"403 without a body", 403, "", ErrorKind::denied, ""},
        {"too many",
         429,
         R"({"code":"TOO_MANY_REQUESTS"})",
         ErrorKind::rate_limited,
         "TOO_MANY_REQUESTS"},
        {"429 in HTML", 429, "<html>", ErrorKind::rate_limited, ""},
        {"token out of date",
         400,
         R"({"code":"EXPIRED_VALUE"})",
         ErrorKind::token_expired_page,
         "EXPIRED_VALUE"},
        {"token of other parameters",
         400,
         R"({"code":"TOKEN_BOUND_DATA_MISMATCH"})",
         ErrorKind::token_expired_page,
         "TOKEN_BOUND_DATA_MISMATCH"},
        {"inside data",
         400,
         R"({"data":[{"code":"INVALID_DATA","message":"m"}]})",
         ErrorKind::bad_response,
         "INVALID_DATA"},
        {"server error",
         500,
         R"({"code":"INTERNAL_ERROR"})",
         ErrorKind::server_error,
         "INTERNAL_ERROR"},
        {"gateway", 502, "<html>Bad Gateway</html>", ErrorKind::server_error, ""},
        {"unavailable", 503, "", ErrorKind::server_error, ""},
        {"a redirect", 302, "", ErrorKind::bad_response, ""},
        {"an unknown code", 400, R"({"code":"NEW_ONE"})", ErrorKind::bad_response, "NEW_ONE"},
        {"200 in HTML", 200, "<html>login</html>", ErrorKind::bad_response, ""},
        {"200 and nothing", 200, "  ", ErrorKind::bad_response, ""},
        {"200 and an array", 200, "[]", ErrorKind::bad_response, ""},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        ZohoClient zoho;
        zoho.script.reply(c.status, c.body);

        const auto error = failure(zoho);

        REQUIRE(error);
        CHECK(error->kind() == c.want);
        CHECK(error->zoho_code() == c.code);
        CHECK(error->http_status() == c.status);
        const std::string what = error->what();
        for (const char* secret : {"token-", "hush", "CLIENTID", "page_token", "Last_Name"}) {
            CHECK(what.find(secret) == std::string::npos);
        }
    }
}

TEST_CASE("Retry-After is honoured within bounds") {
    struct Case {
        std::string header;
        std::chrono::milliseconds want;
    };

    const Case cases[] = {{"", 0ms},
                          {"7", 7s},
                          {"-3", 0ms},
                          {"99999999999999999999", 1h},
                          {"86400", 1h},
                          {"Wed, 21 Oct 2015 07:28:00 GMT", 0ms}};
    for (const auto& c : cases) {
        CAPTURE(c.header);
        ZohoClient zoho;
        zoho.script.reply(429, "", {{"retry-after", c.header}});

        CHECK(failure(zoho)->retry_after() == c.want);
    }
}

TEST_CASE("a Date is believed within the tolerance of our own clock") {
    struct Case {
        std::string date;
        bool is_believed;
    };

    const Case cases[] = {{"Tue, 14 Nov 2023 22:13:20 GMT", true},
                          {"Tue, 14 Nov 2023 22:18:20 GMT", true},
                          {"Tue, 14 Nov 2023 22:18:21 GMT", false},
                          {"Tue, 14 Nov 2023 22:08:20 GMT", true},
                          {"Tue, 14 Nov 2023 22:08:19 GMT", false},
                          {"Mon, 14 Nov 2023 22:13:20 GMT", false},
                          {"now", false}};
    for (const auto& c : cases) {
        CAPTURE(c.date);
        ZohoClient zoho;
        zoho.script.reply(200, "{}", {{"date", c.date}});

        CHECK(zoho.api.get(leads, {}).date.has_value() == c.is_believed);
    }
}

TEST_CASE("a failed exchange is passed on as it is and frees its place") {
    ZohoClient zoho;
    zoho.script.fail(ErrorKind::network);

    CHECK(failure(zoho)->kind() == ErrorKind::network);
    CHECK(zoho.gate.snapshot().in_flight == 0);
}

TEST_CASE("error bodies are read wherever they are") {
    CHECK(read_error_body(R"({"code":"A","message":"b"})").code == "A");
    CHECK(read_error_body(R"({"data":[{"code":"A","message":"b"}]})").message == "b");
    CHECK(read_error_body(R"({"data":[]})").code.empty());
    CHECK(read_error_body(R"({"data":[5]})").code.empty());
    CHECK(read_error_body(R"({"code":5})").code.empty());
    CHECK(read_error_body("<html>").code.empty());
    CHECK(read_error_body("").code.empty());
}

TEST_CASE("query values are encoded but for commas") {
    CHECK(query_encoded("a,b c&d=é") == "a,b%20c%26d%3D%C3%A9");
}

} // namespace
} // namespace zohosyncd
