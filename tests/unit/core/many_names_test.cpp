// Ten thousand names at once: whatever they are, a table can hold them all.
#include "daemon/core/identifiers.hpp"
#include "tests/fakes/hostile_names.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using Names = std::vector<std::string>;
using Given = std::map<std::string, std::string>;

constexpr std::size_t many = 10'000;

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return text;
}

/// As Zoho gives them: words, digits, suffixes, and the same word in many spellings.
Names random_names(unsigned seed) {
    const Names words{"Name",
                      "name",
                      "NAME",
                      "Amount",
                      "Total",
                      "Lead",
                      "lead",
                      "E_mail",
                      "EMail",
                      "Email",
                      "Über",
                      "x"};
    const Names suffixes{"", "", "", "1", "_1", "__s", "__c", "_", " "};
    std::mt19937_64 random{seed};
    const auto pick = [&](const Names& from) { return from[random() % from.size()]; };
    std::set<std::string> names;
    while (names.size() < many) {
        std::string name = pick(words);
        for (auto left = random() % 5; left > 0; --left) {
            name += (random() % 2 == 0 ? "_" : "") + pick(words);
        }
        names.insert(name + (random() % 3 == 0 ? std::to_string(random() % 1000) : "") +
                     pick(suffixes));
    }
    Names list(names.begin(), names.end());
    std::shuffle(list.begin(), list.end(), random);
    return list;
}

Given map_of(const Names& api_names,
             const Given& given = {},
             ColumnCasing casing = ColumnCasing::snake) {
    const auto columns = assign_column_names(api_names, casing, given);
    Given map;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        map[api_names[i]] = columns[i];
    }
    return map;
}

void check_is_usable(const Given& map) {
    const std::set<std::string> taken{"xmin",
                                      "xmax",
                                      "cmin",
                                      "cmax",
                                      "ctid",
                                      "tableoid",
                                      "oid",
                                      "_synced_at",
                                      "_deleted_at",
                                      "_details_at",
                                      "_authoritative"};
    std::set<std::string> folded;
    for (const auto& [api_name, column] : map) {
        CAPTURE(api_name);
        CAPTURE(column);
        REQUIRE_FALSE(column.empty());
        REQUIRE(column.size() <= 63);
        REQUIRE_FALSE(taken.contains(lower(column)));
        REQUIRE(folded.insert(lower(column)).second);
    }
}

TEST_CASE("ten thousand fields never collide, and order does not matter") {
    std::mt19937_64 random{1};
    auto names = random_names(3);

    const auto map = map_of(names);

    REQUIRE(map.size() == many);
    check_is_usable(map);
    for (int order = 0; order < 3; ++order) {
        std::shuffle(names.begin(), names.end(), random);
        CHECK(map_of(names) == map);
    }
    std::sort(names.begin(), names.end(), std::greater<>{});
    CHECK(map_of(names) == map);
}

TEST_CASE("after any restart the same fields have the same columns") {
    std::mt19937_64 random{2};
    auto names = random_names(4);
    Given kept;

    // Fields appear bit by bit, some go and come back; each time what was given is all that is
    // known.
    for (std::size_t seen = 500; seen <= many; seen += 500) {
        Names present(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(seen));
        std::shuffle(present.begin(), present.end(), random);
        present.resize(present.size() - present.size() / 10);
        for (const auto& [api_name, column] : map_of(present, kept)) {
            const auto [place, is_new] = kept.emplace(api_name, column);
            REQUIRE(place->second == column);
        }
    }

    check_is_usable(kept);
    CHECK(map_of(names, kept).size() == many);
    check_is_usable(map_of(names, kept));
}

TEST_CASE("ten thousand hostile names give usable columns in every casing") {
    const auto names = fakes::hostile_names(many);
    for (const auto casing : {ColumnCasing::snake,
                              ColumnCasing::source,
                              ColumnCasing::target,
                              ColumnCasing::upper,
                              ColumnCasing::lower,
                              ColumnCasing::camel,
                              ColumnCasing::normalize}) {
        const auto map = map_of(names, {}, casing);
        REQUIRE(map.size() == many);
        check_is_usable(map);
        Names reversed(names.rbegin(), names.rend());
        CHECK(map_of(reversed, {}, casing) == map);
    }
}

} // namespace
} // namespace zohosyncd
