#include "daemon/core/errors.hpp"
#include "daemon/zoho/list_reader.hpp"
#include "tests/fakes/zoho_client.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using fakes::date_header;
using fakes::ZohoClient;

constexpr std::chrono::sys_seconds noon{1'700'000'000s}; // 22:13:20

/// id, Modified_Time and so many fields F2, F3, …
StreamSchema schema_of(std::size_t columns) {
    StreamSchema schema;
    schema.target = {"zoho_crm", "leads"};
    schema.columns.push_back({"id", "", "", "", "bigint", ColumnType::bigint, true, {}});
    schema.columns.push_back(
        {"Modified_Time", "", "", "", "datetime", ColumnType::timestamptz, true, {}});
    while (schema.columns.size() < columns) {
        const auto name = "F" + std::to_string(schema.columns.size());
        schema.columns.push_back({name, "", "", "", "text", ColumnType::text, true, {}});
    }
    schema.version_column = 1;
    return schema;
}

/// Without `more` the record has a field of each slice.
std::string record(int id, int second, const std::string& more) {
    const std::string fields = more.empty() ? R"("F2":"x","F55":"x","F99":"x","F119":"x")" : more;
    const std::string at = (second < 10 ? "0" : "") + std::to_string(second);
    return R"({"id":")" + std::to_string(id) + R"(","Modified_Time":"2023-11-14T22:13:)" + at +
           "+00:00\"" + "," + fields + "}";
}

std::string page(const std::vector<std::string>& records, const std::string& next_token = "") {
    std::string body = R"({"data":[)";
    for (const auto& each : records) {
        body += (body.back() == '[' ? "" : ",") + each;
    }
    return body + R"(],"info":{"more_records":)" + (next_token.empty() ? "false" : "true") +
           R"(,"next_page_token":)" + (next_token.empty() ? "null" : "\"" + next_token + "\"") +
           "}}";
}

struct Reading {
    explicit Reading(std::size_t columns, std::string module = "Deals")
        : schema(schema_of(columns)), listed(columns), authoritative(columns),
          reader(zoho.api, std::move(module), schema) {}

    const ListReader::Page& read(const PageRequest& request) {
        return reader.read(request, listed, authoritative, {});
    }

    ErrorKind kind_of_refusal() {
        try {
            (void)read({noon, ""});
        } catch (const SyncError& error) {
            return error.kind();
        }
        return ErrorKind::internal;
    }

    std::string url(std::size_t at) const {
        const auto requests = zoho.script.requests();
        return at < requests.size()
                   ? requests[at].url.substr(std::string("https://www.zohoapis.com/crm/v6").size())
                   : "";
    }

    ZohoClient zoho;
    StreamSchema schema;
    Batch listed;
    Batch authoritative;
    ListReader reader;
};

TEST_CASE("a module of few fields is read in one call a page") {
    Reading reading(4);
    reading.zoho.script.reply(
        200,
        page({record(1, 5, R"("F2":"a")"), record(2, 6, R"("F3":"b")")}, "next"),
        date_header(40));

    const auto& got = reading.read({noon, ""});

    CHECK(reading.url(0) ==
          "/Deals?fields=id,Modified_Time,F2,F3&sort_by=Modified_Time&sort_order=asc&per_page=200");
    CHECK(reading.zoho.script.requests()[0].headers.back() ==
          "If-Modified-Since: 2023-11-14T22:13:20+00:00");
    CHECK(got.ids == std::vector<std::int64_t>{1, 2});
    CHECK(got.versions == std::vector<std::chrono::sys_seconds>{noon - 15s, noon - 14s});
    CHECK(got.more_records);
    CHECK(got.next_page_token == "next");
    CHECK(got.date == noon + 20s);
    CHECK(reading.listed.rows() == 2);
    CHECK(reading.listed.column(3).value(1) == "b");
    CHECK(reading.authoritative.rows() == 0);
}

TEST_CASE("a page's facts do not repeat the rows of pages before it in the batch") {
    Reading reading(3);
    reading.zoho.script.reply(200, page({record(1, 5, "")}, "t"));
    reading.zoho.script.reply(200, page({record(2, 6, "")}));
    reading.zoho.script.reply(304, "", date_header(50));

    (void)reading.read({noon, ""});
    CHECK(reading.read({noon, "t"}).ids == std::vector<std::int64_t>{2});
    CHECK(reading.url(1).find("&page_token=t") != std::string::npos);
    const auto& last = reading.read({noon, ""});

    CHECK(last.ids.empty());
    CHECK_FALSE(last.more_records);
    CHECK(last.date == noon + 30s);
    CHECK(reading.listed.rows() == 2);
    CHECK(reading.reader.pages_read() == 3);
}

TEST_CASE("converted leads are asked for too") {
    Reading reading(3, "Leads");
    reading.zoho.script.reply(204, "");

    (void)reading.read({noon, ""});

    CHECK(reading.url(0).find("&converted=both") != std::string::npos);
}

TEST_CASE("a reply without info.more_records is no page of a list") {
    Reading reading(3);
    reading.zoho.script.reply(200, R"({"data":[{"id":"1"}]})");

    CHECK(reading.kind_of_refusal() == ErrorKind::bad_response);
}

TEST_CASE("a record without a time is stored and does not disturb the page's order") {
    Reading reading(3);
    reading.zoho.script.reply(
        200,
        page({record(1, 5, ""), R"({"id":"2","Modified_Time":null,"F2":"x"})", record(3, 6, "")}));

    const auto& got = reading.read({noon, ""});

    CHECK(got.ids == std::vector<std::int64_t>{1, 3});
    CHECK(got.versions.size() == 2);
    CHECK(reading.listed.rows() == 3);
}

TEST_CASE("a hundred and twenty fields are read in three calls under one header") {
    Reading reading(120);
    REQUIRE(reading.reader.slices() == 3);
    reading.zoho.script.reply(
        200, page({record(1, 5, R"("F2":"a")"), record(2, 6, "")}, "t0"), date_header(40));
    reading.zoho.script.reply(
        200, page({record(1, 5, R"("F60":"b")"), record(2, 6, "")}, "t1"), date_header(41));
    reading.zoho.script.reply(
        200,
        page({record(2, 6, R"("F119":"d")"), record(1, 5, R"("F119":"c")")}, "t2"),
        date_header(41));

    const auto& got = reading.read({noon, ""});

    CHECK(got.next_page_token == "t0");
    CHECK(got.date == noon + 20s);
    CHECK(got.rows_fetched_singly == 0);
    REQUIRE(reading.listed.rows() == 2);
    CHECK(reading.listed.column(2).value(0) == "a");
    CHECK(reading.listed.column(60).value(0) == "b");
    CHECK(reading.listed.column(119).value(0) == "c");
    CHECK(reading.listed.column(119).value(1) == "d");
    for (const auto& request : reading.zoho.script.requests()) {
        CHECK(request.headers.back() == "If-Modified-Since: 2023-11-14T22:13:20+00:00");
        CHECK(request.url.find("fields=id,Modified_Time,") != std::string::npos);
    }

    reading.zoho.script.reply(200, page({record(3, 6, "")}), date_header(42));
    reading.zoho.script.reply(200, page({record(3, 6, "")}), date_header(42));
    reading.zoho.script.reply(200, page({record(3, 6, "")}), date_header(42));
    (void)reading.read({noon, "t0"});
    CHECK(reading.url(3).find("page_token=t0") != std::string::npos);
    CHECK(reading.url(4).find("page_token=t1") != std::string::npos);
    CHECK(reading.url(5).find("page_token=t2") != std::string::npos);
    CHECK(reading.listed.rows() == 3);
}

TEST_CASE("records whose slices disagree are fetched whole by id") {
    Reading reading(120);
    reading.zoho.script.reply(
        200, page({record(1, 5, ""), record(2, 6, ""), record(3, 45, "")}), date_header(40));
    reading.zoho.script.reply(200, page({record(1, 5, ""), record(2, 41, "")}), date_header(41));
    reading.zoho.script.reply(200, page({record(1, 5, ""), record(2, 41, "")}), date_header(41));
    reading.zoho.script.reply(
        200, R"({"data":[)" + record(2, 42, R"("F2":"whole","F119":"x")") + "]}", date_header(42));
    reading.zoho.script.reply(204, "");

    const auto& got = reading.read({noon, ""});

    CHECK(got.rows_fetched_singly == 2);
    CHECK(got.ids == std::vector<std::int64_t>{1, 2, 3});
    CHECK(reading.url(3) == "/Deals/2");
    CHECK(reading.url(4) == "/Deals/3");
    CHECK(reading.listed.ids() == std::vector<std::int64_t>{1});
    REQUIRE(reading.authoritative.ids() == std::vector<std::int64_t>{2});
    CHECK(reading.authoritative.column(2).value(0) == "whole");
}

TEST_CASE("behind a token only seconds that were over at the anchored page count as settled") {
    Reading reading(60);
    REQUIRE(reading.reader.slices() == 2);
    reading.zoho.script.reply(200, page({record(1, 5, "")}, "a"), date_header(20));
    reading.zoho.script.reply(200, page({record(1, 5, "")}, "b"), date_header(20));
    (void)reading.read({noon, ""});

    // The second slice's snapshot may be younger than the first's by an edit within second 20.
    reading.zoho.script.reply(200, page({record(2, 20, "")}), date_header(40));
    reading.zoho.script.reply(200, page({record(2, 20, "")}), date_header(40));
    reading.zoho.script.reply(200, R"({"data":[)" + record(2, 20, "") + "]}", date_header(40));
    const auto& got = reading.read({noon, "a"});

    CHECK(got.rows_fetched_singly == 1);
    CHECK(reading.listed.ids() == std::vector<std::int64_t>{1});
}

TEST_CASE("a page of another slice, or another record, is refused") {
    for (const int wrong : {0, 1}) {
        CAPTURE(wrong);
        Reading reading(60);
        const auto first = page({record(1, 5, R"("F2":"a")")});
        const auto second = page({record(1, 5, R"("F59":"b")")});
        reading.zoho.script.reply(200, wrong == 0 ? second : first, date_header(40));
        reading.zoho.script.reply(200, first, date_header(40));

        CHECK(reading.kind_of_refusal() == ErrorKind::bad_response);
    }
    Reading reading(4);
    reading.zoho.script.reply(200, page({record(7, 5, R"("F2":"a")")}));
    std::string said;
    try {
        (void)reading.reader.read_record(8, reading.authoritative, {});
    } catch (const SyncError& error) {
        said = to_string(error.kind());
    }
    CHECK(said == "bad_response");
    CHECK(reading.authoritative.rows() == 0);
}

TEST_CASE("a slice whose list ended earlier is not asked with another's token") {
    Reading reading(60);
    reading.zoho.script.reply(200, page({record(1, 5, "")}, "a"), date_header(20));
    reading.zoho.script.reply(200, page({record(1, 5, "")}), date_header(20));
    (void)reading.read({noon, ""});

    reading.zoho.script.reply(200, page({record(2, 6, "")}), date_header(40));
    reading.zoho.script.reply(200, R"({"data":[)" + record(2, 6, "") + "]}", date_header(40));
    (void)reading.read({noon, "a"});

    CHECK(reading.url(3) == "/Deals/2");
    CHECK(reading.authoritative.ids() == std::vector<std::int64_t>{2});
}

TEST_CASE("poison in a slice reaches quarantine although the page has no usable row") {
    Reading reading(60);
    reading.zoho.script.reply(200, page({R"({"F2":"no id"})"}), date_header(20));

    (void)reading.read({noon, ""});

    CHECK(reading.listed.quarantined().size() == 1);
}

TEST_CASE("a record that is gone is no error, another refusal is") {
    struct Case {
        std::string name;
        long status;
        std::string body;
        std::optional<ErrorKind> want;
        bool is_there = false;
    };

    const Case cases[] = {
        {"204", 204, "", {}},
        {"404", 404, "", {}},
        {"404 with a code", 404, R"({"code":"INVALID_DATA"})", {}},
        {"400 with a code", 400, R"({"code":"INVALID_DATA"})", {}},
        {"an empty list", 200, R"({"data":[]})", ErrorKind::bad_response},
        {"can not be stored", 200, R"({"data":[7]})", {}, true},
        {"wrong path", 404, R"({"code":"INVALID_URL_PATTERN"})", ErrorKind::bad_response},
        {"no permission", 403, R"({"code":"NO_PERMISSION"})", ErrorKind::denied},
        {"server error", 500, "", ErrorKind::server_error},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        Reading reading(3);
        reading.zoho.script.reply(c.status, c.body);
        std::optional<ErrorKind> got;
        bool is_there = false;

        try {
            is_there = reading.reader.read_record(7, reading.authoritative, {});
        } catch (const SyncError& error) {
            got = error.kind();
        }

        CHECK(got == c.want);
        CHECK(is_there == c.is_there);
        CHECK(reading.authoritative.rows() == 0);
    }
}

TEST_CASE("what lists leave out is not asked for, and is NULL however a record was read") {
    auto schema = schema_of(3);
    Column helpers;
    helpers.api_name = "Helpers";
    helpers.type = ColumnType::json;
    helpers.is_detail = true;
    schema.columns.push_back(helpers);
    ZohoClient zoho;
    ListReader reader(zoho.api, "Deals", schema);
    Batch listed(4);
    Batch authoritative(4);
    const std::string extra = R"("F2":"x","Helpers":[{"id":"3"}])";

    zoho.script.reply(200, page({record(7, 1, extra), record(8, 2, extra)}), date_header(20));
    const auto& read = reader.read({noon, ""}, listed, authoritative, {});
    CHECK(read.absent.empty());
    zoho.script.reply(200, R"({"data":[)" + record(7, 1, extra) + "]}", date_header(20));
    CHECK(reader.read_record(7, authoritative, {}));

    CHECK(zoho.script.requests()[0].url.find("Helpers") == std::string::npos);
    REQUIRE(listed.rows() == 2);
    CHECK(listed.column(3).is_null(1));
    REQUIRE(authoritative.rows() == 1);
    CHECK(authoritative.column(3).is_null(0));
    CHECK(authoritative.column(2).value(0) == "x");
}

} // namespace
} // namespace zohosyncd
