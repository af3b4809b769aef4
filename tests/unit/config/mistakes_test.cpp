#include "tests/unit/config/config_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using Texts = std::vector<std::string>;

constexpr const char* endpoints = "[accounts, calls, campaigns, contacts, deals, leads, meetings, "
                                  "modules, notes, products, quotes, tasks, users, vendors]";

/// Problems of a file whose line 3 is `line`, and whose streams have a table.
Texts problems_of(const std::string& line) {
    return load_streams(line + "\n").problems;
}

/// Problems of a stream with that block, which begins in line 5.
Texts problems_of_stream(const std::string& block) {
    return problems_of("defaults: {object: 'crm.{stream_name}'}\nstreams:\n  leads:\n    " + block);
}

TEST_CASE("missing root keys are named (3)") {
    CHECK(load({.replication = "daemon: {listen: off}\n"}).problems ==
          Texts{"replication.yaml:1: source: did not find 'source' key",
                "replication.yaml:1: target: did not find 'target' key",
                "replication.yaml:1: streams: did not find 'streams' key"});
    CHECK(load({.replication = "# nothing\n"}).problems ==
          Texts{"replication.yaml: the file is empty: did not find 'source' key"});
    CHECK(load({.replication = "- a\n"}).problems ==
          Texts{"replication.yaml:1: expected a map with `source`, `target`, `streams`"});
    CHECK(problems_of("streams:") ==
          Texts{"replication.yaml:3: streams: did not find 'streams' key"});
}

TEST_CASE("wrong types are named with block and key (7, 94)") {
    struct Case {
        const char* block;
        const char* want;
    };

    const Case cases[] = {
        {"tags: daily", "tags`: expected a list of strings, found a string: write [daily]"},
        {"tags: [1]",
         "tags`: expected a list of strings, found a list of other things: YAML reads an unquoted "
         "`1` as a number, quote it"},
        {"disabled: 'true'",
         "disabled`: expected true or false, found a quoted string: take the quotes away"},
        {"source_options: {limit: '10'}",
         "source_options.limit`: expected a whole number, found a quoted string: take the quotes "
         "away"},
        {"source_options: {limit: 010}",
         "source_options.limit`: expected a whole number, found a number (`010`): write digits "
         "alone, without a sign or a leading zero"},
        {"source_options: {limit: -1}",
         "source_options.limit`: expected a whole number, found a number (`-1`): write digits "
         "alone, without a sign or a leading zero"},
        {"source_options: []", "source_options`: expected a map, found a list"},
        {"select: a", "select`: expected a list of strings, found a string: write [a]"},
        {"mode: [incremental]", "mode`: expected a string, found a list"},
        {"object: 5", "object`: expected a string, found a number: quote it, if `5` is meant"},
        {"schedule: 5",
         "schedule`: expected a string, found a number; Sling refuses a number as well: give it a "
         "unit, such as \"5m\""},
        {"schedule: [5m]",
         "schedule`: expected a string, found a list; Sling refuses a list as well: give one "
         "schedule such as \"@every 5m\""},
        {"schedule: off",
         "schedule`: expected a string, found a boolean; YAML reads an unquoted `off` as a "
         "boolean: write \"manual\""},
        {"target_options: {column_casing: on}",
         "target_options.column_casing`: expected a string, found a boolean: quote it, if `on` is "
         "meant"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.block);
        CHECK(problems_of_stream(c.block) ==
              Texts{std::string("replication.yaml:6: could not parse `streams.leads.") + c.want});
    }
    CHECK(problems_of("streams: [a]") ==
          Texts{"replication.yaml:3: could not parse `streams`: expected a map, found a list"});
    CHECK(problems_of("streams: {leads: daily}") ==
          Texts{"replication.yaml:3: could not parse `streams.leads`: expected a map, found a "
                "string"});
    CHECK(problems_of("streams: {leads: {object: a.b}}\ndefaults: 5").front() ==
          "replication.yaml:4: could not parse `defaults`: expected a map, found a number");
}

TEST_CASE("what this version can not honour is refused by name") {
    struct Case {
        const char* block;
        const char* key;
        const char* message;
    };

    const Case cases[] = {
        {"select: [a, '@columns']", "select", "`@columns` must come first"},
        {"select: ['@columns', a]",
         "select",
         "`@columns` stands for the names under `columns`, and there are none"},
        {"select: [Last Name]",
         "select",
         "`Last Name` is no field's name: expected `field` or `field as column`"},
        {"select: ['L* as name']",
         "select",
         "`L* as name` is no field's name: expected `field` or `field as column`"},
        {"select: [A as x, B as X]", "select", "`A` and `B` can not both be `x`"},
        {"select: [a, '-']", "select", "an item is empty: name a field, or take it out"},
        {"columns: {a: uuid}",
         "columns.a",
         "type uuid is not supported by this version: use string"},
        {"columns: {a: decimal(2,3)}",
         "columns.a",
         "a parenthesis is not closed: between `{` and `}`, quote a type with a comma, such as "
         "'decimal(18,2)'"},
        {"columns: {a: 'decimal(2,3)'}",
         "columns.a",
         "expected decimal(digits,decimals), such as decimal(18,2)"},
        {"columns: {a: string(0)}", "columns.a", "expected string(n) with n from 1 to 10485760"},
        {"columns: {a: string primary_key}",
         "columns.a",
         "`primary_key` can only be `id` for Zoho CRM: use `unique`"},
        {"columns: {a: string index(b)}",
         "columns.a",
         "`index(…)` is not supported by this version: write `index`, or use "
         "target_options.table_keys"},
        {"columns: {a: string default(1)}",
         "columns.a",
         "`default` is not yet supported, in Sling neither"},
        {"columns: {a: string fast}",
         "columns.a",
         "`fast` is no modifier: expected not_null, nullable, primary_key, unique, index or "
         "description(…)"},
        {"columns: {a: string | value > 1}",
         "columns.a",
         "a constraint behind `|` is not supported by this version"},
        {"columns: {a: [string]}",
         "columns.a",
         "expected a type such as string or decimal(18,2), found a list"},
        {"transforms: [trim]",
         "transforms",
         "`trim` is not supported by this version: expected trim_space, upper, lower, "
         "replace_accents, replace_0x00, replace_non_printable, empty_as_null, hash_md5, "
         "hash_sha256, hash_sha512"},
        {"transforms: {id: [upper]}",
         "transforms.id",
         "the key and the version of a row can not be transformed"},
        {"transforms: [{a: value + 1}]",
         "transforms",
         "expressions (a list of maps) are not supported by this version: give a list of "
         "functions, or a map from columns to such lists"},
        {"hooks: {pre: [{type: log}]}", "hooks.pre[0].message", "`message` is missing"},
        {"where: a > 1", "where", "`where` is not supported by this version"},
        {"sql: select 1", "sql", "`sql` is not supported by this version"},
        {"files: [a]", "files", "`files` is not supported by this version"},
        {"source_options: {range: 'a,b'}",
         "source_options.range",
         "`a` is no date YYYY-MM-DD and no time YYYY-MM-DDTHH:MM:SS"},
        {"source_options: {range: '2024-02-01,2024-01-01'}",
         "source_options.range",
         "the range ends before it begins: expected start,end"},
        {"source_options: {range: '2024-02-01,2024-03-01'}",
         "source_options.range",
         "a range can not be combined with mode full-refresh: use backfill or incremental"},
        {"source_options: {flatten: deep}",
         "source_options.flatten",
         "expected 0, 1, 2, true or false, found a string"},
        {"source_options: {max_decimals: two}",
         "source_options.max_decimals",
         "expected a whole number from 0 to 1000, or -1"},
        {"target_options: {pre_sql: 'select {nonsense}'}",
         "target_options.pre_sql",
         "there is no variable {nonsense}; braces around a word are always one, so write an array "
         "of PostgreSQL as ARRAY['word']"},
        {"target_options: {post_sql: 'select {env.X}'}",
         "target_options.post_sql",
         "there is no variable {env.X}: add it to `env`"},
        {"target_options: {pre_sql: 'file:///no/such.sql'}",
         "target_options.pre_sql",
         "/no/such.sql can not be read: expected a file of SQL statements"},
        {"target_options: {table_keys: {primary: [a]}}",
         "target_options.table_keys.primary",
         "can only be `id` for Zoho CRM: use `unique`"},
        {"target_options: {table_keys: {partition: [a]}}",
         "target_options.table_keys.partition",
         "is not supported by this version"},
        {"target_options: {table_keys: {index: ['lower(a)']}}",
         "target_options.table_keys.index",
         "`lower(a)` is no column: expected names of columns, or lists of them"},
        {"target_options: {table_keys: {index: [by_a: {columns: [a], where: b}]}}",
         "target_options.table_keys.index",
         "index `by_a`: `where` is not supported by this version: expected `columns` and "
         "`unique: true`"},
        {"target_options: {merge_strategy: updat_insert}",
         "target_options.merge_strategy",
         "`updat_insert` is no strategy: expected update_insert, delete_insert, insert or update; "
         "did you mean `update_insert`?"},
        {"target_options: {delete_missing: {type: soft, target_where: x}}",
         "target_options.delete_missing.target_where",
         "`target_where` is not supported by this version"},
        {"target_options: {delete_missing: {}}",
         "target_options.delete_missing",
         "`type` is missing: expected soft, hard or none"},
        {"target_options: {delete_missing: no}",
         "target_options.delete_missing",
         "expected soft, hard or none"},
        {"target_options: {column_casing: kebab}",
         "target_options.column_casing",
         "`kebab` is no casing: expected snake, source, target, upper, lower, camel or normalize"},
        {"primary_key: [a, b]", "primary_key", "`primary_key` can only be `id` for Zoho CRM"},
        {"primary_key: email", "primary_key", "`primary_key` can only be `id` for Zoho CRM"},
        {"update_key: Created_Time",
         "update_key",
         "`update_key` can only be `Modified_Time` for Zoho CRM"},
        {"mode: change-capture",
         "mode",
         "mode change-capture needs a database as source; Zoho CRM is an API"},
        {"mode: incremantal",
         "mode",
         "must specify valid mode: full-refresh, incremental, backfill, snapshot, truncate, "
         "definition-only, or change-capture; did you mean `incremental`?"},
        {"object: a.b.c", "object", "stream `leads`: expected `table` or `schema.table`"},
        {"object: 'a.\"b'", "object", "stream `leads`: a quote is not closed"},
        {"object: 'a.{nope}'",
         "object",
         "stream `leads`: the name of the table or schema is empty; there is no variable {nope}"},
        {"object: zohosync.leads",
         "object",
         "`zohosync.leads` lies where our own tables are; choose another name, or another "
         "daemon.state_schema"},
        {"object:",
         "object",
         "need to specify `object` for stream `leads`: write one under it or under `defaults`, "
         "such "
         "as zoho_crm.{stream_name}"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.block);
        const auto problems = problems_of_stream(c.block);
        REQUIRE(problems.size() == 1);
        const std::string key = "streams.leads." + std::string(c.key);
        CHECK((problems[0] == "replication.yaml:6: " + key + ": " + c.message ||
               problems[0] == "replication.yaml:5: " + key + ": " + c.message));
    }
}

TEST_CASE("defaults and what Sling ignores pass without a word") {
    const char* const blocks[] = {
        "select: ['*']",
        "select: []",
        "columns: {}",
        "hooks: {pre: [], post: }",
        "where: ''",
        "source_options: {flatten: 1, max_decimals: -1, empty_as_null: off, range: , header: true}",
        "source_options: {chunk_size: 5, delimiter: ';', sheet: A, encoding: latin1}",
        "target_options: {add_new_columns: yes, adjust_column_type: no, use_bulk: true}",
        "target_options: {merge_strategy: delete_insert, pre_sql: select 1, post_sql: }",
        "mode: snapshot",
        "target_options: {merge_strategy: update_insert, table_keys: {}, format: csv}",
        "target_options: {delete_missing: , column_casing: }",
        "change_capture_options: {a: b}",
        "primary_key: id",
        "Mode: incremental",
        "schedule: ''",
        "schedule: manual",
        "schedule: \"*/10 * * * *\"",
    };
    for (const auto* block : blocks) {
        CAPTURE(block);
        CHECK(problems_of_stream(block) == Texts{});
    }
}

TEST_CASE("unknown keys warn with the nearest known one (4, 5)") {
    CHECK(problems_of(
              "interval: 5\nstreams: {leads: {object: a.b, shedule: 5m, source_options: {limt: 5}, "
              "target_options: {x: 1}}}\ndaemon: {lissen: off}") ==
          Texts{"warning: replication.yaml:3: `interval` is not a known key and is ignored",
                "warning: replication.yaml:5: daemon.lissen: `lissen` is not a known key and is "
                "ignored; did you mean `listen`?",
                "warning: replication.yaml:4: streams.leads.shedule: `shedule` is not a known key "
                "and is ignored; did you mean `schedule`?",
                "warning: replication.yaml:4: streams.leads.source_options.limt: `limt` is not a "
                "known key and is ignored; did you mean `limit`?",
                "warning: replication.yaml:4: streams.leads.target_options.x: `x` is not a known "
                "key and is ignored"});
    CHECK(
        problems_of_stream("target_options: {use_bulk: false, batch_limit: 5}") ==
        Texts{"warning: replication.yaml:6: streams.leads.target_options.use_bulk: `use_bulk` has "
              "no effect here",
              "warning: replication.yaml:6: streams.leads.target_options.batch_limit: "
              "`batch_limit` has no effect here"});
}

TEST_CASE("streams that mean nothing, or the same thing twice, are errors (34, 40)") {
    struct Case {
        const char* name;
        const char* streams;
        std::string want;
    };

    const std::string list = std::string(". Available endpoints: ") + endpoints;
    const Case cases[] = {
        {"a typing error",
         "{leadz: {object: a.b}}",
         "3: streams.leadz: did not find endpoint(s) for: leadz" + list +
             "; did you mean `leads`?"},
        {"a star in the middle",
         "{'l*s': {object: a.b}}",
         "3: streams.l*s: did not find endpoint(s) for: l*s" + list},
        {"a pattern without a match",
         "{'z*': {object: 'a.{stream_name}'}}",
         "3: streams.z*: did not find endpoint(s) for: z*" + list},
        {"a pattern that is none",
         "{'c*': {object: 'a.{stream_name}', single: true}}",
         "3: streams.c*: did not find endpoint(s) for: c*" + list},
        {"a bad API name",
         "{My-Module: {object: a.b}}",
         "3: streams.My-Module: did not find endpoint(s) for: My-Module" + list},
        {"a module twice",
         "{meetings: {object: a.b},\n Events: {object: a.c}}",
         "4: streams.Events: `Events` is the same stream as `meetings` in line 3"},
        {"a stream twice",
         "{leads: {object: a.b},\n Leads: {object: a.c}}",
         "4: streams.Leads: `Leads` is the same stream as `leads` in line 3"},
        {"one table twice",
         "{leads: {object: a.b},\n deals: {object: a.b}}",
         "4: streams.deals.object: streams `leads` (line 3) and `deals` have one table: a.b"},
        {"a pattern with a fixed table",
         "{'*': {object: a.b}}",
         "3: streams.*: `*` needs a table for each stream: add {stream_name} to `object`"},
        {"every module with a fixed table",
         "{'module:*': {object: a.b}}",
         "3: streams.module:*: `module:*` needs a table for each stream: add {stream_name} to "
         "`object`"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        CHECK(problems_of(std::string("streams: ") + c.streams) ==
              Texts{"replication.yaml:" + c.want});
    }
    CHECK(problems_of("streams: {Lead: {object: a.b}}") ==
          Texts{"warning: replication.yaml:3: streams.Lead: read as the API name of a Zoho module; "
                "did you mean `leads`?"});
    CHECK(problems_of("streams: {leads: {object: a.b, disabled: true}}") ==
          Texts{"warning: replication.yaml: streams: no stream is enabled"});
}

TEST_CASE("tables are compared as the target does") {
    const auto lite =
        load({.replication = "source: ZOHO_CRM\ntarget: LITE\nstreams:\n"
                             "  leads: {object: a.Leads}\n  deals: {object: b.leads}\n"
                             "  calls: {object: zohosync_lease}\n"});

    CHECK(
        lite.problems ==
        Texts{"replication.yaml:5: streams.deals.object: streams `leads` (line 4) and `deals` have "
              "one table: leads",
              "replication.yaml:6: streams.calls.object: `zohosync_lease` lies where our own "
              "tables are; choose another name, or another daemon.state_schema"});
    CHECK(problems_of("streams: {leads: {object: a.Leads}, deals: {object: a.leads}}") == Texts{});
    CHECK(problems_of("streams: {leads: {object: a." + std::string(64, 'x') + "}}")
              .front()
              .find("is longer than PostgreSQL's 63 bytes") != std::string::npos);
}

TEST_CASE("a table needs a schema in PostgreSQL (29)") {
    CHECK(
        load({.replication = "source: ZOHO_CRM\ntarget: BARE\nstreams:\n  leads:\n    object: x\n"})
            .problems ==
        Texts{"replication.yaml:4: streams.leads.object: stream `leads`: did not specify schema. "
              "Please specify schema in object name."});
}

TEST_CASE("hooks at the root are judged as in Sling (30)") {
    CHECK(
        problems_of(
            "streams: {leads: {object: a.b}}\nhooks: {pre: [], start: [{type: log}], end: []}") ==
        Texts{"replication.yaml:4: hooks.pre: cannot declare a \"pre\" hook at replication level, "
              "only accepts start/end.",
              "replication.yaml:4: hooks.start[0].message: `message` is missing"});
}

TEST_CASE("all mistakes come in one pass") {
    const auto loaded = load({.replication = "source: NOBODY\n"
                                             "target: BARE\n"
                                             "streams:\n"
                                             "  leadz:\n"
                                             "  deals:\n"
                                             "    mode: fast\n"
                                             "    object: a.b\n"
                                             "    tags: x\n"
                                             "daemon:\n"
                                             "  overlap: 2d\n"});

    CHECK(
        loaded.problems ==
        Texts{"replication.yaml:1: source: could not find source connection: NOBODY; known: BARE, "
              "LITE, MY_POSTGRES, ZOHO_CRM",
              "replication.yaml:10: daemon.overlap: expected a duration such as 5m, from 0s to 1d",
              "replication.yaml:8: could not parse `streams.deals.tags`: expected a list of "
              "strings, found a string: write [x]",
              "replication.yaml:6: streams.deals.mode: must specify valid mode: full-refresh, "
              "incremental, backfill, snapshot, truncate, definition-only, or change-capture",
              std::string("replication.yaml:4: streams.leadz: did not find endpoint(s) for: leadz. "
                          "Available endpoints: ") +
                  endpoints + "; did you mean `leads`?"});
}

} // namespace
} // namespace zohosyncd
