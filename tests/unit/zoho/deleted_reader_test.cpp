#include "daemon/core/errors.hpp"
#include "daemon/zoho/deleted_reader.hpp"
#include "tests/fakes/zoho_client.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using fakes::date_header;
using fakes::ZohoClient;

constexpr std::chrono::sys_seconds noon{1'700'000'000s};

std::string page(const std::vector<int>& ids, bool more) {
    std::string body = R"({"data":[)";
    for (const int id : ids) {
        body += (body.back() == '[' ? "" : ",") +
                (R"({"deleted_by":null,"id":")" + std::to_string(id)) +
                R"(","type":"permanent","deleted_time":"2023-11-14T23:13:2)" +
                std::to_string(id % 10) + "+01:00\"}";
    }
    return body + R"(],"info":{"page":1,"more_records":)" + (more ? "true" : "false") + "}}";
}

std::vector<std::int64_t> ids_of(const DeletedRecords& records) {
    std::vector<std::int64_t> ids;
    for (const auto& [id, time] : records.deleted_at) {
        ids.push_back(id);
    }
    return ids;
}

TEST_CASE("a list of one page is read once") {
    ZohoClient zoho;
    zoho.script.reply(200, page({3, 1}, false), date_header(30));

    const auto got = read_deleted(zoho.api, "Leads", noon, {});

    CHECK(ids_of(got) == std::vector<std::int64_t>{1, 3});
    CHECK(got.deleted_at.at(3) == noon + 3s);
    CHECK(got.date == noon + 10s);
    const auto requests = zoho.script.requests();
    REQUIRE(requests.size() == 1);
    CHECK(requests[0].url ==
          "https://www.zohoapis.com/crm/v6/Leads/deleted?type=all&per_page=200&page=1");
    CHECK(requests[0].headers.back() == "If-Modified-Since: 2023-11-14T22:13:20+00:00");
}

TEST_CASE("an empty list is no deletion") {
    for (const long status : {204L, 304L}) {
        ZohoClient zoho;
        zoho.script.reply(status, "", date_header(30));

        const auto got = read_deleted(zoho.api, "Leads", noon, {});

        CHECK(got.deleted_at.empty());
        CHECK(got.date == noon + 10s);
    }
}

TEST_CASE("a list of several pages is read until two readings agree") {
    ZohoClient zoho;
    zoho.script.reply(200, page({1, 2}, true), date_header(30));
    zoho.script.reply(200, page({4}, false), date_header(31));
    // A restore of 1 between the two pages had hidden 3.
    zoho.script.reply(200, page({2, 3}, true), date_header(32));
    zoho.script.reply(200, page({4}, false), date_header(33));
    zoho.script.reply(200, page({2, 3}, true), date_header(34));
    zoho.script.reply(200, page({4}, false), date_header(35));

    const auto got = read_deleted(zoho.api, "Leads", noon, {});

    CHECK(ids_of(got) == std::vector<std::int64_t>{2, 3, 4});
    CHECK(got.date == noon + 10s);
    CHECK(zoho.script.replies_left() == 0);
    CHECK(zoho.script.requests()[1].url.find("page=2") != std::string::npos);
}

TEST_CASE("a list that never settles is left after five readings") {
    ZohoClient zoho;
    for (int reading = 0; reading < 9; ++reading) {
        zoho.script.reply(200, page({reading}, true));
        zoho.script.reply(204, "");
    }

    (void)read_deleted(zoho.api, "Leads", noon, {});

    CHECK(zoho.script.requests().size() == 10);
}

TEST_CASE("of two deletions of one record the later counts") {
    ZohoClient zoho;
    zoho.script.reply(
        200,
        R"({"data":[{"id":"1","deleted_time":"2023-11-14T22:13:29+00:00"},)"
        R"({"id":"1","deleted_time":"2023-11-14T22:13:25+00:00"}],"info":{"more_records":false}})");

    CHECK(read_deleted(zoho.api, "Leads", noon, {}).deleted_at.at(1) == noon + 9s);
}

TEST_CASE("odd entries hide no others") {
    ZohoClient zoho;
    zoho.script.reply(
        200,
        R"({"data":[5,null,{"id":7,"deleted_time":"x"},{"id":"8","deleted_time":null},{},)"
        R"({"id":"9","deleted_time":"2023-11-14T22:13:29+00:00"}],"info":{"more_records":false}})");

    CHECK(ids_of(read_deleted(zoho.api, "Leads", noon, {})) == std::vector<std::int64_t>{9});
}

TEST_CASE("what is no delete list is a bad response") {
    for (const std::string body : {R"({})",
                                   R"({"data":5})",
                                   R"({"data":[]})",
                                   R"({"data":[],"info":[]})",
                                   R"({"data":[],"info":{"more_records":"false"}})",
                                   R"({"data":[)"}) {
        CAPTURE(body);
        ZohoClient zoho;
        zoho.script.reply(200, body);
        auto kind = ErrorKind::internal;

        try {
            (void)read_deleted(zoho.api, "Leads", noon, {});
        } catch (const SyncError& error) {
            kind = error.kind();
        }

        CHECK(kind == ErrorKind::bad_response);
    }
}

} // namespace
} // namespace zohosyncd
