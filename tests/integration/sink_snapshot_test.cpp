#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

namespace zohosyncd::tests {
namespace {

StreamSchema snapshots() {
    auto wanted = leads();
    wanted.target.table = "history";
    wanted.is_snapshot = true;
    return wanted;
}

template <class Target> struct Snapshots {
    Target target;
    std::unique_ptr<Sink> sink = target.sink();
    int migrations = sink->migrate();
    StreamKey key = key_of(snapshots());
    PreparedStream stream = sink->prepare(key, snapshots(), ColumnCasing::snake);

    WriteStats take(const Batch& page, std::chrono::sys_seconds taken_at) {
        auto checkpoint = checkpoint_of(stream);
        checkpoint.staged_rows = 0;
        sink->begin_stage(key, stream.schema);
        checkpoint.staged_rows =
            sink->write_stage(key, stream.schema, {&page, nullptr}, checkpoint).inserted;
        return sink->append_stage(key, stream.schema, taken_at, checkpoint);
    }

    std::string value(const std::string& select, const std::string& rest = "") {
        return target.value("SELECT " + select + " FROM " + Target::table("history") + " " + rest);
    }
};

} // namespace

TEST_CASE_TEMPLATE("each snapshot is added with its own time", Target, ZOHOSYNCD_ALL_TARGETS) {
    Snapshots<Target> p;
    CHECK(p.stream.created_table);

    CHECK(text_of(p.take(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}}), at(20))) == "2/0/0/0");
    CHECK(text_of(p.take(leads_of({{1, 30, "Ada L."}, {3, 10, "Mary"}}), at(40))) == "2/0/0/0");
    // The clock of Zoho stood still, or was set back: still a time of its own.
    CHECK(text_of(p.take(leads_of({{1, 30, "Ada L."}}), at(40))) == "1/0/0/0");
    CHECK(text_of(p.take(leads_of({{1, 30, "Ada L."}}), at(39))) == "1/0/0/0");

    CHECK(p.value("count(*)") == "6");
    CHECK(p.value("count(DISTINCT _sling_loaded_at)") == "4");
    CHECK(p.value("last_name", "ORDER BY _sling_loaded_at, id LIMIT 1") == "Ada");
    CHECK(p.value("count(*)", "WHERE _deleted_at IS NOT NULL OR _synced_at IS NULL") == "0");
    CHECK_THROWS(p.target.run("INSERT INTO " + Target::table("history") +
                              " (id, _sling_loaded_at) SELECT id, _sling_loaded_at FROM " +
                              Target::table("history")));
    CHECK_FALSE(p.sink->count_stage(p.stream.schema).has_value());
    CHECK(p.sink->state(p.key)->rows_upserted == 6);
    // Looked at again, it is ready as it is.
    const auto again = p.sink->prepare(p.key, snapshots(), ColumnCasing::snake);
    CHECK_FALSE(again.created_table);
    CHECK_FALSE(again.state.unverified);
}

TEST_CASE_TEMPLATE("a snapshot of nothing adds nothing", Target, ZOHOSYNCD_ALL_TARGETS) {
    Snapshots<Target> p;

    CHECK(text_of(p.take(Batch(leads().columns.size()), at(20))) == "0/0/0/0");
    CHECK(p.value("count(*)") == "0");
}

TEST_CASE_TEMPLATE("a table of records and one of snapshots are not taken for each other",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Snapshots<Target> p;
    auto records = snapshots();
    records.is_snapshot = false;
    CHECK_THROWS_WITH_AS(p.sink->prepare(p.key, records, ColumnCasing::snake),
                         doctest::Contains("holds snapshots: choose another object"),
                         SyncError);

    Prepared<Target> other;
    auto history = leads();
    history.is_snapshot = true;
    CHECK_THROWS_WITH_AS(other.sink->prepare(other.key, history, ColumnCasing::snake),
                         doctest::Contains("has one row a record"),
                         SyncError);
}

TEST_CASE_TEMPLATE("a table of snapshots that Sling made is gone on with",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    struct Case {
        const char* type;
        const char* held;
    };

    const Case cases[] = {{"timestamp", "'2020-01-01 00:00:00'"}, {"bigint", "1577836800"}};
    for (const auto& c : cases) {
        CAPTURE(c.type);
        Target target;
        const auto sink = target.sink();
        sink->migrate();
        if (Target::is_postgres) {
            target.run("CREATE SCHEMA zoho_crm");
        }
        target.run("CREATE TABLE " + Target::table("history") +
                   " (id bigint, last_name text, _sling_loaded_at " + c.type + ")");
        target.run("INSERT INTO " + Target::table("history") + " VALUES (1, 'Ada', " + c.held +
                   "), (1, 'Ada', " + c.held + ")");
        const auto key = key_of(snapshots());
        const auto stream = sink->prepare(key, snapshots(), ColumnCasing::snake);
        CHECK_FALSE(stream.state.unverified);
        const auto page = leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}});
        sink->begin_stage(key, stream.schema);
        sink->write_stage(key, stream.schema, {&page, nullptr}, checkpoint_of(stream));

        CHECK(text_of(sink->append_stage(key, stream.schema, at(20), checkpoint_of(stream))) ==
              "2/0/0/0");
        CHECK(target.value("SELECT count(DISTINCT _sling_loaded_at) FROM " +
                           Target::table("history")) == "2");
        CHECK(target.value("SELECT count(*) FROM " + Target::table("history")) == "4");
    }
}

TEST_CASE_TEMPLATE("the strategy decides what becomes of rows", Target, ZOHOSYNCD_ALL_TARGETS) {
    struct Case {
        MergeStrategy strategy;
        const char* stats; ///< Of a page with a changed row, an unchanged one and a new one.
        const char* names; ///< Of 1, 2 and 3 after it.
        const char* notes; ///< Rows that keep what the user wrote beside them.
    };

    const Case cases[] = {
        {MergeStrategy::update_insert, "1/1/1/0", "Ada L.,Grace,Mary", "2"},
        {MergeStrategy::delete_insert, "1/1/1/0", "Ada L.,Grace,Mary", "1"},
        {MergeStrategy::insert, "1/0/2/0", "Ada,Grace,Mary", "2"},
        {MergeStrategy::update, "0/1/2/0", "Ada L.,Grace,", "2"},
    };
    for (const auto& c : cases) {
        CAPTURE(static_cast<int>(c.strategy));
        Prepared<Target> p;
        p.write(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}, {4, 30, "Newer here"}}));
        p.target.run("ALTER TABLE " + Target::table("leads") + " ADD COLUMN note text");
        p.target.run("UPDATE " + Target::table("leads") + " SET note = 'mine' WHERE id < 4");
        auto wanted = leads();
        wanted.strategy = c.strategy;
        p.stream = p.sink->prepare(p.key, wanted, ColumnCasing::snake);

        CHECK(text_of(p.write(leads_of({{1, 20, "Ada L."}, {2, 10, "Grace"}, {3, 10, "Mary"}}))) ==
              c.stats);
        CHECK(p.name_of(1) + "," + p.name_of(2) + "," + p.name_of(3) == c.names);
        CHECK(p.count("note = 'mine'") == c.notes);
        // An older version yields in each of them.
        CHECK(text_of(p.write(leads_of({{4, 29, "Stale"}}))) == "0/0/1/0");
        CHECK(p.name_of(4) == "Newer here");
        // And a record that comes back lives again.
        p.remove({{2, at(40)}});
        CHECK(text_of(p.write(leads_of({{2, 50, "Grace H."}}))) == "0/1/0/0");
        CHECK(p.name_of(2) == (c.strategy == MergeStrategy::insert ? "Grace" : "Grace H."));
        CHECK(p.count("_deleted_at IS NOT NULL") == "0");
    }
}

TEST_CASE_TEMPLATE("a row stays where its replacement is refused", Target, ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    const auto sink = target.sink();
    sink->migrate();
    if (Target::is_postgres) {
        target.run("CREATE SCHEMA zoho_crm");
    }
    target.run("CREATE TABLE " + Target::table("leads") +
               " (id bigint primary key, last_name text, CHECK (last_name <> 'Bad'))");
    auto wanted = leads();
    wanted.strategy = MergeStrategy::delete_insert;
    const auto key = key_of(wanted);
    const auto stream = sink->prepare(key, wanted, ColumnCasing::snake);
    const auto write = [&](const Batch& page) {
        return text_of(sink->write(key, stream.schema, {&page, nullptr}, checkpoint_of(stream)));
    };
    CHECK(write(leads_of({{1, 10, "Ada"}, {2, 10, "Grace"}})) == "2/0/0/0");

    (void)write(leads_of({{1, 20, "Bad"}, {2, 20, "Grace H."}}));

    CHECK(target.value("SELECT count(*) FROM " + Target::table("leads")) == "2");
    CHECK(target.value("SELECT last_name FROM " + Target::table("leads") + " WHERE id = 1") !=
          "Bad");
    CHECK(target.value("SELECT last_name FROM " + Target::table("leads") + " WHERE id = 2") ==
          "Grace H.");
    CHECK(target.value("SELECT count(*) FROM " + Target::state("quarantine")) == "1");
}

} // namespace zohosyncd::tests
