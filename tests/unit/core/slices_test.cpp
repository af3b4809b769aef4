#include "daemon/core/slices.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::sys_seconds noon{1'700'000'000s};

/// "id", then `count` - 2 fields with Modified_Time at index `version` among them.
std::vector<std::string> fields_of(std::size_t count, std::size_t version, std::size_t length = 5) {
    std::vector<std::string> fields{"id"};
    while (fields.size() < count) {
        std::string name =
            fields.size() == version ? "Modified_Time" : std::to_string(fields.size());
        if (fields.size() != version) {
            name.insert(0, length - std::min(length, name.size()), 'F');
        }
        fields.push_back(name);
    }
    return fields;
}

std::size_t characters(const Slice& slice) {
    std::size_t sum = slice.fields.size() - 1;
    for (const auto& field : slice.fields) {
        sum += field.size();
    }
    return sum;
}

TEST_CASE("fields are split into as few slices as the limits allow") {
    struct Case {
        std::string name;
        std::size_t fields;
        std::size_t length;
        std::size_t slices;
    };

    const Case cases[] = {
        {"id and Modified_Time alone", 2, 5, 1},
        {"fifty names", 50, 5, 1},
        {"fifty-one names", 51, 5, 2},
        {"two full slices", 98, 5, 2},
        {"one more", 99, 5, 3},
        {"a hundred and twenty", 120, 5, 3},
        {"forty names that fill 1,000 characters", 42, 23, 1},
        {"names too long for one call", 50, 30, 2},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        const auto fields = fields_of(c.fields, 1, c.length);

        const auto slices = plan_slices(fields, 1);

        CHECK(slices.size() == c.slices);
        std::multiset<std::size_t> seen;
        for (const auto& slice : slices) {
            REQUIRE(slice.fields.size() == slice.columns.size());
            CHECK(slice.fields.size() <= max_fields_per_call);
            CHECK(characters(slice) <= max_field_characters_per_call);
            CHECK(slice.fields[0] == "id");
            CHECK(slice.fields[1] == "Modified_Time");
            for (std::size_t at = 0; at < slice.fields.size(); ++at) {
                CHECK(fields[slice.columns[at]] == slice.fields[at]);
                seen.insert(slice.columns[at]);
            }
        }
        for (std::size_t field = 0; field < c.fields; ++field) {
            CHECK(seen.count(field) == (field < 2 ? c.slices : 1));
        }
    }
}

TEST_CASE("exactly a thousand characters fit into one call") {
    std::vector<std::string> fields{"id", "Modified_Time"};
    std::size_t used = 16;
    while (used + 42 <= 1000) {
        fields.push_back(std::string(40, 'x') + std::to_string(fields.size() % 10));
        used += 42;
    }
    fields.emplace_back(1000 - used - 1, 'y');
    CHECK(plan_slices(fields, 1).size() == 1);

    fields.back() += 'y';
    CHECK(plan_slices(fields, 1).size() == 2);
}

TEST_CASE("a name beyond the limit has a slice of its own") {
    const std::vector<std::string> fields{"id", "a", std::string(1200, 'x'), "b", "Modified_Time"};

    const auto slices = plan_slices(fields, 4);

    REQUIRE(slices.size() == 3);
    CHECK(slices[1].columns == std::vector<std::size_t>{0, 4, 2});
}

/// Three slices of a schema id, A, Modified_Time, B, C: each row is an id, a second and a text for
/// its field.
struct Row {
    std::int64_t id;
    int second;
    std::string text;
};

const std::vector<Slice> three{{{"id", "Modified_Time", "A"}, {0, 2, 1}},
                               {{"id", "Modified_Time", "B"}, {0, 2, 3}},
                               {{"id", "Modified_Time", "C"}, {0, 2, 4}}};

Batch page_of(const std::vector<Row>& rows) {
    Batch page(3);
    for (const auto& row : rows) {
        page.column(1).append(std::to_string(row.second));
        if (row.text.empty()) {
            page.column(2).append_null();
        } else {
            page.column(2).append(row.text);
        }
        page.end_row(row.id, noon + std::chrono::seconds(row.second));
    }
    return page;
}

struct Joined {
    Batch out{5};
    std::vector<std::int64_t> unsettled;
};

Joined join(const std::vector<Row>& a, const std::vector<Row>& b, const std::vector<Row>& c) {
    Joined joined;
    const std::vector<Batch> pages{page_of(a), page_of(b), page_of(c)};
    joined.unsettled = join_slices(three, pages, noon + 100s, joined.out);
    return joined;
}

TEST_CASE("slices that agree are joined by id, whatever their order") {
    const auto got = join({{1, 5, "a1"}, {2, 6, "a2"}},
                          {{2, 6, "b2"}, {9, 9, "b9"}, {1, 5, ""}},
                          {{1, 5, "c1"}, {2, 6, "c2"}});

    CHECK(got.unsettled.empty());
    REQUIRE(got.out.rows() == 2);
    CHECK(got.out.ids() == std::vector<std::int64_t>{1, 2});
    CHECK(got.out.versions()[1] == noon + 6s);
    CHECK(got.out.column(1).value(0) == "a1");
    CHECK(got.out.column(2).value(0) == "5");
    CHECK(got.out.column(3).is_null(0));
    CHECK(got.out.column(4).value(0) == "c1");
    CHECK(got.out.column(1).value(1) == "a2");
    CHECK(got.out.column(3).value(1) == "b2");
    CHECK(got.out.column(4).value(1) == "c2");
}

TEST_CASE("records whose slices do not agree come back to be fetched whole") {
    struct Case {
        std::string name;
        std::vector<Row> a, b, c;
    };

    const Case cases[] = {
        {"edited before the second slice", {{1, 5, "a"}}, {{1, 6, "b"}}, {{1, 6, "c"}}},
        {"edited before the last slice", {{1, 5, "a"}}, {{1, 5, "b"}}, {{1, 7, "c"}}},
        {"deleted before the second slice", {{1, 5, "a"}}, {}, {}},
        {"pushed off the last slice's page", {{1, 5, "a"}}, {{1, 5, "b"}}, {{2, 5, "c"}}},
        {"in a second that was not over", {{1, 100, "a"}}, {{1, 100, "b"}}, {{1, 100, "c"}}},
        {"after the first reply", {{1, 101, "a"}}, {{1, 101, "b"}}, {{1, 101, "c"}}},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        auto a = c.a;
        auto b = c.b;
        auto third = c.c;
        a.push_back({7, 50, "good"});
        b.insert(b.begin(), {7, 50, "good"});
        third.push_back({7, 50, "good"});

        const auto got = join(a, b, third);

        CHECK(got.unsettled == std::vector<std::int64_t>{1});
        CHECK(got.out.ids() == std::vector<std::int64_t>{7});
        for (std::size_t at = 1; at < 5; ++at) {
            CHECK(got.out.column(at).size() == 1);
        }
    }
}

TEST_CASE("the last settled second is joined") {
    const auto got = join({{1, 99, "a"}}, {{1, 99, "b"}}, {{1, 99, "c"}});

    CHECK(got.unsettled.empty());
    CHECK(got.out.rows() == 1);
}

TEST_CASE("without a version every slice carries the id alone") {
    std::vector<std::string> fields{"id"};
    while (fields.size() < 121) {
        fields.push_back("F" + std::to_string(fields.size()));
    }

    const auto slices = plan_slices(fields, std::nullopt);

    REQUIRE(slices.size() == 3);
    std::multiset<std::string> seen;
    for (const auto& slice : slices) {
        CHECK(slice.fields.size() <= max_fields_per_call);
        CHECK(slice.fields.front() == "id");
        seen.insert(slice.fields.begin() + 1, slice.fields.end());
    }
    CHECK(seen == std::multiset<std::string>(fields.begin() + 1, fields.end()));
}

/// Rows of a slice with one field: id and value.
Batch reading(const std::vector<std::pair<std::int64_t, const char*>>& rows) {
    Batch batch(2);
    for (const auto& [id, value] : rows) {
        if (value == nullptr) {
            batch.column(1).append_null();
        } else {
            batch.column(1).append(value);
        }
        batch.end_row(id, std::chrono::sys_seconds::min());
    }
    return batch;
}

TEST_CASE("records without a version are joined only where both readings agree") {
    const std::vector<Slice> slices{{{"id", "A"}, {0, 1}}, {{"id", "B"}, {0, 2}}};
    // 1 is still; A of 2 changed between the readings, B of 3 did; 4 left the first slice's page
    // before the second was read; 5 is null twice; 6 became null.
    const std::vector<Batch> first{
        reading({{1, "a"}, {2, "a"}, {3, "a"}, {5, nullptr}, {6, "a"}}),
        reading({{1, "b"}, {2, "b"}, {3, "b"}, {4, "b"}, {5, "b"}, {6, "b"}})};
    const std::vector<Batch> second{
        reading({{1, "a"}, {2, "A"}, {3, "a"}, {4, "a"}, {5, nullptr}, {6, nullptr}}),
        reading({{1, "b"}, {2, "b"}, {3, "B"}, {4, "b"}, {5, "b"}, {6, "b"}})};
    Batch out(3);

    const auto unsettled = join_readings(slices, first, second, out);

    CHECK(unsettled == std::vector<std::int64_t>{2, 3, 4, 6});
    CHECK(out.ids() == std::vector<std::int64_t>{1, 5});
    CHECK(out.column(1).value(0) == "a");
    CHECK(out.column(2).value(0) == "b");
    CHECK(out.column(1).is_null(1));
    CHECK(out.column(2).value(1) == "b");
}

} // namespace
} // namespace zohosyncd
