#include "daemon/app/loose_run.hpp"
#include "tests/unit/app/run_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace zohosyncd;
using namespace zohosyncd::fixture;

namespace {

using Lines = std::vector<std::string>;

std::string users(const std::vector<std::string>& records, More more = More::no) {
    return R"({"users":[)" + joined(records) + R"(],"info":{"more_records":)" +
           (more == More::yes ? "true" : "false") + "}}";
}

struct Users : RunFixture {
    Users() : RunFixture("users") {}
};

const std::string ada = R"({"id":"1","name":"Ada","Isonline":true})";
const std::string bob = R"({"id":"2","name":"Bob","created_time":"2023-01-02T03:04:05+01:00"})";

} // namespace

TEST_CASE("users are read page by page into the stage and merged once") {
    Users zoho;
    zoho.script.reply(200, users({ada}, More::yes), dated(noon));
    zoho.script.reply(200, users({bob}), dated(noon + 1s));

    zoho.run();

    const auto requests = zoho.script.requests();
    REQUIRE(requests.size() == 2);
    CHECK(requests[0].url ==
          "https://www.zohoapis.com/crm/v6/users?type=AllUsers&page=1&per_page=200");
    CHECK(requests[1].url ==
          "https://www.zohoapis.com/crm/v6/users?type=AllUsers&page=2&per_page=200");
    CHECK(zoho.target.calls("begin_stage").size() == 1);
    CHECK(zoho.target.calls("write_stage").size() == 2);
    const auto merges = zoho.target.calls("merge_stage");
    REQUIRE(merges.size() == 1);
    CHECK(merges[0].time == noon);
    CHECK(merges[0].checkpoint->finished->pages == 2);
    CHECK(merges[0].checkpoint->finished->rows_read == 2);
    CHECK(zoho.state().consistent_as_of == noon);
    CHECK_FALSE(zoho.state().high_water_mark.has_value());
    CHECK(zoho.state().mode == "full-refresh");
    CHECK(zoho.state().status == StreamStatus::ok);
}

TEST_CASE("a column that a later page brings is added, and earlier rows are kept without it") {
    Users zoho;
    zoho.script.reply(200, users({ada}, More::yes), dated(noon));
    zoho.script.reply(200, users({bob}), dated(noon));

    zoho.run();

    const auto pages = zoho.target.calls("write_stage");
    CHECK(pages.at(0).columns == Lines{"id", "Isonline", "name"});
    CHECK(pages.at(1).columns == Lines{"id", "Isonline", "name", "created_time"});
    const auto rows = zoho.rows();
    CHECK(rows.at(1).values ==
          std::map<std::string, std::string>{{"Isonline", "true"}, {"name", "Ada"}});
    CHECK(rows.at(2).values == std::map<std::string, std::string>{
                                   {"created_time", "2023-01-02T02:04:05Z"}, {"name", "Bob"}});
}

TEST_CASE("columns keep their types and order from run to run") {
    Users zoho;
    zoho.script.reply(200, users({R"({"id":"1","zip":"10115"})"}), dated(noon));
    zoho.run();
    const auto hash = zoho.state().mapping_hash;
    zoho.script.reply(200, users({R"({"id":"1","zip":10115})"}), dated(noon + 60s));

    zoho.run();

    CHECK(zoho.rows().at(1).values.at("zip") == "10115");
    CHECK(zoho.state().mapping_hash == hash);
    CHECK(zoho.state().rows_unchanged == 1);
    CHECK(zoho.target.quarantined() == 0);
}

TEST_CASE("a user who comes online is no change") {
    Users zoho;
    zoho.script.reply(200, users({ada}), dated(noon));
    zoho.run();
    zoho.script.reply(
        200, users({R"({"id":"1","name":"Ada","Isonline":false})"}), dated(noon + 60s));

    zoho.run();

    CHECK(zoho.state().rows_upserted == 1);
    CHECK(zoho.state().rows_unchanged == 1);
}

TEST_CASE("a user is deleted after missing from two whole walks, an empty one not counted") {
    Users zoho;
    const auto read = [&](const std::vector<std::string>& records) {
        zoho.script.reply(200, users(records), dated(noon));
        zoho.run();
        return zoho.rows().at(2).deleted_at.has_value();
    };

    CHECK_FALSE(read({ada, bob}));
    CHECK_FALSE(read({ada}));
    zoho.script.reply(204, "", dated(noon));
    zoho.run();
    CHECK(zoho.rows().size() == 2);
    CHECK(read({ada}));
    CHECK_FALSE(read({ada, bob}));
}

TEST_CASE("a page of users that fails leaves the table and its marks") {
    Users zoho;
    zoho.script.reply(200, users({ada}), dated(noon));
    zoho.run();
    zoho.script.reply(200, users({bob}, More::yes), dated(noon + 60s));
    zoho.script.fail(ErrorKind::network);

    CHECK(zoho.run_fails() == ErrorKind::network);

    CHECK(zoho.rows().size() == 1);
    CHECK(zoho.state().consistent_as_of == noon);
    zoho.script.reply(200, users({ada}), dated(noon + 120s));
    zoho.run();
    CHECK(zoho.rows().size() == 1); // What the failed walk had staged is gone.
    CHECK(zoho.state().consistent_as_of == noon + 120s);
}

TEST_CASE("modules are one answer without pages") {
    RunFixture zoho("modules");
    zoho.script.reply(200,
                      R"({"modules":[{"id":"5","api_name":"Leads"},{"id":"6","api_name":"X"}]})",
                      dated(noon));

    zoho.run();

    CHECK(zoho.asked() == Lines{"settings/modules"});
    CHECK(zoho.rows().size() == 2);
    CHECK(zoho.state().consistent_as_of == noon);
}

TEST_CASE("a reply that lists no users is refused, whatever its status") {
    Users zoho;
    zoho.script.reply(200, R"({"data":[]})", dated(noon));

    CHECK(zoho.run_fails() == ErrorKind::bad_response);

    CHECK(zoho.target.calls("merge_stage").empty());
}

TEST_CASE("users of another organisation are refused") {
    Users zoho;
    zoho.script.reply(200, users({ada}), dated(noon));
    zoho.run();
    zoho.organisation.id = "43";
    zoho.script.reply(200, users({ada}), dated(noon));

    CHECK(zoho.run_fails() == ErrorKind::wrong_org);

    CHECK(zoho.target.calls("begin_stage").size() == 1);
}

TEST_CASE("without a Date a walk counts as made at first contact") {
    Users zoho;
    zoho.script.reply(200, users({ada}));

    zoho.run();

    CHECK(zoho.target.calls("merge_stage").at(0).time == noon);
    CHECK_FALSE(zoho.state().consistent_as_of.has_value());
}
