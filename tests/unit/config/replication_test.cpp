#include "tests/unit/config/config_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using Texts = std::vector<std::string>;

const std::string defaults = "defaults: { mode: incremental, object: 'crm.{stream_name}' }\n";

TEST_CASE("the main example loads in file order (1, 13, 21)") {
    const auto loaded = load_streams("defaults:\n  mode: incremental\n  object: "
                                     "zoho_crm.{stream_name}\nstreams:\n  leads:\n  contacts:\n  "
                                     "accounts:\n  deals:\n  users:\n    mode: full-refresh\n");

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.names() == "leads contacts accounts deals users");
    CHECK(loaded.stream("leads").mode == StreamMode::incremental);
    CHECK(loaded.stream("leads").target.text() == "zoho_crm.leads");
    CHECK(loaded.stream("leads").schedule.text() == "@every 5m");
    CHECK(loaded.stream("users").mode == StreamMode::full_refresh);
    CHECK(loaded.stream("users").schedule.text() == "@every 1h");
    CHECK(loaded.config.source.name == "ZOHO_CRM");
}

TEST_CASE("the same document may be JSON (2)") {
    const auto loaded = load({.replication = R"({"source": "zoho_crm", "target": "my_postgres",
        "defaults": {"object":"a.{stream_name}", "tags": ["x"]}, "streams": {"leads": null}})"});

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.names() == "leads");
    CHECK(loaded.stream("leads").tags == Texts{"x"});
}

TEST_CASE("streams are named and expanded as in Sling (6, 12, 31, 32, 33, 35)") {
    struct Case {
        const char* name;
        const char* streams;
        const char* want;
    };

    const Case cases[] = {
        {"three ways of nothing", "{leads: , deals: ~, calls: {}}", "leads deals calls"},
        {"quotes", "{'leads': , \"'deals'\": , '`calls`': }", "leads deals calls"},
        {"capitals", "{Leads: , DEALS: }", "leads deals"},
        {"a star",
         "{'*': }",
         "accounts calls campaigns contacts deals leads meetings modules notes products quotes "
         "tasks users vendors"},
        {"a star without one",
         "{'*': , modules: {disabled: true}}",
         "accounts calls campaigns contacts deals leads meetings notes products quotes tasks users "
         "vendors"},
        {"written out streams keep their place",
         "{users: , '*': , leads: }",
         "users accounts calls campaigns contacts deals meetings modules notes products quotes "
         "tasks vendors leads"},
        {"a beginning", "{'C*': }", "calls campaigns contacts"},
        {"an end", "{'*ES': }", "modules notes quotes"},
        {"a middle", "{'*al*': }", "calls deals"},
        {"two patterns", "{'c*': , '*ca*': }", "calls campaigns contacts"},
        {"a disabled pattern", "{leads: , 'c*': {disabled: on}}", "leads"},
        {"a pattern that must run", "{'c*': {disabled: ~}}", "calls campaigns contacts"},
        {"an extra module", "{Invoices: , leads: , My_Module__s: }", "Invoices leads My_Module__s"},
        {"Zoho's name of an endpoint", "{Events: }", "meetings"},
        {"disabled stays out", "{leads: {disabled: yes}, deals: {disabled: no}}", "deals"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        const auto loaded = load_streams(defaults + "streams: " + c.streams + "\n");
        CHECK(loaded.names() == c.want);
        CHECK(loaded.problems == Texts{});
    }
}

TEST_CASE("merge_strategy and statements are inherited field by field") {
    const auto loaded = load_streams(
        "defaults: {object: 'crm.{stream_name}', target_options: {merge_strategy: insert, pre_sql: "
        "'select {stream_name}', post_sql: 'analyze {object.full_name}'}}\n"
        "streams:\n  leads:\n  deals: {target_options: {merge_strategy: delete_insert, pre_sql: "
        "vacuum}}\n");
    CHECK(loaded.problems == Texts{});
    REQUIRE(loaded.config.streams.size() == 2);
    const auto& leads = loaded.config.streams[0];
    const auto& deals = loaded.config.streams[1];
    CHECK(leads.merge_strategy == MergeStrategy::insert);
    CHECK(leads.pre_sql.render({{"stream_name", "leads"}}) == "select leads");
    CHECK(deals.merge_strategy == MergeStrategy::delete_insert);
    CHECK(deals.pre_sql.render({}) == "vacuum");
    CHECK(deals.post_sql.variables() == Texts{"object.full_name"});
}

TEST_CASE("a snapshot is taken once a day unless it says otherwise, of users too") {
    const auto loaded = load_streams("defaults: {object: 'crm.{stream_name}', mode: snapshot}\n"
                                     "streams:\n  leads:\n  users:\n  deals: {schedule: 6h}\n");
    CHECK(loaded.problems == Texts{});
    REQUIRE(loaded.config.streams.size() == 3);
    for (const auto& stream : loaded.config.streams) {
        CHECK(stream.mode == StreamMode::snapshot);
        CHECK(reads_everything(stream));
        CHECK_FALSE(keeps_equal(stream));
    }
    CHECK(loaded.config.streams[1].schedule.text() == "@daily");
    CHECK(loaded.config.streams[2].schedule.text() == "6h");
}

TEST_CASE("a table is named after its stream") {
    struct Case {
        const char* object;
        const char* stream;
        const char* want;
    };

    const Case cases[] = {
        {"crm.{stream_name}", "leads", "crm.leads"},
        {"crm.{stream_table}", "leads", "crm.leads"},
        {"crm.{stream_table_upper}", "leads", "crm.LEADS"},
        {"crm.{stream.name}", "Invoices", "crm.invoices"},
        {"{stream_name}", "leads", "public.leads"},
        {"{target_schema}.{source_name}_{stream_name}", "leads", "public.zoho_crm_leads"},
        {"{target.schema}.{target.name}_x", "leads", "public.my_postgres_x"},
        {"{source_type}_{target_type}.{source_kind}_{target_kind}",
         "leads",
         "api_postgres.api_database"},
        {"a.{YYYY}{MM}{DD}", "leads", "a.20261115"},
        {"a.t_{timestamp.date}", "leads", "a.t_2026-11-15"},
        {"\"zoho\".\"Leads\"", "leads", "zoho.Leads"},
        {"\"a.b\".\"say \"\"x\"\"\"", "leads", "a.b.say \"x\""},
        {"Zoho.Leads", "leads", "Zoho.Leads"},
        {"a.x{nonsense}y", "leads", "a.xy"},
        {"a.{stream_description}_{stream_run_id}", "leads", "a.My_leads__1st"},
        {" a.b ", "leads", "a.b"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.object);
        const auto loaded =
            load_streams("streams:\n  " + std::string(c.stream) + ":\n    object: '" + c.object +
                         "'\n    description: My leads\n    id: 1st\n");
        CHECK(!loaded.has_errors);
        REQUIRE(loaded.config.streams.size() == 1);
        CHECK(loaded.config.streams[0].target.text() == c.want);
    }
}

TEST_CASE("root env is expanded and put in everywhere (23)") {
    const auto loaded = load(
        {.replication =
             "source: ZOHO_CRM\ntarget: MY_POSTGRES\n"
             "env: {S: $MY_SCHEMA, T: 'x_${MY_SCHEMA}', N: 10, M: $MISSING, SLING_STATE: a/b}\n"
             "defaults: {source_options: {limit: {N}}}\n"
             "streams:\n"
             "  leads: {object: '{S}.{stream_name}'}\n"
             "  deals: {object: '{T}.{env.S}{M}'}\n"
             "  calls: {object: '${S}.x'}\n",
         .variables = {{"MY_SCHEMA", "crm"}}});

    CHECK(
        loaded.problems ==
        Texts{"warning: replication.yaml:3: env.M: the variable MISSING is not set; taken as empty",
              "warning: replication.yaml:3: env.SLING_STATE: `SLING_STATE` has no effect here: "
              "zohosyncd keeps its own state",
              "warning: replication.yaml:8: streams.calls.object: `${…}` is replaced under `env` "
              "only; use {KEY} here"});
    CHECK(loaded.stream("leads").target.text() == "crm.leads");
    CHECK(loaded.stream("deals").target.text() == "x_crm.crm");
    CHECK(loaded.stream("leads").limit == 10U);
}

TEST_CASE("select is inherited, replaced and cancelled (15, 68)") {
    const auto loaded = load_streams(R"(
defaults: { object: 'crm.{stream_name}', select: [Last_Name, '-$*'] }
streams:
  leads:
  deals: { select: ~ }
  calls: { select: ['*', ' -Owner '] }
  tasks: { select: [] }
)");

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.stream("leads").select == FieldSelection{{"Last_Name"}, {"$*"}});
    CHECK(loaded.stream("deals").select == FieldSelection{});
    CHECK(loaded.stream("calls").select == FieldSelection{{"*"}, {"Owner"}});
    CHECK(loaded.stream("tasks").select == FieldSelection{});
}

TEST_CASE("columns replace those of the defaults, or add to them (16, 65, 66)") {
    const auto loaded = load_streams(R"(
defaults:
  mode: incremental
  object: crm.{stream_name}
  columns: { Amount: 'decimal(18,2)', Stage: string, Probability: smallint }
streams:
  leads:
  deals: { columns: { Name: string(20) } }
  calls: { columns: { +amount: bigint, +stage: ~, Subject: nonsense } }
)");
    const auto shown = [&](const char* stream) {
        std::string text;
        for (const auto& rule : loaded.stream(stream).columns.columns) {
            text += rule.name + "=" + (rule.type ? to_string(*rule.type) : "") + "/" +
                    rule.declared + " ";
        }
        return text;
    };

    CHECK(shown("leads") ==
          "Amount=numeric/numeric(18,2) Stage=text/ Probability=bigint/smallint ");
    CHECK(shown("deals") == "Name=text/varchar(20) ");
    CHECK(shown("calls") == "amount=bigint/ Subject=text/ Probability=bigint/smallint ");
    CHECK(loaded.problems == Texts{"warning: replication.yaml:11: streams.calls.columns.Subject: "
                                   "Provided unknown column type "
                                   "(nonsense) for column 'Subject'. Using string."});
}

TEST_CASE("of source_options only flatten and limit need the whole block (18, 19)") {
    const auto loaded = load_streams(R"(
defaults:
  mode: incremental
  object: crm.{stream_name}
  transforms: [trim_space]
  source_options: { flatten: 2, empty_as_null: true, null_if: n/a, max_decimals: 2 }
streams:
  leads:
  deals: { transforms: ~, source_options: { max_decimals: -1, columns: { Amount: bigint } } }
  calls: { select: [Subject as topic, '-Owner'], transforms: { Subject: [lower, hash_md5] } }
  tasks: { select: ['@columns', Owner], columns: { Subject: string, Status: string } }
)");

    CHECK(loaded.problems == Texts{});
    const auto& leads = loaded.stream("leads").columns;
    CHECK((leads.flattens && leads.empty_as_null && leads.null_if == "n/a"));
    CHECK(leads.max_decimals == 2U);
    CHECK(leads.transforms.front().steps == std::vector{Transform::trim_space});
    const auto& deals = loaded.stream("deals").columns;
    CHECK((!deals.flattens && deals.empty_as_null && deals.null_if == "n/a"));
    CHECK(!deals.max_decimals);
    CHECK(deals.transforms.empty());
    CHECK(deals.columns.front().name == "Amount");
    CHECK(loaded.stream("calls").select.alias_of("Subject") == "topic");
    CHECK(loaded.stream("calls").columns.transforms.front().name == "Subject");
    CHECK(loaded.stream("tasks").select.kept == Texts{"Subject", "Status", "Owner"});
}

TEST_CASE("streams inherit as in Sling (13 to 19, 92)") {
    const auto loaded = load_streams(R"(
defaults: &all
  mode: incremental
  object: crm.{stream_name}
  schedule: 10m
  tags: [a]
  source_options: { limit: 5, flatten: 1 }
  target_options: { column_casing: source, delete_missing: hard }
streams:
  leads:
  deals: { mode: ~, schedule: ~, tags: ~, primary_key: ~ }
  calls: { source_options: { empty_as_null: false }, target_options: { delete_missing: none } }
  tasks: { <<: *all, schedule: "0 3 * * *", primary_key: [id], update_key: Modified_Time }
  notes: { interval: 7m, target_options: { delete_missing: { type: soft }, column_casing: ~ } }
  'v*': { mode: ~, tags: ~ }
)");

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.stream("leads").schedule.text() == "10m");
    CHECK(loaded.stream("leads").tags == Texts{"a"});
    CHECK(loaded.stream("leads").limit == 5U);
    CHECK(loaded.stream("leads").casing == ColumnCasing::source);
    CHECK(loaded.stream("deals").mode == StreamMode::full_refresh);
    CHECK(loaded.stream("deals").schedule.text() == "@every 1h");
    CHECK(loaded.stream("deals").tags == Texts{});
    CHECK(loaded.stream("calls").limit == std::nullopt);
    CHECK(loaded.stream("calls").casing == ColumnCasing::source);
    CHECK(loaded.stream("calls").delete_missing == DeleteMissing::none);
    CHECK(loaded.stream("tasks").schedule.text() == "0 3 * * *");
    CHECK(loaded.stream("notes").schedule.text() == "7m");
    CHECK(loaded.stream("notes").delete_missing == DeleteMissing::soft);
    CHECK(loaded.stream("notes").casing == ColumnCasing::source);
    CHECK(loaded.stream("vendors").mode == StreamMode::incremental);
    CHECK(loaded.stream("vendors").tags == Texts{"a"});
}

TEST_CASE("without any setting a stream is a full refresh into snake case (13, 56, 58, 93)") {
    const auto loaded = load_streams("streams: {leads: {object: a.b}}\n");

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.stream("leads").mode == StreamMode::full_refresh);
    CHECK(loaded.stream("leads").casing == ColumnCasing::snake);
    CHECK(loaded.stream("leads").delete_missing == DeleteMissing::soft);
}

TEST_CASE("'module:*' stands for modules that are not known yet") {
    const auto loaded = load_streams(
        "defaults: {object: 'crm.z_{stream_name}', tags: [a]}\n"
        "streams:\n  leads: {object: crm.leads}\n  Invoices: {disabled: true}\n  "
        "meetings: {disabled: true}\n  'module:*': {mode: incremental, schedule: 1h}\n");

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.names() == "leads");
    REQUIRE(loaded.config.every_module);
    CHECK(loaded.config.excluded_modules == Texts{"Invoices", "Events"});
    const auto stream = stream_for_module(loaded.config, "Price_Books");
    CHECK(stream.endpoint == Endpoint{"Price_Books", "Price_Books", EndpointKind::records, true});
    CHECK(stream.target.text() == "crm.z_price_books");
    CHECK(stream.mode == StreamMode::incremental);
    CHECK(stream.schedule.text() == "1h");
    CHECK(stream_for_module(loaded.config, "Events").target.text() == "crm.z_meetings");
}

TEST_CASE("SQLite has no schemas") {
    const auto loaded = load({.replication = "source: ZOHO_CRM\ntarget: LITE\n"
                                             "streams: {leads: {object: 'zoho_crm.{stream_name}'}, "
                                             "deals: {object: deals}}\n"});

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.stream("leads").target == TableName{"", "leads"});
    CHECK(loaded.stream("deals").target == TableName{"", "deals"});
}

TEST_CASE("--streams selects after expansion (36, 37, 38)") {
    struct Case {
        const char* selection;
        const char* want;
        bool every_module;
    };

    const std::string file = defaults +
                             "streams:\n  leads: {tags: [core]}\n  deals: {id: pipeline}\n  "
                             "'c*': {tags: [slow]}\n  Invoices:\n  "
                             "'module:*': {tags: [rest]}\n";
    const Case cases[] = {
        {"leads", "leads", false},
        {"LEADS, 'deals'", "leads deals", false},
        {"leads,tag:slow", "leads calls campaigns contacts", false},
        {"pipeline", "deals", false},
        {"?eads", "leads", false},
        {"[ld]ea*s", "leads deals", false},
        {"*,-tag:slow", "leads deals Invoices", true},
        {"*,-tag:rest", "leads deals calls campaigns contacts Invoices", false},
        {"tag:rest", "", true},
        {"-tag:slow", "", false},
        {"nothing", "", false},
        {"leads,nothing", "leads", false},
        {"invoices", "Invoices", false},
        {"Price_Books", "Price_Books", false},
        {"module:*", "", true},
    };
    for (const auto& c : cases) {
        CAPTURE(c.selection);
        const auto loaded = load_streams(file, {.streams = c.selection});
        CHECK(loaded.names() == c.want);
        CHECK(loaded.config.every_module == c.every_module);
        const bool is_empty = loaded.names().empty() && !c.every_module;
        CHECK(loaded.config.no_stream_selected == is_empty);
        CHECK(loaded.problems ==
              (is_empty ? Texts{"warning: --streams: Did not match any streams."} : Texts{}));
    }

    CHECK(load_streams(file, {.streams = "tag:a,-tag:b"}).problems ==
          Texts{"--streams: cannot include and exclude tags. Either include or exclude."});
}

TEST_CASE("flags beat the file (20)") {
    const auto loaded =
        load_streams(defaults + "streams: {leads: {source_options: {limit: 3}}, users: }\n",
                     {.mode = "full-refresh", .limit = 7});

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.stream("leads").mode == StreamMode::full_refresh);
    CHECK(loaded.stream("leads").limit == 7U);

    CHECK(load_streams(defaults + "streams: {leads: }\n", {.mode = "fast", .range = "1,2"})
              .problems ==
          Texts{"--mode: must specify valid mode: full-refresh, incremental, backfill, snapshot, "
                "truncate, definition-only, or change-capture",
                "--range: `1` is no date YYYY-MM-DD and no time YYYY-MM-DDTHH:MM:SS"});
    CHECK(load_streams(defaults + "streams: {users: }\n", {.mode = "incremental"})
              .stream("users")
              .mode == StreamMode::full_refresh);
}

TEST_CASE("a missing file is named") {
    Problems problems;
    const TempDirectory directory;

    load_config({.replication_file = "no.yaml"}, environment_in(directory, {}), problems);

    CHECK(texts(problems) ==
          Texts{"no.yaml: Unable to open replication path: No such file or directory"});
}

TEST_CASE("what is no small regular file is refused without waiting") {
    const TempDirectory directory;
    directory.write("big.yaml", std::string(1024 * 1024 + 1, '#'));
    const std::string fifo = directory.path() + "/fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);

    for (const auto& [file, want] : std::vector<std::pair<std::string, std::string>>{
             {"big.yaml", "big.yaml: Unable to open replication path: larger than 1024 KiB"},
             {fifo, fifo + ": Unable to open replication path: not a regular file"},
             {"/tmp", "/tmp: Unable to open replication path: not a regular file"}}) {
        CAPTURE(file);
        Problems problems;
        load_config({.replication_file = file}, environment_in(directory, {}), problems);
        CHECK(texts(problems) == Texts{want});
    }
}

TEST_CASE("a byte order mark is no part of the first key") {
    const auto loaded = load({.replication = "\xEF\xBB\xBFsource: ZOHO_CRM\r\ntarget: BARE\r\n"
                                             "streams: {leads: {object: a.b}}\r\n"});

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.names() == "leads");
}

} // namespace
} // namespace zohosyncd
