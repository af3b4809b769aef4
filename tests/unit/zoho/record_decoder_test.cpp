#include "daemon/core/errors.hpp"
#include "daemon/core/time.hpp"
#include "daemon/zoho/record_decoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::string_literals;

Column column(const char* api_name, ColumnType type, std::optional<std::size_t> list_limit = {}) {
    return {api_name, "", "", "", "", type, true, list_limit};
}

/// id, Modified_Time, Name, Amount, Big, Done, Day, Owner.
const std::vector<Column> columns{column("id", ColumnType::bigint),
                                  column("Modified_Time", ColumnType::timestamptz),
                                  column("Name", ColumnType::text, 5),
                                  column("Amount", ColumnType::numeric),
                                  column("Big", ColumnType::bigint),
                                  column("Done", ColumnType::boolean),
                                  column("Day", ColumnType::date),
                                  column("Owner", ColumnType::json)};
constexpr std::size_t modified_time = 1;
constexpr std::size_t name = 2;
constexpr std::size_t amount = 3;
constexpr std::size_t big = 4;
constexpr std::size_t done = 5;
constexpr std::size_t day = 6;
constexpr std::size_t owner = 7;

struct Decoded {
    Batch batch{columns.size()};
    PageInfo info;

    std::string value(std::size_t row, std::size_t at) const {
        return batch.column(at).is_null(row) ? "NULL" : std::string(batch.column(at).value(row));
    }
};

Decoded decode(std::string body, bool is_single = false) {
    RecordDecoder decoder;
    decoder.set_shape({columns, modified_time, is_single});
    Decoded decoded;
    decoded.info = decoder.decode(body, "data", decoded.batch);
    return decoded;
}

/// A page whose one record has id 7 and this besides.
std::string page_with(const std::string& rest) {
    return R"({"data":[{"id":"7",)" + rest + R"(}],"info":{"more_records":false}})";
}

/// Every column holds as many values as there are rows, or a later page would be shifted.
void check_is_even(const Batch& batch) {
    for (std::size_t at = 1; at < batch.columns(); ++at) {
        CAPTURE(at);
        CHECK(batch.column(at).size() == batch.rows());
    }
    CHECK(batch.versions().size() == batch.rows());
}

ErrorKind kind_of_refusal(std::string body, Batch& batch) {
    RecordDecoder decoder;
    decoder.set_shape({columns, modified_time, false});
    try {
        (void)decoder.decode(body, "data", batch);
    } catch (const SyncError& error) {
        return error.kind();
    }
    return ErrorKind::internal;
}

TEST_CASE("a record is decoded into its columns") {
    const auto got = decode(
        R"({"data":[{"Name":"Ann","Owner":{ "name" : "B", "id":"9" },"id":"3652397000009851001","Amount":1.50,)"
        R"("Big":"42","Done":true,"Day":"2024-02-29","Modified_Time":"2024-03-01T12:00:00+05:30"}],)"
        R"("info":{"more_records":true,"next_page_token":"a\u0062c"}})");

    REQUIRE(got.batch.rows() == 1);
    CHECK(got.batch.ids()[0] == 3652397000009851001);
    CHECK(got.batch.versions()[0] == parse_zoho_time("2024-03-01T06:30:00Z"));
    CHECK(got.value(0, modified_time) == "2024-03-01T06:30:00Z");
    CHECK(got.value(0, name) == "Ann");
    CHECK(got.value(0, amount) == "1.50");
    CHECK(got.value(0, big) == "42");
    CHECK(got.value(0, done) == "true");
    CHECK(got.value(0, day) == "2024-02-29");
    CHECK(got.value(0, owner) == R"({"name":"B","id":"9"})");
    CHECK(got.info.rows == 1);
    CHECK(got.info.more_records);
    CHECK(got.info.says_whether_more);
    CHECK(got.info.next_page_token == "abc");
    check_is_even(got.batch);
}

TEST_CASE("a value is stored as Zoho sent it, cleaned") {
    struct Case {
        std::string what;
        std::string json;
        std::size_t at;
        std::string want;
        std::size_t replaced = 0;
    };

    const Case cases[] = {
        {"every digit of a number",
         R"("Amount":1234567890.123456789)",
         amount,
         "1234567890.123456789"},
        {"more digits than a double has",
         R"("Amount":0.1234567890123456789012)",
         amount,
         "0.1234567890123456789012"},
        {"a negative exponent", R"("Amount":-1.5e-7)", amount, "-1.5e-7"},
        {"a number in quotes", R"("Amount":"12.30")", amount, "12.30"},
        {"a number before white space", "\"Amount\":12.5 \n", amount, "12.5"},
        {"nineteen digits", R"("Big":"9223372036854775807")", big, "9223372036854775807"},
        {"the least integer", R"("Big":-9223372036854775808)", big, "-9223372036854775808"},
        {"escapes", R"("Name":"a\"\\\/\n")", name, "a\"\\/\n"},
        {"an escaped character", R"("Name":"\u00e9\ud83d\ude00")", name, "é😀"},
        {"a NUL",
         R"("Name":"a\u0000b")",
         name,
         "a\xEF\xBF\xBD"
         "b",
         1},
        {"a lone high surrogate", R"("Name":"\ud83dx")", name, "\xEF\xBF\xBDx", 1},
        {"a lone low surrogate", R"("Name":"\ude00")", name, "\xEF\xBF\xBD", 1},
        {"an empty text", R"("Name":"")", name, ""},
        {"a text that looks like JSON", R"("Name":"{}]")", name, "{}]"},
        {"an object in a text column", R"("Name":{"a": 1})", name, R"({"a":1})"},
        {"null", R"("Name":null)", name, "NULL"},
        {"a missing key", R"("Day":null)", name, "NULL"},
        {"an empty text elsewhere", R"("Day":"")", day, "NULL"},
        {"an array", R"("Owner":[ {"a":"x y"} , 2.50 ])", owner, R"([{"a":"x y"},2.50])"},
        {"a NUL within an object",
         R"("Owner":{"a":"\u0000"})",
         owner,
         "{\"a\":\"\xEF\xBF\xBD\"}",
         1},
        {"a text in a column of objects", R"("Owner":"plain")", owner, R"("plain")"},
        {"a number in a column of objects", R"("Owner":1.20)", owner, "1.20"},
        {"the first of two equal keys", R"("Name":"one","Name":"two")", name, "one"},
        {"a key that was not asked for",
         R"("$x":{"id":[1,{"Name":"no"}]},"Name":"yes")",
         name,
         "yes"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.what);
        const auto got = decode(page_with(c.json));

        REQUIRE(got.batch.rows() == 1);
        CHECK(got.value(0, c.at) == c.want);
        CHECK(got.batch.replaced_characters == c.replaced);
        // Of equal keys the first counts, and the others are set aside.
        CHECK(got.batch.quarantined().size() ==
              (c.what == std::string("the first of two equal keys") ? 1U : 0U));
        check_is_even(got.batch);
    }
}

TEST_CASE("a value that does not fit is NULL and goes to quarantine under its record's id") {
    struct Case {
        std::string what;
        std::string json;
        std::size_t at;
        std::string body;
    };

    const Case cases[] = {
        {"text for a number", R"("Amount":"abc")", amount, "abc"},
        {"an object for a number", R"("Amount":{"a":1})", amount, R"({"a":1})"},
        {"too big an integer", R"("Big":9223372036854775808)", big, "9223372036854775808"},
        {"a fraction for an integer", R"("Big":1.5)", big, "1.5"},
        {"a number for a boolean", R"("Done":1)", done, "1"},
        {"no such day", R"("Day":"2023-02-29")", day, "2023-02-29"},
        {"no time", R"("Modified_Time":"yesterday")", modified_time, "yesterday"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.what);
        const auto got = decode(page_with(c.json));

        REQUIRE(got.batch.rows() == 1);
        CHECK(got.value(0, c.at) == "NULL");
        REQUIRE(got.batch.quarantined().size() == 1);
        CHECK(got.batch.quarantined()[0].id == 7);
        CHECK(got.batch.quarantined()[0].body == c.body);
        CHECK(got.batch.quarantined()[0].reason.find(c.body) == std::string::npos);
        check_is_even(got.batch);
    }
}

TEST_CASE("a misfit before the id gets the id too") {
    const auto got = decode(R"({"data":[{"Big":"x","id":"8"},{"id":"9","Big":"y"}]})");

    REQUIRE(got.batch.quarantined().size() == 2);
    CHECK(got.batch.quarantined()[0].id == 8);
    CHECK(got.batch.quarantined()[1].id == 9);
}

TEST_CASE("a record without a usable id goes to quarantine alone") {
    const char* ids[] = {
        R"("x":1)", R"("id":null)", R"("id":"abc")", R"("id":{})", R"("id":1.5)", R"("id":"")"};
    for (const char* id : ids) {
        CAPTURE(id);
        const std::string bad = "{\"Name\":\"bad\",\"Big\":\"x\"," + std::string(id) + "}";
        const auto got =
            decode(R"({"data":[{"id":"1","Name":"a"},)" + bad + R"(,{"id":"2","Name":"b"}]})");

        REQUIRE(got.batch.rows() == 2);
        CHECK(got.info.rows == 2);
        CHECK(got.value(0, name) == "a");
        CHECK(got.value(1, name) == "b");
        REQUIRE(got.batch.quarantined().size() == 1);
        CHECK(got.batch.quarantined()[0].id == 0);
        CHECK(got.batch.quarantined()[0].body == bad);
        check_is_even(got.batch);
    }
}

TEST_CASE("what is no record goes to quarantine alone") {
    const auto got = decode(R"({"data":[{"id":"1"},5,"text",null,[1],{"id":"2"}]})");

    CHECK(got.batch.rows() == 2);
    CHECK(got.batch.quarantined().size() == 4);
    check_is_even(got.batch);
}

TEST_CASE("invalid bytes in one record do not lose the page") {
    struct Case {
        std::string what;
        std::string text;
        std::string want;
        std::size_t replaced;
    };

    const Case cases[] = {
        {"invalid UTF-8", "a\xFFz", "a\xEF\xBF\xBDz", 1},
        {"a cut sequence", "a\xE2\x82", "a\xEF\xBF\xBD", 1},
        {"a raw control character", "a\x01z", "a\x01z", 0},
        {"a raw line end", "a\nz", "a\nz", 0},
    };
    for (const auto& c : cases) {
        CAPTURE(c.what);
        const auto got = decode(R"({"data":[{"id":"1","Name":"first"},{"id":"2","Name":")" +
                                c.text + R"(","Amount":2.50}]})");

        REQUIRE(got.batch.rows() == 2);
        CHECK(got.value(0, name) == "first");
        CHECK(got.value(1, name) == c.want);
        CHECK(got.value(1, amount) == "2.50");
        CHECK(got.batch.replaced_characters == c.replaced);
        check_is_even(got.batch);
    }
}

TEST_CASE("info may come before the data and keys in any order") {
    const auto got = decode(
        R"({"info":{"count":2,"more_records":true,"next_page_token":null},"x":[[]],"data":[)"
        R"({"id":"1","Name":"a","Day":"2024-01-01"},{"Day":"2024-01-02","Name":"b","id":"2"},)"
        R"({"Name":"c","id":"3"},{"id":"4","Day":"2024-01-04"}]})");

    REQUIRE(got.batch.rows() == 4);
    CHECK(got.batch.ids() == std::vector<std::int64_t>{1, 2, 3, 4});
    CHECK(got.value(1, name) == "b");
    CHECK(got.value(1, day) == "2024-01-02");
    CHECK(got.value(2, day) == "NULL");
    CHECK(got.value(3, name) == "NULL");
    CHECK(got.value(3, day) == "2024-01-04");
    CHECK(got.info.more_records);
    CHECK(got.info.next_page_token.empty());
}

TEST_CASE("a list that comes in two parts is one page") {
    const auto got = decode(R"({"data":[{"id":"1"},{"id":"2"}],"data":[{"id":"3"}]})");

    CHECK(got.batch.rows() == 3);
    CHECK(got.info.rows == 3);
}

TEST_CASE("a page says whether it says that more follows") {
    CHECK_FALSE(decode(R"({"data":[]})").info.says_whether_more);
    CHECK_FALSE(decode(R"({"data":[],"info":null})").info.says_whether_more);
    CHECK_FALSE(decode(R"({"data":[],"info":{"more_records":null}})").info.says_whether_more);
    CHECK(decode(R"({"data":[],"info":{"more_records":false}})").info.says_whether_more);
}

TEST_CASE("only single records are cut to what lists show") {
    CHECK(decode(page_with(R"("Name":"äöüßxyz")"), true).value(0, name) == "äöüßx");
    CHECK(decode(page_with(R"("Name":"äöüßxyz")"), false).value(0, name) == "äöüßxyz");
}

TEST_CASE("what is no page is a bad response and leaves the batch as it was") {
    Decoded before = decode(R"({"data":[{"id":"5","Name":"kept\u0000","Big":"x"}]})");
    const char* bodies[] = {
        "",
        " ",
        "null",
        "[]",
        "{}",
        R"({"code":"INVALID_MODULE"})",
        R"({"data":null})",
        R"({"data":{"id":"1"}})",
        R"({"info":{"more_records":true}})",
        R"({"data":[{"id":"1","Name":"\u0000"},{"id":"2","Name":"unclosed]})",
        R"({"data":[{"id":"1","Big":"x"},{"id":"2" "Name":"b"}]})",
        "{\"data\":[{\"id\":\"1\",\"Name\":\"\xFF\"},{\"id\":\"2\"]}",
        "<html><body>Bad gateway</body></html>",
        R"({"data":[{"id":"1","Name":nuls}]})",
        R"({"data":[]}{"data":[{"id":"1"}]})",
    };
    for (const char* body : bodies) {
        CAPTURE(body);

        CHECK(kind_of_refusal(body, before.batch) == ErrorKind::bad_response);

        CHECK(before.batch.rows() == 1);
        CHECK(before.value(0, name) == "kept\xEF\xBF\xBD");
        CHECK(before.batch.quarantined().size() == 1);
        CHECK(before.batch.replaced_characters == 1);
        check_is_even(before.batch);
    }
}

/// A page of Zoho's size; every second record has its keys in another order.
std::string big_page() {
    std::string body = R"({"data":[)";
    for (int row = 0; row < 200; ++row) {
        const std::string id = "\"id\":\"" + std::to_string(1000 + row) + "\"";
        const std::string rest =
            R"("Name":"Ünï )" + std::to_string(row) + R"(","Amount":)" + std::to_string(row) +
            R"(.10,"Owner":{"name":"A\u0000","tags":["x","y"]},"Unasked":[1,2,{"a":"b"}])";
        body += (row == 0 ? "{" : ",{") + (row % 2 == 0 ? id + "," + rest : rest + "," + id) + "}";
    }
    return body +
           R"(],"info":{"per_page":200,"count":200,"more_records":true,"next_page_token":"t"}})";
}

TEST_CASE("a body that is cut anywhere is a bad response") {
    const std::string body = big_page();
    Batch batch(columns.size());
    for (std::size_t length = 0; length + 1 < body.size(); length += length < 2000 ? 1 : 97) {
        CAPTURE(length);

        REQUIRE(kind_of_refusal(body.substr(0, length), batch) == ErrorKind::bad_response);
        REQUIRE(batch.rows() == 0);
    }
    for (std::size_t left = 1; left < 200; ++left) {
        CAPTURE(left);

        REQUIRE(kind_of_refusal(body.substr(0, body.size() - left), batch) ==
                ErrorKind::bad_response);
    }
    CHECK(batch.quarantined().empty());
    CHECK(batch.replaced_characters == 0);
}

TEST_CASE("a damaged body is read or refused, and never leaves an uneven batch") {
    const std::string body = big_page().substr(0, 700) + R"("}],"info":{"more_records":false}})";
    std::mt19937 random(7);
    RecordDecoder decoder;
    decoder.set_shape({columns, modified_time, false});
    Batch batch(columns.size());
    for (int round = 0; round < 3000; ++round) {
        std::string damaged = body;
        for (auto hits = 1 + random() % 3; hits > 0; --hits) {
            damaged[random() % damaged.size()] = static_cast<char>(random() % 256);
        }
        const auto rows = batch.rows();
        try {
            const auto info = decoder.decode(damaged, "data", batch);
            REQUIRE(batch.rows() == rows + info.rows);
        } catch (const SyncError& error) {
            REQUIRE(error.kind() == ErrorKind::bad_response);
            REQUIRE(batch.rows() == rows);
        }
    }
    check_is_even(batch);
}

TEST_CASE("one decoder and one batch take page after page") {
    RecordDecoder decoder;
    decoder.set_shape({columns, modified_time, false});
    Decoded got;

    for (int page = 0; page < 3; ++page) {
        std::string body = big_page();
        CHECK(decoder.decode(body, "data", got.batch).rows == 200);
    }

    REQUIRE(got.batch.rows() == 600);
    for (const std::size_t row : {0, 1, 399, 599}) {
        CHECK(got.value(row, amount) == std::to_string(row % 200) + ".10");
        CHECK(got.value(row, owner) == "{\"name\":\"A\xEF\xBF\xBD\",\"tags\":[\"x\",\"y\"]}");
        CHECK(got.value(row, day) == "NULL");
    }
    check_is_even(got.batch);

    got.batch.clear();
    std::string body = page_with(R"("Name":"new")");
    (void)decoder.decode(body, "data", got.batch);
    CHECK(got.batch.rows() == 1);
    CHECK(got.value(0, name) == "new");
}

TEST_CASE("a decoder takes a new shape") {
    RecordDecoder decoder;
    decoder.set_shape({columns, modified_time, false});
    Batch first(columns.size());
    std::string body = page_with(R"("Name":"a")");
    (void)decoder.decode(body, "data", first);

    decoder.set_shape({{column("id", ColumnType::bigint), column("Name", ColumnType::text)},
                       std::nullopt,
                       false});
    Batch second(2);
    body = R"({"users":[{"Name":"b","id":"3","Amount":1}]})";
    (void)decoder.decode(body, "users", second);

    CHECK(second.column(1).value(0) == "b");
    CHECK(second.versions()[0] == std::chrono::sys_seconds::min());
}

Column part(const char* field, const char* key, ColumnType type) {
    Column result = column("", type);
    result.api_name = std::string(field) + "__" + key;
    result.field = field;
    result.part = key;
    return result;
}

TEST_CASE("an object is taken apart, and what is no object is not") {
    struct Case {
        const char* record;
        const char* want;
        std::size_t poison;
    };

    const Case cases[] = {
        {R"("Owner":{"name":"A","id":"5","email":"a@x"},"Name":"n")", "5 A a@x n", 0},
        {R"("Name":"n","Owner":{"id":"5","zuid":{"id":"6"},"id":"7"})", "5 NULL NULL n", 0},
        {R"("Owner":{"email":null,"id":"x"},"Name":"n")", "NULL NULL NULL n", 1},
        {R"("Owner":null,"Name":"n")", "NULL NULL NULL n", 0},
        {R"("Owner":"5","Name":"n")", "NULL NULL NULL n", 1},
        {R"("Owner":{},"Name":"n","Owner":{"id":"6"})", "NULL NULL NULL n", 1},
        {R"("Name":"n")", "NULL NULL NULL n", 0},
    };
    for (const auto& c : cases) {
        CAPTURE(c.record);
        RecordDecoder decoder;
        decoder.set_shape({{column("id", ColumnType::bigint),
                            part("Owner", "id", ColumnType::bigint),
                            part("Owner", "name", ColumnType::text),
                            part("Owner", "email", ColumnType::text),
                            column("Name", ColumnType::text)},
                           std::nullopt,
                           false});
        Batch batch(5);
        std::string body = page_with(c.record);
        (void)decoder.decode(body, "data", batch);
        std::string got;
        for (std::size_t at = 1; at < 5; ++at) {
            got += (at == 1 ? "" : " ") +
                   (batch.column(at).is_null(0) ? "NULL" : std::string(batch.column(at).value(0)));
        }
        CHECK(got == c.want);
        CHECK(batch.quarantined().size() == c.poison);
    }
}

} // namespace
} // namespace zohosyncd
