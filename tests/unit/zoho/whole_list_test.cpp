#include "daemon/zoho/whole_list.hpp"
#include "tests/fakes/scripted_transport.hpp"
#include "tests/fakes/zoho_client.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace zohosyncd {
namespace {

struct Fixture {
    explicit Fixture(std::size_t fields = 1) {
        schema.columns.push_back({"id", "id", "", "", "bigint", ColumnType::bigint, true, {}});
        for (std::size_t i = 0; i < fields; ++i) {
            const auto name = "F" + std::to_string(i);
            schema.columns.push_back({name, name, "", "", "text", ColumnType::text, true, {}});
        }
        batch = Batch(schema.columns.size());
    }

    /// Reads to the end.
    void walk() {
        WholeList list(client, "Links", schema);
        while (!list.is_finished()) {
            list.read(batch, stop.get_token());
        }
    }

    std::optional<ErrorKind> walk_fails() {
        try {
            walk();
        } catch (const SyncError& error) {
            return error.kind();
        }
        return std::nullopt;
    }

    /// A reply that lists ids with F0; `token` when more follows.
    void page(const std::vector<int>& ids,
              const std::string& token = {},
              const std::string& field = "F0") {
        std::string rows;
        for (const auto id : ids) {
            rows += (rows.empty() ? "" : ",") +
                    (R"({"id":")" + std::to_string(id) + R"(",")" + field + R"(":"x"})");
        }
        script.reply(200,
                     R"({"data":[)" + rows + R"(],"info":{"more_records":)" +
                         (token.empty() ? "false" : R"(true,"next_page_token":")" + token + "\"") +
                         "}}");
    }

    void refuse(const std::string& code) {
        script.reply(400,
                     R"({"code":")" + code + R"(","details":{},"message":"m","status":"error"})");
    }

    /// Whether request `index` asked with this text.
    [[nodiscard]] bool asked(std::size_t index, const std::string& text) const {
        return script.requests().at(index).url.find(text) != std::string::npos;
    }

    ZohoSettings settings = fakes::zoho_settings();
    fakes::ManualClock clock;
    fakes::Script script;
    RequestGate gate{{100, 3}, clock};
    TokenProvider tokens{settings, gate, clock};
    ApiClient client{
        settings, tokens, gate, clock, std::make_unique<fakes::ScriptedTransport>(script)};
    std::stop_source stop;
    StreamSchema schema;
    Batch batch;
};

TEST_CASE("the list is walked by id with tokens to its end") {
    Fixture zoho;
    zoho.page({1, 2}, "t1");
    zoho.page({3});

    zoho.walk();

    CHECK(zoho.batch.ids() == std::vector<std::int64_t>{1, 2, 3});
    const auto sent = zoho.script.requests().size();
    CHECK(zoho.asked(sent - 2, "sort_by=id&sort_order=asc"));
    CHECK_FALSE(zoho.asked(sent - 2, "page_token"));
    CHECK(zoho.asked(sent - 1, "page_token=t1"));
}

TEST_CASE("an empty module is a walk of no rows") {
    Fixture zoho;
    zoho.script.reply(204, "");
    zoho.walk();
    CHECK(zoho.batch.rows() == 0);
}

TEST_CASE("beyond the last row that tokens reach the list is read from the other end") {
    Fixture zoho;
    zoho.page({1, 2}, "t1");
    zoho.refuse("PAGINATION_LIMIT_EXCEEDED");
    zoho.page({5, 4}, "t2");
    zoho.page({3, 2}, "t3");

    zoho.walk();

    CHECK(zoho.batch.ids() == std::vector<std::int64_t>{1, 2, 5, 4, 3, 2});
    CHECK(zoho.asked(zoho.script.requests().size() - 2, "sort_order=desc"));
}

TEST_CASE("a list that both ends do not cover is refused") {
    Fixture zoho;
    zoho.page({1, 2}, "t1");
    zoho.refuse("PAGINATION_LIMIT_EXCEEDED");
    zoho.page({9, 8}, "t2");
    zoho.refuse("PAGINATION_LIMIT_EXCEEDED");

    CHECK(zoho.walk_fails() == ErrorKind::schema_conflict);
}

TEST_CASE("a page that promises more without a new token is no page") {
    Fixture zoho;
    zoho.page({1}, "t1");
    zoho.page({2}, "t1");
    CHECK(zoho.walk_fails() == ErrorKind::bad_response);
}

TEST_CASE("any other refusal is handed on") {
    Fixture zoho;
    zoho.refuse("INVALID_MODULE");
    CHECK(zoho.walk_fails() == ErrorKind::unknown_module);
}

TEST_CASE("the id alone is never asked for") {
    Fixture zoho(0);
    zoho.page({1});
    zoho.walk();
    CHECK(zoho.asked(zoho.script.requests().size() - 1, "fields=id,Created_Time"));
}

TEST_CASE("several slices are read twice, and what did not stand still is fetched by its id") {
    Fixture zoho(60);
    for (int reading = 0; reading < 2; ++reading) {
        zoho.page(reading == 0 ? std::vector<int>{1, 2} : std::vector<int>{1});
        zoho.page({1, 2}, {}, "F55");
    }
    zoho.script.reply(200, R"({"data":[{"id":"2","F0":"y","F55":"z"}]})");

    zoho.walk();

    CHECK(zoho.batch.ids() == std::vector<std::int64_t>{1, 2});
    CHECK(zoho.batch.column(1).value(0) == "x");
    CHECK(zoho.batch.column(56).value(0) == "x");
    CHECK(zoho.batch.column(1).value(1) == "y");
    CHECK(zoho.batch.column(56).value(1) == "z");
    CHECK(zoho.batch.column(2).is_null(0));
}

TEST_CASE("fields that no row of a page has are named") {
    Fixture zoho(2);
    zoho.page({1}, "t1");
    zoho.page({2}, {}, "F1");
    WholeList list(zoho.client, "Links", zoho.schema);

    list.read(zoho.batch, zoho.stop.get_token());
    CHECK(list.absent() == std::vector<std::string>{"F1"});
    list.read(zoho.batch, zoho.stop.get_token());
    CHECK(list.absent() == std::vector<std::string>{"F0"});
}

TEST_CASE("records are folded where the schema has one column for them") {
    Fixture zoho;
    zoho.schema.folded = {zoho.schema.columns[1]};
    zoho.schema.columns[1] = {"data", "data", "Record", "", "record", ColumnType::json, true, {}};
    zoho.page({1, 2}, "t1");
    zoho.page({3});

    zoho.walk();

    CHECK(zoho.batch.ids() == std::vector<std::int64_t>{1, 2, 3});
    CHECK(zoho.batch.column(1).value(2) == R"({"id":"3","F0":"x"})");
}

} // namespace
} // namespace zohosyncd
