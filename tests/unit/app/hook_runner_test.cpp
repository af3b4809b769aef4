#include "daemon/app/hook_runner.hpp"
#include "daemon/core/errors.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using Result = HookOutcome::Result;

/// Notes what hooks ask for. `status` answers every request; a query of "bad" fails.
struct World {
    std::vector<HttpRequest> requests;
    std::vector<std::string> queries;
    long status = 200;
    std::stop_source stop;

    HookOutcome run(const std::vector<Hook>& hooks, const Variables& values = {}) {
        const HookActions actions{[this](const HttpRequest& request, const std::stop_token&) {
                                      requests.push_back(request);
                                      return status;
                                  },
                                  [this](const std::string& sql, const std::stop_token&) {
                                      if (sql == "stop") {
                                          stop.request_stop();
                                      }
                                      if (sql == "bad" || sql == "stop") {
                                          throw SyncError(ErrorKind::schema_conflict,
                                                          "no such thing");
                                      }
                                      queries.push_back(sql);
                                  }};
        return run_hooks(hooks, values, "leads", actions, stop.get_token());
    }
};

Hook query(const char* sql, HookFailure on_failure = HookFailure::abort) {
    Hook hook;
    hook.type = HookType::query;
    hook.name = "post[0]";
    hook.text = TextTemplate(sql);
    hook.on_failure = on_failure;
    return hook;
}

Hook http(const char* url) {
    Hook hook;
    hook.type = HookType::http;
    hook.name = "post[0]";
    hook.url = TextTemplate(url);
    return hook;
}

TEST_CASE("a failure means what on_failure says") {
    struct Case {
        HookFailure on_failure;
        Result want;
        bool goes_on;
    };

    const Case cases[] = {
        {HookFailure::abort, Result::failed, false},
        {HookFailure::warn, Result::done, true},
        {HookFailure::quiet, Result::done, true},
        {HookFailure::skip, Result::skips_the_run, false},
        {HookFailure::stop, Result::done, false},
    };
    for (const auto& c : cases) {
        CAPTURE(static_cast<int>(c.on_failure));
        World world;

        const auto outcome = world.run({query("one"), query("bad", c.on_failure), query("two")});

        CHECK(outcome.result == c.want);
        CHECK(outcome.error ==
              (c.want == Result::failed ? "hook post[0] failed: no such thing" : ""));
        CHECK(world.queries.size() == (c.goes_on ? 2 : 1));
    }
}

TEST_CASE("a hook runs when its condition is true") {
    World world;
    auto one = query("one");
    one.condition = Expression::parse("run.status == 'error'");
    auto two = query("two");
    two.condition = Expression::parse("run.status == 'success'");

    CHECK(world.run({one, two}, {{"run.status", "success"}}).result == Result::done);

    CHECK(world.queries == std::vector<std::string>{"two"});
}

TEST_CASE("a check fails unless it is true, and says what it was told to say") {
    World world;
    Hook check;
    check.type = HookType::check;
    check.name = "enough";
    check.check = Expression::parse("run.total_rows > 10");

    CHECK(world.run({check}, {{"run.total_rows", "11"}}).result == Result::done);
    CHECK(world.run({check}, {{"run.total_rows", "10"}}).error ==
          "hook enough failed: the check is not true");
    check.text = TextTemplate("only {run.total_rows}");
    CHECK(world.run({check}, {{"run.total_rows", "10"}}).error == "hook enough failed: only 10");
}

TEST_CASE("values can not leave the place they are put into") {
    World world;
    auto hook = http("https://example.com/{stream.name}?e={run.error}&k={env.KEY}");
    hook.method = "POST";
    hook.text = TextTemplate(R"({"e": "{run.error}"})");
    hook.headers = {{"X-Key", TextTemplate("{env.KEY}")}};
    const Variables values{{"stream.name", "a/b"}, {"run.error", "x\"&'y"}, {"env.KEY", "k=1"}};

    CHECK(world.run({hook, query("select '{run.error}'")}, values).result == Result::done);

    REQUIRE(world.requests.size() == 1);
    const auto& request = world.requests.front();
    CHECK(request.url == "https://example.com/a%2Fb?e=x%22%26%27y&k=k=1");
    CHECK(request.body == R"({"e": "x\"&'y"})");
    CHECK(request.headers.at(0) == "X-Key: k=1");
    CHECK(request.headers.at(1) == "Content-Type: application/json");
    CHECK(world.queries == std::vector<std::string>{"select 'x\"&''y'"});
}

TEST_CASE("an answer other than 2xx is a failure that names no path") {
    World world;
    for (const long status : {199L, 300L, 404L, 500L}) {
        CAPTURE(status);
        world.status = status;
        CHECK(world.run({http("https://example.com/hook/secret")}).error ==
              "hook post[0] failed: GET https://example.com was answered with " +
                  std::to_string(status));
    }
    world.status = 204;
    CHECK(world.run({http("https://example.com/")}).result == Result::done);
}

TEST_CASE("an address that variables made is looked at before it is asked") {
    World world;
    auto hook = http("{env.URL}/x");

    CHECK(world.run({hook}, {{"env.URL", "http://example.com"}}).error ==
          "hook post[0] failed: url: http:// is accepted for loopback addresses only");
    hook.headers = {{"X", TextTemplate("{env.EVIL}")}};
    CHECK(world.run({hook}, {{"env.URL", "http://localhost"}, {"env.EVIL", "a\r\nB: c"}}).error ==
          "hook post[0] failed: header X: a line break would begin another header");
    CHECK(world.requests.empty());
}

TEST_CASE("a stop is no failure of a hook") {
    World world;

    CHECK_THROWS_WITH_AS(world.run({query("stop", HookFailure::warn), query("two")}),
                         "stopped during a hook",
                         SyncError);
    CHECK_THROWS_WITH_AS(world.run({query("two")}), "stopped before a hook", SyncError);
    CHECK(world.queries.empty());
}

} // namespace
} // namespace zohosyncd
