#include "tests/unit/config/config_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using Texts = std::vector<std::string>;
using Indexes = std::vector<WantedIndex>;

TEST_CASE("keys of a table are lists of columns, or of lists, or named (17, 67)") {
    const auto loaded = load_streams(R"(
defaults:
  object: crm.{stream_name}
  target_options: { add_new_columns: no, adjust_column_type: yes, table_keys: { unique: Email } }
streams:
  leads:
  deals: { target_options: { column_casing: upper } }
  calls:
    target_options:
      add_new_columns: yes
      adjust_column_type: no
      table_keys:
        primary: [[ID]]
        Unique: [Subject, [Who_Id, What_Id]]
        index: [Status, [A, B], {by_c: [C, D]}, {by_e: {columns: [E], unique: true}}]
)");

    CHECK(loaded.problems == Texts{});
    const auto& leads = loaded.stream("leads").columns.table;
    CHECK_FALSE(leads.adds_columns);
    CHECK(leads.adjusts_types);
    CHECK(leads.indexes == Indexes{{"", {"Email"}, true}});
    CHECK(loaded.stream("deals").columns.table == leads);
    const auto& calls = loaded.stream("calls").columns.table;
    CHECK(calls.adds_columns);
    CHECK_FALSE(calls.adjusts_types);
    CHECK(calls.indexes == Indexes{{"", {"Subject"}, true},
                                   {"", {"Who_Id", "What_Id"}, true},
                                   {"", {"Status"}, false},
                                   {"", {"A", "B"}, false},
                                   {"by_c", {"C", "D"}, false},
                                   {"by_e", {"E"}, true}});
}

TEST_CASE("kinds of keys that are nobody's here are told (67)") {
    const auto loaded = load_streams("streams:\n  leads:\n    object: a.b\n    target_options:\n"
                                     "      table_keys: {sort: [A], primry: [B]}\n");

    CHECK(loaded.problems ==
          Texts{"warning: replication.yaml:7: streams.leads.target_options.table_keys.sort: has no "
                "effect on PostgreSQL and SQLite",
                "warning: replication.yaml:7: streams.leads.target_options.table_keys.primry: is "
                "no type of key and left out: expected primary, unique or index"});
    CHECK(loaded.stream("leads").columns.table.indexes == Indexes{});
}

TEST_CASE("modifiers say what a new column must hold (67)") {
    const auto loaded =
        load_streams("streams: {leads: {object: a.b, columns: {Email: string unique "
                     "not_null, City: index, Id: bigint primary_key}}}\n");

    CHECK(loaded.problems == Texts{});
    const auto& rules = loaded.stream("leads").columns.columns;
    REQUIRE(rules.size() == 3);
    CHECK((rules[0].is_unique && rules[0].not_null && !rules[0].is_indexed));
    CHECK((rules[1].is_indexed && !rules[1].is_unique && !rules[1].type));
}

TEST_CASE("a record may be one column, where nothing is said of others (61)") {
    const auto loaded = load_streams(R"(
defaults: { object: 'crm.{stream_name}', source_options: { flatten: false } }
streams:
  leads:
  users:
  deals: { columns: { Amount: bigint } }
)");

    CHECK(loaded.problems ==
          Texts{"warning: replication.yaml:7: streams.users.source_options.flatten: `flatten: "
                "false` has no effect on users and modules: they keep a column for each key",
                "warning: replication.yaml:8: streams.deals.source_options.flatten: `flatten: "
                "false` keeps records as they were sent: `columns`, `transforms`, `null_if`, "
                "`empty_as_null` and `max_decimals` have no effect"});
    CHECK(loaded.stream("leads").columns.folds);
    CHECK_FALSE(loaded.stream("users").columns.folds);
    CHECK(loaded.stream("deals").columns.columns.empty());
}

TEST_CASE("columns about loading are Sling's settings (69, 70)") {
    struct Case {
        const char* env;
        MetadataColumns want;
    };

    using enum MetadataColumns::LoadedAt;
    const Case cases[] = {
        {"{}", {none, false}},
        {"{SLING_LOADED_AT_COLUMN: true}", {unix_time, false}},
        {"{SLING_LOADED_AT_COLUMN: unix}", {unix_time, false}},
        {"{SLING_LOADED_AT_COLUMN: Timestamp}", {timestamp, false}},
        {"{SLING_LOADED_AT_COLUMN: false}", {none, false}},
        {"{SLING_SYNCED_AT_COLUMN: true, SLING_LOADED_AT_COLUMN: true}", {none, true}},
    };
    for (const auto& c : cases) {
        CAPTURE(c.env);
        const auto loaded =
            load_streams("env: " + std::string(c.env) + "\nstreams: {leads: {object: a.b}}\n");
        CHECK(loaded.problems == Texts{});
        CHECK(loaded.stream("leads").columns.table.metadata == c.want);
    }
    CHECK(load_streams("env: {SLING_SYNCED_AT_COLUMN: yes please}\n"
                       "streams: {leads: {object: a.b}}\n")
              .problems ==
          Texts{"replication.yaml: env.SLING_SYNCED_AT_COLUMN: expected true or false"});
}

} // namespace
} // namespace zohosyncd
