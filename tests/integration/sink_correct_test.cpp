// Values that change without a new version: only they are written, and only into rows of that
// version.
#include "daemon/core/time.hpp"
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

namespace zohosyncd::tests {
namespace {

/// Of leads(): id, Modified_Time, and Amount as the field that drifts.
StreamSchema amounts(const StreamSchema& prepared) {
    StreamSchema schema;
    schema.target = prepared.target;
    schema.options = prepared.options;
    schema.columns = {prepared.columns[0], prepared.columns[*prepared.version_column]};
    schema.columns.back().counts_as_change = false;
    schema.version_column = 1;
    for (const auto& column : prepared.columns) {
        if (column.api_name == "Amount") {
            schema.columns.push_back(column);
        }
    }
    return schema;
}

Batch amounts_of(std::initializer_list<std::pair<Lead, std::string>> rows) {
    Batch batch(3);
    for (const auto& [lead, amount] : rows) {
        batch.column(1).append(format_utc(at(lead.version)));
        batch.column(2).append(amount);
        batch.end_row(lead.id, at(lead.version));
    }
    return batch;
}

template <class Target> struct Corrected : Prepared<Target> {
    WriteStats correct(const Batch& batch) {
        PageWrite page;
        page.corrections = &batch;
        return this->sink->write(
            this->key, amounts(this->stream.schema), page, checkpoint_of(this->stream));
    }

    std::string amount_of(std::int64_t id) {
        return this->target.value("SELECT amount FROM " + Target::table("leads") +
                                  " WHERE id = " + std::to_string(id));
    }
};

} // namespace

TEST_CASE_TEMPLATE("a correction sets its values in live rows of the very version",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Corrected<Target> p;
    Batch rows = leads_of({});
    for (int id = 1; id <= 4; ++id) {
        add_lead(rows, id, 5, "Ada", {"10"});
    }
    p.write(rows);
    p.remove({{4, at(6)}});
    const auto version = [&](std::int64_t id) {
        return p.target.value("SELECT modified_time FROM " + Target::table("leads") +
                              " WHERE id = " + std::to_string(id));
    };
    const auto before = version(1);
    const auto stamp_of_3 = p.stamp_of(3);

    // 1 drifted; 2 is shown with a newer version, which is for a run to bring; 3 is as it was; 4 is
    // deleted; 5 is no row.
    const auto stats = p.correct(amounts_of({{{1, 5, ""}, "11"},
                                             {{2, 6, ""}, "11"},
                                             {{3, 5, ""}, "10"},
                                             {{4, 5, ""}, "11"},
                                             {{5, 5, ""}, "11"}}));

    CHECK(stats.updated == 1);
    CHECK(stats.inserted == 0);
    CHECK(p.amount_of(1) == "11");
    CHECK(p.name_of(1) == "Ada");
    CHECK(version(1) == before);
    CHECK(p.amount_of(2) == "10");
    CHECK(p.stamp_of(3) == stamp_of_3);
    CHECK(p.amount_of(4) == "10");
    CHECK(p.count("_deleted_at IS NOT NULL") == "1");
    CHECK(p.count() == "4");
}

TEST_CASE_TEMPLATE("a correction leaves what quarantine holds of the record",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Corrected<Target> p;
    Batch rows = leads_of({});
    add_lead(rows, 1, 5, "Ada", {"10"});
    rows.quarantined().push_back({1, "Seats is no bigint", "many", "no_bigint"});
    p.write(rows);

    CHECK(p.correct(amounts_of({{{1, 5, ""}, "12"}})).updated == 1);

    CHECK(p.target.value("SELECT count(*) FROM " + Target::state("quarantine")) == "1");
}

TEST_CASE_TEMPLATE("a correction fills metadata columns", Target, ZOHOSYNCD_ALL_TARGETS) {
    Corrected<Target> p;
    auto wanted = leads();
    wanted.options.metadata.synced = true;
    p.stream = p.sink->prepare(p.key, wanted, ColumnCasing::snake);
    Batch rows = leads_of({});
    add_lead(rows, 1, 5, "Ada", {"10"});
    add_lead(rows, 2, 5, "Bob", {"10"});
    p.write(rows);

    CHECK(p.correct(amounts_of({{{1, 5, ""}, "11"}, {{2, 5, ""}, "10"}})).updated == 1);

    CHECK(p.count("id = 1 AND _sling_synced_op = 'U' AND _sling_synced_at = _synced_at") == "1");
    CHECK(p.count("id = 2 AND _sling_synced_op = 'I'") == "1");
}

TEST_CASE_TEMPLATE("a correction makes no record wait for its lines",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Corrected<Target> p;
    p.target.run("ALTER TABLE " + Target::table("leads") + " ADD COLUMN _details_at " +
                 (Target::is_postgres ? "timestamptz" : "TEXT"));
    Batch rows = leads_of({});
    add_lead(rows, 1, 5, "Ada", {"10"});
    p.write(rows);
    p.target.run("UPDATE " + Target::table("leads") + " SET _details_at = '2024-01-01T00:00:00Z'");

    CHECK(p.correct(amounts_of({{{1, 5, ""}, "11"}})).updated == 1);

    CHECK(p.count("_details_at IS NOT NULL") == "1");
}

TEST_CASE_TEMPLATE("the outcome of a refresh is kept with the state",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Prepared<Target> p;
    CHECK_FALSE(p.sink->state(p.key)->formulas);

    p.sink->record_formulas(p.key, {at(9), 1000, 12, 5});

    const auto found = p.sink->state(p.key)->formulas;
    REQUIRE(found);
    CHECK(found->at == at(9));
    CHECK(found->compared == 1000);
    CHECK(found->corrected == 12);
    CHECK(found->requests == 5);
}

} // namespace zohosyncd::tests
