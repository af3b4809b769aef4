#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

namespace zohosyncd::tests {

TEST_CASE_TEMPLATE("writing a page twice changes nothing the second time",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    const auto page = leads_of({{1, 10, "Ada"}, {2, 20, "Grace"}});

    CHECK(text_of(p.write(page)) == "2/0/0/0");
    p.target.run("UPDATE " + Target::table("leads") + " SET _synced_at = '2000-01-01T00:00:00Z'");
    const auto stamp = p.stamp_of(1);

    CHECK(text_of(p.write(page)) == "0/0/2/0");
    CHECK(p.stamp_of(1) == stamp);
    CHECK(p.count("_synced_at < '2001-01-01T00:00:00Z'") == "2");
    CHECK(p.name_of(1) == "Ada");
    CHECK(p.sink->count_rows(leads().target) == 2);
}

TEST_CASE_TEMPLATE("versions decide which content wins", Target, ZOHOSYNCD_ALL_TARGETS) {
    struct Case {
        const char* name;
        int version;
        bool authoritative;
        const char* want;
    };

    const Case cases[] = {
        {"an older version yields", 9, false, "0/0/1/0 Old"},
        {"at equal versions the later read wins", 10, false, "0/1/0/0 New"},
        {"a newer version wins", 11, false, "0/1/0/0 New"},
        {"an authoritative read wins even when older", 9, true, "0/1/0/0 New"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        Prepared<Target> p;
        p.write(leads_of({{1, 10, "Old"}}));

        const auto page = leads_of({{1, c.version, "New"}});
        const auto stats = c.authoritative ? p.write_authoritative(page) : p.write(page);

        CHECK(text_of(stats) + " " + p.name_of(1) == c.want);
    }
}

TEST_CASE_TEMPLATE("of the same id twice in a page the greatest version is written",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;

    CHECK(text_of(p.write(leads_of({{1, 12, "Newest"}, {1, 10, "Older"}, {1, 12, "Read last"}}))) ==
          "1/0/0/0");
    CHECK(p.name_of(1) == "Read last");
}

TEST_CASE_TEMPLATE("listed and authoritative rows are written together",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    const auto listed = leads_of({{1, 10, "Listed"}, {2, 10, "Two"}});
    const auto authoritative = leads_of({{1, 9, "Whole"}});

    const auto stats =
        p.sink->write(p.key, p.stream.schema, {&listed, &authoritative}, checkpoint_of(p.stream));

    CHECK(text_of(stats) == "2/1/0/0");
    CHECK(p.name_of(1) == "Whole");
}

TEST_CASE_TEMPLATE("a deleted row that is read again is live again",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}}));

    CHECK(text_of(p.remove({{1, at(60)}, {99, at(60)}})) == "0/0/0/1");
    CHECK(p.count("_deleted_at IS NOT NULL") == "1");
    CHECK(p.sink->count_rows(leads().target) == 1);
    CHECK(text_of(p.remove({{1, at(60)}})) == "0/0/0/0");

    const auto deleted = p.sink->soft_deleted(p.stream.schema, at(0), 10);
    REQUIRE(deleted.size() == 1);
    CHECK(deleted[0].id == 1);
    CHECK(deleted[0].deleted_time == at(60));
    CHECK(p.sink->soft_deleted(p.stream.schema, at(61), 10).empty());

    CHECK(text_of(p.write(leads_of({{1, 10, "Ada"}}))) == "0/1/0/0");
    CHECK(p.count("_deleted_at IS NOT NULL") == "0");
}

TEST_CASE_TEMPLATE("a deletion whose time was corrected takes the new time",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 10, "Ada"}}));
    p.remove({{1, at(60)}});

    CHECK(text_of(p.remove({{1, at(70)}, {1, at(65)}})) == "0/0/0/0");
    CHECK(p.sink->soft_deleted(p.stream.schema, at(0), 10)[0].deleted_time == at(70));
}

TEST_CASE_TEMPLATE("the delete policy decides what a deletion does",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    p.write(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}}));

    CHECK(text_of(p.remove({{1, at(60)}}, DeletePolicy::none)) == "0/0/0/0");
    CHECK(p.count() == "2");
    CHECK(text_of(p.remove({{1, at(60)}}, DeletePolicy::hard)) == "0/0/0/1");
    CHECK(p.count() == "1");
}

TEST_CASE_TEMPLATE("columns that change by themselves do not make a row changed",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    auto sink = target.sink();
    sink->migrate();
    auto schema = leads();
    schema.columns[6].counts_as_change = false;
    const auto stream = sink->prepare(key_of(schema), schema, ColumnCasing::snake);
    const auto write = [&](const char* name, const char* seats) {
        Batch batch(schema.columns.size());
        add_lead(batch, 1, 10, name, {std::nullopt, std::nullopt, std::nullopt, seats});
        return text_of(
            sink->write(stream.state.key, stream.schema, {&batch, nullptr}, checkpoint_of(stream)));
    };
    write("Ada", "1");

    CHECK(write("Ada", "2") == "0/0/1/0");
    CHECK(write("Ada B.", "3") == "0/1/0/0");
    CHECK(target.value("SELECT seats FROM " + Target::table("leads")) == "3");
}

TEST_CASE_TEMPLATE("an empty batch writes no row and stores the checkpoint",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    auto checkpoint = checkpoint_of(p.stream);
    checkpoint.high_water_mark = at(5);

    CHECK(text_of(p.sink->write(p.key, p.stream.schema, {}, checkpoint)) == "0/0/0/0");
    CHECK(p.sink->state(p.key)->high_water_mark == at(5));
}

} // namespace zohosyncd::tests
