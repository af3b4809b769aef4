#include "daemon/core/identifiers.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using Names = std::vector<std::string>;
using Given = std::map<std::string, std::string>;

std::string with_hash(const std::string& stem, const std::string& api_name) {
    return stem + "_" + sha256_hex(api_name).substr(0, 8);
}

Names assign(const Names& api_names, const Given& given = {}) {
    return assign_column_names(api_names, ColumnCasing::snake, given);
}

std::string lower(std::string text) {
    for (char& c : text) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    return text;
}

TEST_CASE("each casing spells a name in its way") {
    struct Case {
        const char* api_name;
        const char* snake;
        const char* target;
        const char* upper;
        const char* camel;
        const char* normalize;
    };

    const Case cases[] = {
        {"Last_Name", "last_name", "last_name", "LAST_NAME", "lastName", "Last_Name"},
        {"createdTime", "created_time", "createdtime", "CREATEDTIME", "createdTime", "createdTime"},
        {"id", "id", "id", "ID", "id", "id"},
        {"SKU", "sku", "sku", "SKU", "sku", "sku"},
        {"Record_Status__s",
         "record_status__s",
         "record_status__s",
         "RECORD_STATUS__S",
         "recordStatusS",
         "Record_Status__s"},
        {"$approved", "_approved", "_approved", "_APPROVED", "approved", "$approved"},
        {"Call_Duration_in_seconds",
         "call_duration_in_seconds",
         "call_duration_in_seconds",
         "CALL_DURATION_IN_SECONDS",
         "callDurationInSeconds",
         "Call_Duration_in_seconds"},
        {"Name1B", "name1_b", "name1b", "NAME1B", "name1B", "Name1B"},
        {"HTMLText", "htmltext", "htmltext", "HTMLTEXT", "htmltext", "HTMLText"},
        {"a b-c", "a_b_c", "a_b_c", "A_B_C", "aBC", "a b-c"},
        {"Größe", "gr__e", "gr__e", "GR__E", "grE", "Größe"},
        {"", "", "", "", "", ""},
        {"___", "___", "___", "___", "___", "___"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.api_name);
        CHECK(snake_case(c.api_name) == c.snake);
        CHECK(apply_casing(c.api_name, ColumnCasing::snake) == c.snake);
        CHECK(apply_casing(c.api_name, ColumnCasing::target) == c.target);
        CHECK(apply_casing(c.api_name, ColumnCasing::lower) == c.target);
        CHECK(apply_casing(c.api_name, ColumnCasing::upper) == c.upper);
        CHECK(apply_casing(c.api_name, ColumnCasing::camel) == c.camel);
        CHECK(apply_casing(c.api_name, ColumnCasing::normalize) == c.normalize);
        CHECK(apply_casing(c.api_name, ColumnCasing::source) == c.api_name);
    }
}

TEST_CASE("the hash is SHA-256") {
    CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("columns are named by the rules of the contract") {
    const std::string at_limit(63, 'a');
    const std::string too_long(64, 'a');
    const std::string stem(54, 'a');

    struct Case {
        const char* name;
        Names api_names;
        Given given;
        Names want;
    };

    const Case cases[] = {
        {"nothing", {}, {}, {}},
        {"without collision", {"id", "Last_Name"}, {}, {"id", "last_name"}},
        {"bytewise first keeps the plain name",
         {"last_name", "Last_Name", "LastName"},
         {},
         {with_hash("last_name", "last_name"), with_hash("last_name", "Last_Name"), "last_name"}},
        {"a leading dollar sign is dropped", {"$current_shift"}, {}, {"current_shift"}},
        {"a given name stays, and the first must give way",
         {"Last_Name", "LastName"},
         {{"Last_Name", "last_name"}},
         {"last_name", with_hash("last_name", "LastName")}},
        {"a given name of a field that is gone stays taken",
         {"LastName"},
         {{"Last_Name", "last_name"}},
         {with_hash("last_name", "LastName")}},
        {"a given name is kept as it is", {"Last_Name"}, {{"Last_Name", "XMIN"}}, {"XMIN"}},
        {"63 bytes fit", {at_limit}, {}, {at_limit}},
        {"64 bytes do not", {too_long}, {}, {with_hash(stem, too_long)}},
        {"two long names with one beginning",
         {too_long + "x", too_long + "y"},
         {},
         {with_hash(stem, too_long + "x"), with_hash(stem, too_long + "y")}},
        {"system columns of PostgreSQL",
         {"xmin", "Oid", "CTID", "tableoid"},
         {},
         {with_hash("xmin", "xmin"),
          with_hash("oid", "Oid"),
          with_hash("ctid", "CTID"),
          with_hash("tableoid", "tableoid")}},
        {"columns of ours",
         {"_synced_at", "$_Deleted_At", "$_details_at"},
         {},
         {with_hash("_synced_at", "_synced_at"),
          with_hash("_deleted_at", "$_Deleted_At"),
          with_hash("_details_at", "$_details_at")}},
        {"a field named twice", {"Email", "Email"}, {}, {"email", "email"}},
        {"no name at all", {""}, {}, {with_hash("", "")}},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        CHECK(assign(c.api_names, c.given) == c.want);
    }
}

TEST_CASE("names that differ in case alone collide whatever the casing") {
    const Names api_names{"email", "Email"};

    CHECK(assign_column_names(api_names, ColumnCasing::source, {}) ==
          Names{with_hash("email", "email"), "Email"});
    CHECK(assign_column_names(api_names, ColumnCasing::source, {{"old", "EMAIL"}}) ==
          Names{with_hash("email", "email"), with_hash("Email", "Email")});
}

TEST_CASE("a long name is cut at a character") {
    const std::string api_name = std::string(53, 'a') + "ü" + std::string(20, 'b');

    const auto columns = assign_column_names(Names{api_name}, ColumnCasing::source, {});

    CHECK(columns == Names{with_hash(std::string(53, 'a'), api_name)});
}

TEST_CASE("a field named like another one's hashed form keeps its name") {
    const auto hashed = with_hash("email", "email");
    const Names api_names{"Email", "email", hashed};

    const auto columns = assign(api_names);

    CHECK(columns[0] == "email");
    CHECK(columns[2] == snake_case(hashed));
    CHECK(std::set<std::string>(columns.begin(), columns.end()).size() == 3);
}

/// Names from an alphabet so small that they collide all the time.
Names random_names(std::mt19937_64& random) {
    const Names pieces{"a", "A", "_", "1", "B", "$", "ü", " ", "Name", std::string(30, 'x')};
    std::uniform_int_distribution<std::size_t> places{0, pieces.size() - 1};
    std::uniform_int_distribution<int> lengths{1, 4};
    std::set<std::string> names{"xmin", "_synced_at"};
    for (int i = 0; i < 40; ++i) {
        std::string name;
        for (int left = lengths(random); left > 0; --left) {
            name += pieces[places(random)];
        }
        names.insert(name);
    }
    return {names.begin(), names.end()};
}

void check_is_usable(const Names& columns) {
    std::set<std::string> folded;
    for (const auto& column : columns) {
        CAPTURE(column);
        REQUIRE(column.size() <= 63);
        REQUIRE_FALSE(column.empty());
        REQUIRE(folded.insert(lower(column)).second);
        REQUIRE(lower(column) != "xmin");
        REQUIRE(lower(column) != "_synced_at");
    }
}

TEST_CASE("names are unique, usable and independent of the order of fields") {
    std::mt19937_64 random{13};
    const ColumnCasing casings[] = {ColumnCasing::snake,
                                    ColumnCasing::source,
                                    ColumnCasing::target,
                                    ColumnCasing::upper,
                                    ColumnCasing::camel,
                                    ColumnCasing::normalize};

    for (int round = 0; round < 200; ++round) {
        auto api_names = random_names(random);
        for (const auto casing : casings) {
            const auto columns = assign_column_names(api_names, casing, {});
            check_is_usable(columns);
            Given named;
            for (std::size_t i = 0; i < columns.size(); ++i) {
                named[api_names[i]] = columns[i];
            }
            std::shuffle(api_names.begin(), api_names.end(), random);
            const auto shuffled = assign_column_names(api_names, casing, {});
            for (std::size_t i = 0; i < shuffled.size(); ++i) {
                REQUIRE(shuffled[i] == named[api_names[i]]);
            }
        }
    }
}

TEST_CASE("names once given survive whatever fields come and go") {
    std::mt19937_64 random{17};

    for (int round = 0; round < 100; ++round) {
        Given given;
        for (int change = 0; change < 4; ++change) {
            const auto api_names = random_names(random);
            const auto columns = assign(api_names, given);
            for (std::size_t i = 0; i < columns.size(); ++i) {
                const auto [place, is_new] = given.emplace(api_names[i], columns[i]);
                REQUIRE(place->second == columns[i]);
            }
            Names all;
            for (const auto& [api_name, column] : given) {
                all.push_back(column);
            }
            check_is_usable(all);
        }
    }
}

} // namespace
} // namespace zohosyncd
