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

/// A rich text and a multi-user lookup.
std::vector<Column> columns() {
    Column story;
    story.api_name = "Story";
    story.list_limit = 500;
    story.is_detail = true;
    Column helpers;
    helpers.api_name = "Helpers";
    helpers.type = ColumnType::json;
    helpers.is_detail = true;
    return {story, helpers};
}

struct Read {
    ZohoClient zoho;
    RecordDetails record;
    int turns = 9; ///< So many further requests may be sent.

    void reply(long status, const std::string& body, int second = 21) {
        zoho.script.reply(status, body, date_header(second));
    }

    DetailOutcome operator()(std::vector<Column> columns = {}) {
        DetailReader reader(zoho.api, "Quotes", tables(), std::move(columns));
        return reader.read(7, version, record, [this] { return turns-- > 0; }, {});
    }

    DetailOutcome operator()(long status, const std::string& body, int second = 21) {
        reply(status, body, second);
        return (*this)();
    }

    [[nodiscard]] std::vector<std::string> paths() const {
        std::vector<std::string> all;
        for (const auto& request : zoho.script.requests()) {
            all.push_back(request.url.substr(request.url.find("Quotes")));
        }
        return all;
    }
};

std::string with_story(const std::string& text,
                       const std::string& time = "2023-11-14T22:13:20+00:00") {
    return record(R"(,"Story":")" + text + R"(","Helpers":[{"id":"3"}])", time);
}

/// Characters beyond the basic plane.
std::string two_units_each(int count) {
    std::string text;
    while (count-- > 0) {
        text += "\xF0\x9F\x98\x80";
    }
    return text;
}

std::string full_data(const std::string& text) {
    return R"({"data":[{"Story":")" + text + R"(","id":"7"}]})";
}

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

TEST_CASE("values of columns are taken as they came") {
    struct Case {
        const char* name;
        std::string sent;
        std::string want;
    };

    const std::string almost(478, 'x');
    const std::string longer(501, 'x');
    // JSON has six bytes for the first character, of which there is one.
    for (const auto& c : {Case{"shorter than a cut", "\\u003c" + almost, "<" + almost},
                          Case{"longer than lists give it", longer, longer},
                          Case{"empty, as lists have it, too", "", ""}}) {
        CAPTURE(c.name);
        Read read;
        read.reply(200, with_story(c.sent));

        CHECK(read(columns()) == DetailOutcome::read);

        CHECK(read.record.values ==
              std::vector<std::string>{'"' + c.want + '"', R"([{"id":"3"}])"});
        CHECK(read.paths() == std::vector<std::string>{"Quotes/7"});
    }
}

TEST_CASE("text that may be cut is asked for where all of it is") {
    struct Case {
        const char* name;
        std::string single;
    };

    const std::string all(700, 'x');
    for (const auto& c : {Case{"as long as in lists", with_story(std::string(500, 'x'))},
                          Case{"shorter by what may be trimmed", with_story(std::string(480, 'x'))},
                          Case{"as long as Java counts", with_story(two_units_each(250))},
                          Case{"not there", record(R"(,"Helpers":[{"id":"3"}])")},
                          Case{"named elsewhere alone",
                               record(R"(,"$has_more":{"Story":1},"Helpers":[{"id":"3"}])")}}) {
        CAPTURE(c.name);
        Read read;
        read.reply(200, c.single);
        read.reply(200, full_data(all));
        read.reply(200, c.single);

        CHECK(read(columns()) == DetailOutcome::read);

        CHECK(read.record.values == std::vector<std::string>{'"' + all + '"', R"([{"id":"3"}])"});
        CHECK(read.paths() ==
              std::vector<std::string>{"Quotes/7", "Quotes/7/actions/fetch_full_data", "Quotes/7"});
    }
}

TEST_CASE("all of a text counts only if the record is still of its version") {
    Read read;
    read.reply(200, with_story(std::string(500, 'x')));
    read.reply(200, full_data("a text of tomorrow"));
    read.reply(200, with_story(std::string(500, 'x'), "2023-11-14T22:13:21+00:00"));

    CHECK(read(columns()) == DetailOutcome::changed);
}

TEST_CASE("further requests wait for their turn") {
    for (const int turns : {0, 1}) {
        CAPTURE(turns);
        Read read;
        read.turns = turns;
        read.reply(200, with_story(std::string(500, 'x')));
        read.reply(200, full_data("all"));

        CHECK(read(columns()) == DetailOutcome::put_off);
        CHECK(read.paths().size() == static_cast<std::size_t>(turns) + 1);
    }
}

TEST_CASE("without the address for whole texts, what a record gives has to do") {
    struct Case {
        const char* name;
        long status;
        std::string body;
    };

    for (const auto& c :
         {Case{"nothing", 204, ""},
          Case{"no such thing", 404, R"({"code":"INVALID_URL_PATTERN","status":"error"})"},
          Case{"not allowed", 403, R"({"code":"NO_PERMISSION","status":"error"})"}}) {
        CAPTURE(c.name);
        Read read;
        read.reply(200, with_story(std::string(500, 'x')));
        read.reply(c.status, c.body);

        CHECK(read(columns()) == DetailOutcome::read);

        CHECK(read.record.is_text_cut);
        CHECK(read.record.values[0] == '"' + std::string(500, 'x') + '"');
    }
}

TEST_CASE("the text of another record is no record's") {
    Read read;
    read.reply(200, with_story(std::string(500, 'x')));
    read.reply(200, R"({"data":[{"Story":"of another","id":"8"}]})");
    CHECK_THROWS_AS(read(columns()), SyncError);
}

TEST_CASE("a text that is null is no text that Zoho kept back") {
    Read read;
    read.reply(200, record(R"(,"Helpers":[])"));
    read.reply(200, R"({"data":[{"Story":null,"id":"7"}]})");
    read.reply(200, record(R"(,"Helpers":[])"));

    CHECK(read(columns()) == DetailOutcome::read);

    CHECK(read.record.values == std::vector<std::string>{"null", "[]"});
    CHECK_FALSE(read.record.is_text_cut);
}

TEST_CASE("values become a row of their record, without columns that they lack") {
    const auto details_of = [](std::int64_t id, std::vector<std::string> values) {
        RecordDetails made;
        made.id = id;
        made.version = version;
        made.values = std::move(values);
        return made;
    };
    StreamSchema schema;
    schema.columns.resize(2);
    schema.columns[0].api_name = "id";
    schema.columns[1].api_name = "Modified_Time";
    schema.columns[1].type = ColumnType::timestamptz;
    schema.version_column = 1;
    for (const auto& column : columns()) {
        schema.columns.push_back(column);
    }

    SUBCASE("the first one") {
        const std::vector<RecordDetails> records{details_of(7, {R"("a \"story\"")", ""}),
                                                 details_of(8, {"null", ""})};
        const auto rows = decode_columns(records, schema);
        REQUIRE(schema.columns.size() == 3);
        CHECK(schema.columns[2].api_name == "Story");
        CHECK_FALSE(schema.columns[2].is_detail);
        REQUIRE(rows.rows() == 2);
        CHECK(rows.versions()[0] == version);
        CHECK(rows.column(2).value(0) == R"(a "story")");
        CHECK(rows.column(2).is_null(1));
    }
    SUBCASE("the last one") {
        const std::vector<RecordDetails> records{details_of(7, {"", R"([{"id":"3"}])"})};
        const auto rows = decode_columns(records, schema);
        REQUIRE(schema.columns.size() == 3);
        CHECK(schema.columns[2].api_name == "Helpers");
        CHECK(rows.column(2).value(0) == R"([{"id":"3"}])");
    }
    SUBCASE("none") {
        const std::vector<RecordDetails> records{details_of(7, {"", ""})};
        CHECK(decode_columns(records, schema).rows() == 0);
        CHECK(schema.columns.size() == 2);
    }
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
