#include "daemon/config/hook_variables.hpp"
#include "daemon/config/hooks.hpp"
#include "tests/unit/config/config_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

const std::string head = "source: ZOHO_CRM\ntarget: MY_POSTGRES\n"; // Two lines.

Loaded load_hooks(const std::string& stages) {
    return load({.replication = head +
                                "env: { WHO: me }\nstreams:\n  leads:\n    object: crm.leads\n" +
                                "    hooks:\n" + stages});
}

/// In line 9 of the file.
Loaded load_hook(const std::string& keys) {
    return load_hooks("      pre:\n        - " + keys + "\n");
}

TEST_CASE("hooks of a stream are read with their texts and conditions") {
    const auto loaded = load_hooks(R"(      pre:
        - { type: check, id: ready, check: "env.WHO == 'me'", on_failure: skip }
        - type: query
          connection: my_postgres
          query: select 1
      post:
        - type: http
          if: run.status == "error"
          url: https://example.com/{stream.name}
          method: post
          headers: { Authorization: "Bearer {env.WHO}" }
          payload: '{"text": "{run.error}"}'
          on_failure: warn
        - { type: log, message: "{run.total_rows} rows", level: warning }
)");

    REQUIRE(loaded.problems == std::vector<std::string>{});
    const auto& hooks = loaded.stream("leads").hooks;
    REQUIRE(hooks.pre.size() == 2);
    CHECK(hooks.pre[0].name == "ready");
    CHECK(hooks.pre[0].on_failure == HookFailure::skip);
    CHECK(hooks.pre[1].name == "pre[1]");
    CHECK(hooks.pre[1].line == 10);
    REQUIRE(hooks.post.size() == 2);
    CHECK(hooks.post[0].method == "POST");
    CHECK(hooks.post[0].condition->is_true({{"run.status", "error"}}));
    CHECK(hooks.post[0].headers.size() == 1);
    CHECK(hooks.post[1].level == "warn");
}

TEST_CASE("hooks of a stream replace those of defaults as a whole (22)") {
    const std::string defaults = "defaults:\n  object: crm.{stream_name}\n  hooks:\n"
                                 "    pre: [{type: log, message: a}]\n"
                                 "    post: [{type: log, message: b}]\n";
    const auto loaded = load_streams(defaults + "streams:\n  leads:\n  deals: { hooks: {} }\n"
                                                "  tasks:\n    hooks:\n"
                                                "      post: [{type: log, message: c}]\n");

    REQUIRE(loaded.problems == std::vector<std::string>{});
    for (const char* inherits : {"leads", "deals"}) {
        CHECK(loaded.stream(inherits).hooks.pre.size() == 1);
        CHECK(loaded.stream(inherits).hooks.post.size() == 1);
    }
    CHECK(loaded.stream("tasks").hooks.pre.empty());
    CHECK(loaded.stream("tasks").hooks.post.at(0).text.render({}) == "c");
}

TEST_CASE("what a hook can not do is refused with its line (30)") {
    struct Case {
        const char* hook;
        const char* want;
    };

    const Case cases[] = {
        {"{ type: command, command: ls }",
         "type: hooks of type `command` are not supported: zohosyncd runs no programs; have a "
         "`http` hook call who does"},
        {"{ type: store }",
         "type: hooks of type `store` are not supported: there is nothing to keep values in; use "
         "`env`"},
        {"{ type: htp }",
         "type: there is no type of hooks `htp`: expected http, query, log or check; did you mean "
         "`http`?"},
        {"{ message: a }", "type: `type` is missing: expected http, query, log or check"},
        {"{ type: log }", "message: `message` is missing"},
        {"{ type: check }", "check: `check` is missing"},
        {"{ type: check, check: 'a = b' }",
         "check: no condition that zohosyncd knows: at character 3: expected a comparison, && or "
         "||"},
        {"{ type: log, message: a, if: 'len(x)' }",
         "if: no condition that zohosyncd knows: at character 4: there are no functions"},
        {"{ type: log, message: '{run.stats}' }",
         ": there is no variable {run.stats} here; did you mean `run.status`?"},
        {"{ type: log, message: '{store.x}' }",
         ": there is no variable {store.x} here: hooks keep nothing for each other"},
        {"{ type: log, message: '{execution.error}' }",
         ": there is no variable {execution.error} here"},
        {"{ type: log, message: '{env.NOBODY}' }",
         ": there is no variable {env.NOBODY}: add it to `env`"},
        {"{ type: log, message: a, level: loud }", "level: expected debug, info, warn or error"},
        {"{ type: log, message: a, on_failure: cry }",
         "on_failure: expected abort, warn, quiet, skip or break"},
        {"{ type: query, query: select 1 }", "connection: `connection` is missing"},
        {"{ type: query, connection: BARE, query: select 1 }",
         "connection: queries run on the target only: write `{target.name}`"},
        {"{ type: query, connection: my_postgres, query: select 1, into: x }",
         "into: `into` is not supported by this version"},
        {"{ type: http }", "url: `url` is missing"},
        {"{ type: http, url: 'http://example.com' }",
         "url: http:// is accepted for loopback addresses only"},
        {"{ type: http, url: 'https://u:p@example.com' }",
         "url: no user and no password in a URL; use `headers`"},
        {"{ type: http, url: 'ftp://example.com' }", "url: expected https:// and a host"},
        {"{ type: http, url: 'example.com' }", "url: expected https:// and a host"},
        {"{ type: http, url: 'https://example.com', method: HEAD }",
         "method: expected GET, POST, PUT, PATCH or DELETE"},
        {"{ type: http, url: 'https://example.com', payload: x }",
         "payload: GET sends none: set `method: POST`"},
        {"{ type: http, url: 'https://example.com', headers: { 'A b': c } }",
         "headers.A b: expected a header's name and its text"},
        {"text", ": expected a map with `type`, found a string"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.hook);
        const auto loaded = load_hook(c.hook);
        const std::string path = "replication.yaml:9: streams.leads.hooks.pre[0]";
        const std::string want = c.want;
        const std::string text = path + (want.starts_with(": ") ? "" : ".") + want;
        CHECK(loaded.problems == std::vector<std::string>{text});
    }
    CHECK(load_hook("{ type: http, url: 'http://127.0.0.1:8080/x' }").problems.empty());
    CHECK(load_hook("{ type: http, url: '{env.WHO}/x' }").problems.empty());
    CHECK(load_hook("{ type: query, connection: '{target.name}', query: 'select 1' }")
              .problems.empty());
}

TEST_CASE("stages that there are not are refused") {
    struct Case {
        const char* stages;
        const char* want;
    };

    const Case cases[] = {
        {"      pre_merge: [{type: log, message: a}]\n",
         "pre_merge: `pre_merge` is not supported: rows are committed page by page, there is no "
         "one merge that a hook could be a part of; use `pre`"},
        {"      start: [{type: log, message: a}]\n",
         "start: `start` hooks belong under `hooks` at the root"},
        {"      before: [{type: log, message: a}]\n",
         "before: there is no such stage: expected pre or post"},
        {"      post: [{type: log, message: a, on_failure: skip}]\n",
         "post[0].on_failure: `skip` leaves out the run that follows: only a `pre` hook has one"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.stages);
        CHECK(load_hooks(c.stages).problems ==
              std::vector<std::string>{std::string("replication.yaml:8: streams.leads.hooks.") +
                                       c.want});
    }
    CHECK(load_hooks("      post: {type: log}\n").problems ==
          std::vector<std::string>{"replication.yaml:8: could not parse "
                                   "`streams.leads.hooks.post`: expected a list, found a map"});
    CHECK(load_hooks("      pre_merge: []\n      post: ~\n").problems.empty());
}

TEST_CASE("the root has hooks around one pass, and no others (30)") {
    const std::string rest = "streams: {leads: {object: crm.leads}}\nhooks:\n";
    const auto loaded = load_streams(rest + "  start: [{type: log, message: a}]\n"
                                            "  end: [{type: log, message: "
                                            "'{execution.status.error}'}]\n");

    CHECK(loaded.problems == std::vector<std::string>{});
    CHECK(loaded.config.hooks.start.size() == 1);
    CHECK(loaded.config.hooks.end.size() == 1);
    for (const std::string stage : {"pre", "post", "pre_merge", "post_merge"}) {
        CHECK(load_streams(rest + "  " + stage + ": []\n").problems ==
              std::vector<std::string>{"replication.yaml:5: hooks." + stage +
                                       ": cannot declare a \"" + stage +
                                       "\" hook at replication level, only accepts start/end."});
    }
}

TEST_CASE("the variables of a hook have the values of its run") {
    Config config;
    config.source.name = "ZOHO_CRM";
    config.target.name = "PG";
    config.env = {{"WHO", "me"}};
    StreamConfig stream;
    stream.endpoint.stream = "leads";
    stream.target = {"crm", "Le\"ads"};
    RunFacts run;
    run.status = "success";
    run.rows_written = 120;
    run.started = std::chrono::sys_seconds(std::chrono::seconds(1'000'000));
    run.ended = run.started + std::chrono::seconds(42);

    const auto values = variables_for_stream(config, stream, run, *run.ended);

    CHECK(values.at("stream.name") == "leads");
    CHECK(values.at("stream_name") == "leads");
    CHECK(values.at("source.name") == "zoho_crm");
    CHECK(values.at("object.full_name") == "\"crm\".\"Le\"\"ads\"");
    CHECK(values.at("run.status") == "success");
    CHECK(values.at("run.total_rows") == "120");
    CHECK(values.at("run.duration") == "42");
    CHECK(values.at("run.mode") == "full-refresh");
    CHECK(values.at("env.WHO") == "me");
    CHECK(values.contains("timestamp.date"));
    CHECK(values.contains("YYYY"));
}

TEST_CASE("SLING_TIMEOUT is read from env before the environment (24, 96)") {
    const std::string rest = head + "streams: {leads: {object: crm.leads}}\n";
    const auto timeout = [&](const std::string& own, const char* foreign) {
        std::map<std::string, std::string> variables;
        if (foreign != nullptr) {
            variables["SLING_TIMEOUT"] = foreign;
        }
        return load({.replication = rest + own, .variables = variables});
    };

    CHECK(timeout("", nullptr).config.timeout == std::nullopt);
    CHECK(timeout("", "30").config.timeout == std::chrono::minutes(30));
    CHECK(timeout("env: {SLING_TIMEOUT: 0.5}\n", "30").config.timeout == std::chrono::seconds(30));
    CHECK(timeout("env: {SLING_TIMEOUT: soon}\n", nullptr).problems ==
          std::vector<std::string>{
              "replication.yaml: env.SLING_TIMEOUT: expected minutes, such as 30"});
    CHECK(timeout("", "-1").has_errors);
}

} // namespace
} // namespace zohosyncd
