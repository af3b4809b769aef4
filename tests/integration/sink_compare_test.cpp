#include "daemon/core/time.hpp"
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <set>

namespace zohosyncd::tests {
namespace {

using Ids = std::vector<std::int64_t>;

Ids ids_of(const std::vector<RowVersion>& rows) {
    Ids ids;
    for (const auto& row : rows) {
        ids.push_back(row.id);
    }
    return ids;
}

Ids sorted(Ids ids) {
    std::sort(ids.begin(), ids.end());
    return ids;
}

/// All rows in steps of `limit`.
Ids walk(Sink& sink, const StreamSchema& schema, std::chrono::sys_seconds from, std::size_t limit) {
    Ids ids;
    std::optional<RowVersion> last;
    while (true) {
        const auto rows = sink.live_rows_after(schema, last, from, limit);
        for (const auto& row : rows) {
            ids.push_back(row.id);
        }
        if (rows.size() < limit) {
            return ids;
        }
        last = rows.back();
    }
}

constexpr std::size_t all = 1000;

} // namespace

TEST_CASE_TEMPLATE("live rows are looked up by id", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 20, "Grace"}, {3, 30, "Edsger"}}));
    p.remove({{2, at(40)}});

    const auto rows = p.sink->live_rows(p.stream.schema, Ids{3, 2, 1, 99});

    CHECK(sorted(ids_of(rows)) == Ids{1, 3});
    for (const auto& row : rows) {
        CHECK(row.version == at(row.id == 1 ? 10 : 30));
    }
    CHECK(p.sink->live_rows(p.stream.schema, Ids{}).empty());
}

TEST_CASE_TEMPLATE("live rows come by version and id, in steps of any size",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{5, 10, "a"},
                      {4, 20, "b"},
                      {3, 20, "c"},
                      {2, 20, "d"},
                      {1, 30, "e"},
                      {9, 5, "older than asked for"},
                      {8, 30, "deleted"}}));
    p.remove({{8, at(40)}});
    p.write(leads_of({{7, 40, "without a time"}}));
    p.target.run("UPDATE " + Target::table("leads") + " SET modified_time = NULL WHERE id = 7");

    for (std::size_t limit = 1; limit < 9; ++limit) {
        CAPTURE(limit);
        CHECK(walk(*p.sink, p.stream.schema, at(10), limit) == Ids{5, 2, 3, 4, 1, 7});
    }
    const auto rows = p.sink->live_rows_after(p.stream.schema, std::nullopt, at(10), all);
    CHECK(rows.front().version == at(10));
    CHECK_FALSE(rows.back().version.has_value());
}

TEST_CASE("a version with a fraction or beyond all time is no equal of a whole second") {
    Prepared<PostgresTarget> p;
    p.write(leads_of({{1, 10, "a"}, {2, 10, "b"}, {3, 20, "c"}}));
    p.target.run(
        "UPDATE zoho_crm.leads SET modified_time = modified_time + interval '0.25 s' WHERE id = 1");
    p.target.run("UPDATE zoho_crm.leads SET modified_time = 'infinity' WHERE id = 2");

    CHECK(walk(*p.sink, p.stream.schema, at(10), 1) == Ids{1, 3, 2});
    const auto rows = p.sink->live_rows_after(p.stream.schema, std::nullopt, at(10), all);
    CHECK(rows[0].version == at(10) + std::chrono::milliseconds(250));
    CHECK_FALSE(rows[2].version.has_value());
}

TEST_CASE_TEMPLATE("rows of a schema without versions come by id", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{3, 10, "a"}, {1, 20, "b"}, {2, 30, "c"}}));
    auto schema = p.stream.schema;
    schema.version_column.reset();

    CHECK(walk(*p.sink, schema, {}, 2) == Ids{1, 2, 3});
}

TEST_CASE_TEMPLATE("every column that counts is compared", Target, ZOHOSYNCD_ALL_TARGETS) {
    struct Case {
        const char* damage;
        bool is_found;
    };

    const Case cases[] = {
        {"last_name = 'Adam'", true},
        {"last_name = NULL", true},
        {"amount = 12.51", true},
        {"active = NULL", true},
        {"owner = NULL", true},
        {"seats = 8", true},
        {"born = NULL", true},
        {"modified_time = NULL", true},
        {"_deleted_at = '2026-01-01T00:00:00Z'", true},
        {"_synced_at = '2000-01-01T00:00:00Z'", false},
        {"amount = amount", false},
    };
    for (const auto& c : cases) {
        CAPTURE(c.damage);
        Prepared<Target> p;
        Batch batch(p.stream.schema.columns.size());
        add_lead(batch, 1, 10, "Ada", {"12.50", "true", R"({"id":"7"})", "7", "2026-02-03"});
        add_lead(batch, 2, 10, "Grace");
        p.write(batch);
        CHECK(p.sink->differing(p.stream.schema, batch).empty());

        p.target.run("UPDATE " + Target::table("leads") + " SET " + c.damage + " WHERE id = 1");

        CHECK(p.sink->differing(p.stream.schema, batch) == (c.is_found ? Ids{1} : Ids{}));
    }
}

TEST_CASE_TEMPLATE("a record without a row differs, a column that changes by itself does not",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 10, "Ada"}}));
    auto schema = p.stream.schema;
    schema.columns[1].counts_as_change = false;

    const auto batch = leads_of({{1, 10, "Another"}, {2, 10, "Grace"}});

    CHECK(sorted(p.sink->differing(p.stream.schema, batch)) == Ids{1, 2});
    CHECK(p.sink->differing(schema, batch) == Ids{2});
    CHECK(p.sink->differing(schema, Batch(schema.columns.size())).empty());
}

TEST_CASE("a value that no column holds stops no comparison") {
    Prepared<PostgresTarget> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}}));
    Batch batch(p.stream.schema.columns.size());
    add_lead(batch, 1, 10, "Changed");
    add_lead(batch, 2, 10, "Grace", {"1e400000", {}, {}, {}, {}});
    add_lead(batch, 3, 10, "Missing");

    CHECK(sorted(p.sink->differing(p.stream.schema, batch)) == Ids{1, 3});
}

TEST_CASE_TEMPLATE("the outcome of a verification is kept, without a lease",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    CHECK_FALSE(p.sink->state(p.key)->verification.has_value());

    p.sink->record_verification(p.key, {at(50), 1, 2, 3});
    p.write(leads_of({{1, 10, "Ada"}}));

    const auto kept = p.sink->states(p.key.connection).front().verification;
    REQUIRE(kept.has_value());
    CHECK(kept->at == at(50));
    CHECK(kept->missing == 1);
    CHECK(kept->extra == 2);
    CHECK(kept->differing == 3);
}

} // namespace zohosyncd::tests
