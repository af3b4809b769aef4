#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

namespace zohosyncd::tests {
namespace {

/// One walk of a full refresh that meets `page`.
template <class Target>
WriteStats walk(Prepared<Target>& p,
                const Batch& page,
                DeletePolicy policy = DeletePolicy::soft,
                Checkpoint* with = nullptr) {
    auto checkpoint = with == nullptr ? checkpoint_of(p.stream) : *with;
    p.sink->begin_stage(p.key, p.stream.schema);
    p.sink->write_stage(p.key, p.stream.schema, {&page, nullptr}, checkpoint);
    return p.sink->merge_stage(p.key, p.stream.schema, policy, at(500), checkpoint);
}

} // namespace

TEST_CASE_TEMPLATE("a merge writes what differs and leaves the rest alone",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 10, "Same"}, {2, 10, "Old"}, {3, 30, "Newer here"}}));
    const auto stamp = p.stamp_of(1);

    CHECK(
        text_of(walk(
            p, leads_of({{1, 10, "Same"}, {2, 20, "New"}, {3, 29, "Stale"}, {4, 10, "Fresh"}}))) ==
        "1/1/2/0");
    CHECK(p.stamp_of(1) == stamp);
    CHECK(p.name_of(2) == "New");
    CHECK(p.name_of(3) == "Newer here");
    CHECK(p.sink->state(p.key)->rows_upserted == 5);
}

TEST_CASE_TEMPLATE("rows absent from two walks in a row follow the policy",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    struct Case {
        const char* name;
        DeletePolicy policy;
        const char* deleted;
        const char* live;
        const char* rows;
    };

    const Case cases[] = {
        {"soft", DeletePolicy::soft, "1", "2", "3"},
        {"hard", DeletePolicy::hard, "1", "2", "2"},
        {"none", DeletePolicy::none, "0", "3", "3"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        Prepared<Target> p;
        walk(p, leads_of({{1, 10, "Stays"}, {2, 10, "Comes back"}, {3, 10, "Goes"}}), c.policy);

        CHECK(walk(p, leads_of({{1, 10, "Stays"}}), c.policy).deleted == 0);
        CHECK(std::to_string(
                  walk(p, leads_of({{1, 10, "Stays"}, {2, 10, "Comes back"}}), c.policy).deleted) ==
              c.deleted);

        CHECK(p.count("_deleted_at IS NULL") == c.live);
        CHECK(p.count() == c.rows);
        // Row 2 was absent once, then there: its next absence is its first again.
        CHECK(walk(p, leads_of({{1, 10, "Stays"}}), c.policy).deleted == 0);
    }
}

TEST_CASE_TEMPLATE("a row that the walk meets again is live again", Target, ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}}));
    walk(p, leads_of({{1, 10, "Ada"}}));
    CHECK(walk(p, leads_of({{1, 10, "Ada"}})).deleted == 1);
    CHECK(p.sink->soft_deleted(p.stream.schema, at(500), 9).at(0).deleted_time == at(500));

    CHECK(text_of(walk(p, leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}}))) == "0/1/1/0");
    CHECK(p.count("_deleted_at IS NULL") == "2");
}

TEST_CASE_TEMPLATE("an empty walk removes nothing and forgets no absence",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}}));
    walk(p, leads_of({{1, 10, "Ada"}}));

    CHECK(text_of(walk(p, Batch(leads().columns.size()))) == "0/0/0/0");
    CHECK(p.count("_deleted_at IS NULL") == "2");
    CHECK(walk(p, leads_of({{1, 10, "Ada"}})).deleted == 1);
}

TEST_CASE_TEMPLATE("rows older than the walk's anchor were never looked for",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 10, "Old"}, {2, 100, "New"}}));
    auto checkpoint = checkpoint_of(p.stream);
    checkpoint.anchor = at(50);

    walk(p, leads_of({{3, 110, "Met"}}), DeletePolicy::soft, &checkpoint);

    CHECK(walk(p, leads_of({{3, 110, "Met"}}), DeletePolicy::soft, &checkpoint).deleted == 1);
    CHECK(p.count("_deleted_at IS NOT NULL AND id = 2") == "1");
}

TEST_CASE_TEMPLATE("a stage that does not hold what was written to it is not merged",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}}));
    CHECK_FALSE(p.sink->count_stage(p.stream.schema).has_value());
    auto checkpoint = checkpoint_of(p.stream);
    checkpoint.scan = R"({"page": 1})";
    checkpoint.staged_rows = 0;
    p.sink->begin_stage(p.key, p.stream.schema);
    CHECK(p.sink->count_stage(p.stream.schema) == 0);
    // One record twice in a commit is one row, and a repeated page is none.
    const auto listed = leads_of({{1, 20, "Ada L."}, {3, 20, "Mary"}});
    const auto single = leads_of({{3, 21, "Mary S."}, {4, 20, "Joan"}});
    CHECK(p.sink->write_stage(p.key, p.stream.schema, {&listed, &single}, checkpoint).inserted ==
          3);
    auto scan = p.sink->state(p.key)->scan;
    std::erase(scan, ' '); // PostgreSQL has its own way to write JSON.
    CHECK(scan == R"({"page":1,"rows":3})");
    checkpoint.staged_rows = 3;
    CHECK(p.sink->write_stage(p.key, p.stream.schema, {&listed, nullptr}, checkpoint).inserted ==
          0);
    CHECK(p.sink->count_stage(p.stream.schema) == 3);

    checkpoint.staged_rows = 4;
    const auto merge = [&] {
        return p.sink->merge_stage(p.key, p.stream.schema, DeletePolicy::soft, at(500), checkpoint);
    };
    CHECK_THROWS_WITH_AS(merge(), doctest::Contains("holds 3 rows and not the 4"), SyncError);
    CHECK(p.name_of(1) == "Ada");
    checkpoint.staged_rows = 3;
    CHECK(text_of(merge()) == "2/1/0/0");
}

TEST_CASE_TEMPLATE("a walk may go on after a restart, with a column more",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto checkpoint = checkpoint_of(p.stream);
    checkpoint.scan = R"({"page": 2})";
    const auto first = leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}});
    p.sink->begin_stage(p.key, p.stream.schema);
    p.sink->write_stage(p.key, p.stream.schema, {&first, nullptr}, checkpoint);
    p.sink = p.target.sink();
    auto wider = leads();
    wider.columns.push_back(wider.columns[1]);
    wider.columns.back().api_name = "City";

    const auto stream = p.sink->prepare(p.key, wider, ColumnCasing::snake);
    CHECK(stream.state.scan == checkpoint.scan);
    Batch second(wider.columns.size());
    add_lead(second, 2, 11, "Grace H.", {{}, {}, {}, {}, {}, "New York"});
    p.sink->write_stage(p.key, stream.schema, {&second, nullptr}, checkpoint_of(stream));

    CHECK(text_of(p.sink->merge_stage(
              p.key, stream.schema, DeletePolicy::soft, at(500), checkpoint_of(stream))) ==
          "2/0/0/0");
    CHECK(p.target.value("SELECT city FROM " + Target::table("leads") + " WHERE id = 2") ==
          "New York");
    CHECK(p.name_of(1) == "Ada");
}

} // namespace zohosyncd::tests
