#include "daemon/core/errors.hpp"
#include "daemon/zoho/detail_reader.hpp"
#include "tests/fakes/zoho_client.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using fakes::date_header;
using fakes::ZohoClient;

// What date_header(20) says.
constexpr std::chrono::sys_seconds version{1'700'000'000s};

std::vector<LineTable> tables() {
    ZohoField items;
    items.api_name = "Items";
    items.data_type = "subform";
    ZohoField visits = items;
    visits.api_name = "Visits";
    return line_tables({"crm", "quotes"}, {items, visits}, {});
}

std::string record(const std::string& members,
                   const std::string& time = "2023-11-14T23:13:20+01:00") {
    return R"({"data":[{"id":"7","Modified_Time":")" + time + "\"" + members + "}]}";
}

struct Read {
    ZohoClient zoho;
    RecordDetails record;

    DetailOutcome operator()(long status, const std::string& body, int second = 21) {
        zoho.script.reply(status, body, date_header(second));
        DetailReader reader(zoho.api, "Quotes", tables());
        return reader.read(7, version, record, {});
    }
};

TEST_CASE("the lines of a record are taken as they came") {
    Read read;

    CHECK(read(200, record(R"(,"Items":[{"id":"1"}],"Visits":null)")) == DetailOutcome::read);

    REQUIRE(read.record.fields.size() == 2);
    CHECK(read.record.fields[0].json == R"([{"id":"1"}])");
    CHECK(read.record.fields[1].json == "[]");
    CHECK_FALSE(read.record.fields[0].is_cut);
    CHECK(read.zoho.script.requests()[0].url == "https://www.zohoapis.com/crm/v6/Quotes/7");
}

TEST_CASE("a field that is not there is no empty list, and Zoho may keep lines back") {
    Read read;

    CHECK(read(200, record(R"(,"Items":[],"$has_more":{"Items":true})")) == DetailOutcome::read);

    CHECK(read.record.fields[0].json == "[]");
    CHECK(read.record.fields[0].is_cut);
    CHECK(read.record.fields[1].json.empty());
}

TEST_CASE("only the version asked for counts, once its second is over") {
    struct Case {
        const char* name;
        long status;
        std::string body;
        int second;
        DetailOutcome want;
    };

    const Case cases[] = {
        {"newer",
         200,
         record(R"(,"Items":[])", "2023-11-14T22:13:21+00:00"),
         59,
         DetailOutcome::changed},
        {"within its second", 200, record(R"(,"Items":[])"), 20, DetailOutcome::too_young},
        {"after its second", 200, record(R"(,"Items":[])"), 21, DetailOutcome::read},
        {"gone", 204, "", 59, DetailOutcome::gone},
        {"gone by another word",
         404,
         R"({"code":"INVALID_DATA","details":{},"message":"the id given seems to be invalid","status":"error"})",
         59,
         DetailOutcome::gone},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        Read read;
        CHECK(read(c.status, c.body, c.second) == c.want);
    }
}

TEST_CASE("the answer to another request is no record's details") {
    Read read;
    CHECK_THROWS_AS(
        read(200, R"({"data":[{"id":"8","Modified_Time":"2023-11-14T22:13:20+00:00"}]})"),
        SyncError);
}

RecordDetails details(std::int64_t id, const std::string& items) {
    RecordDetails made;
    made.id = id;
    made.version = version;
    made.fields = {{items, false}, {"", false}};
    return made;
}

TEST_CASE("columns of lines appear with their first value") {
    auto table = tables().front();
    const std::vector<RecordDetails> records{details(
        7,
        R"([{"id":"1","Parent_Id":{"id":"7"},"$in_merge":false,"Note":null,"Price":1,"Paid":true,)"
        R"("Visited_Time":"2023-11-14T22:13:20+00:00","Who":{"id":"3"},"Text":"x"}])")};

    CHECK(add_line_columns_that_appear(records, 0, table));
    CHECK_FALSE(add_line_columns_that_appear(records, 0, table));

    std::string columns;
    for (std::size_t i = first_line_field; i < table.columns.size(); ++i) {
        columns += table.columns[i].api_name + " " + to_string(table.columns[i].type) + ",";
    }
    CHECK(columns == "Paid boolean,Price numeric,Text text,Visited_Time timestamptz,Who json,");
}

TEST_CASE("lines become rows with their record and place") {
    auto all = tables();
    ZohoField price;
    price.api_name = "Price";
    price.data_type = "currency";
    add_line_fields(all[0], {price});
    auto cut = details(9, R"([{"id":"21","Price":0.10}])");
    cut.fields[0].is_cut = true;
    const std::vector<RecordDetails> records{
        details(
            7,
            R"([{"id":"12","Price":5,"Parent_Id":{"id":"7"}},{"Price":6},{"id":"11","Price":"dear"}])"),
        details(8, ""),
        cut,
        details(10, R"({"id":"1"})"),
        details(11, "[]")};

    const auto page = decode_lines(records, all);

    CHECK(page.ids == std::vector<std::int64_t>{7, 8, 9, 10, 11});
    REQUIRE(page.tables.size() == 2);
    const auto& rows = page.tables[0].rows;
    CHECK(rows.ids() == std::vector<std::int64_t>{12, 11, 21});
    CHECK(rows.column(parent_column).value(2) == "9");
    CHECK(rows.column(position_column).value(1) == "2");
    CHECK(rows.column(3).value(0) == "5");
    CHECK(rows.column(3).is_null(1));
    CHECK(rows.column(3).value(2) == "0.10");
    CHECK(page.tables[0].complete == std::vector<std::int64_t>{7, 11});
    CHECK(page.tables[1].complete.empty());
    std::string kinds;
    for (const auto& entry : rows.quarantined()) {
        kinds += std::to_string(entry.id) + " " + entry.kind + ",";
    }
    CHECK(kinds == "7 no_id,11 no_numeric,10 no_list,");
}

} // namespace
} // namespace zohosyncd
