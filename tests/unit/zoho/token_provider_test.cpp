#include "daemon/core/errors.hpp"
#include "daemon/zoho/token_provider.hpp"
#include "tests/fakes/zoho_client.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using fakes::ManualClock;
using fakes::Script;
using fakes::ScriptedTransport;

/// A directory that vanishes with the test.
class Directory {
public:
    Directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "token-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }

    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    ~Directory() { std::filesystem::remove_all(path_); }

    std::string file(const char* name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

/// One process: its own gate and provider before a shared script and clock.
struct Process {
    Process(Script& script, ManualClock& clock, ZohoSettings with)
        : settings(std::move(with)), gate({5, 3}, clock), tokens(settings, gate, clock),
          transport(script) {}

    std::string get() { return tokens.get(transport, {}); }

    std::optional<SyncError> failure() {
        try {
            (void)get();
        } catch (const SyncError& error) {
            return error;
        }
        return std::nullopt;
    }

    ZohoSettings settings;
    RequestGate gate;
    TokenProvider tokens;
    ScriptedTransport transport;
};

struct World {
    Script script;
    ManualClock clock;
    Process process{script, clock, fakes::zoho_settings()};
};

TEST_CASE("credentials travel in the body and never in the URL") {
    World world;

    CHECK(world.process.get() == "token-1");

    const auto request = world.script.token_requests().at(0);
    CHECK(request.method == "POST");
    CHECK(request.url == "https://accounts.zoho.com/oauth/v2/token");
    CHECK(request.body ==
          "client_id=1000.CLIENTID&client_secret=hush%26secret&grant_type=client_credentials"
          "&scope=ZohoCRM.modules.READ%2CZohoCRM.org.READ&soid=ZohoCRM.42");
}

TEST_CASE("a refresh token is used when it is given") {
    World world;
    world.process.settings.refresh_token = Secret("1000.refresh");

    (void)world.process.get();

    CHECK(world.script.token_requests().at(0).body ==
          "client_id=1000.CLIENTID&client_secret=hush%26secret&grant_type=refresh_token&refresh_"
          "token=1000.refresh");
}

TEST_CASE("every answer of the token endpoint has its kind") {
    struct Case {
        std::string name;
        long status;
        std::string body;
        ErrorKind want;
    };

    const Case cases[] = {
        {"unknown client", 200, R"({"error":"invalid_client"})", ErrorKind::auth_refused},
        {"wrong secret", 200, R"({"error":"invalid_client_secret"})", ErrorKind::auth_refused},
        {"revoked refresh token", 200, R"({"error":"invalid_code"})", ErrorKind::auth_refused},
        {"bad scope", 200, R"({"error":"invalid_scope"})", ErrorKind::auth_refused},
        {"missing soid", 400, R"({"error":"missing_org_info"})", ErrorKind::auth_refused},
        {"an error of tomorrow", 400, R"({"error":"something_new"})", ErrorKind::auth_refused},
        {"too many tokens, 400",
         400,
         R"({"error_description":"too many requests","error":"Access Denied","status":"failure"})",
         ErrorKind::token_throttled},
        {"too many tokens, 200", 200, R"({"error":"Access Denied"})", ErrorKind::token_throttled},
        {"error beside a token",
         200,
         R"({"error":"invalid_client","access_token":"x"})",
         ErrorKind::auth_refused},
        {"a login page", 200, "<html>sign in</html>", ErrorKind::token_failed},
        {"nothing", 200, "", ErrorKind::token_failed},
        {"an empty token", 200, R"({"access_token":""})", ErrorKind::token_failed},
        {"a token that is no text", 200, R"({"access_token":5})", ErrorKind::token_failed},
        {"a token that would end its header",
         200,
         R"({"access_token":"x\r\nX-Other: 1"})",
         ErrorKind::token_failed},
        {"a token with a NUL", 200, R"({"access_token":"x\u0000y"})", ErrorKind::token_failed},
        {"an array", 200, "[]", ErrorKind::token_failed},
        {"a gateway's page", 502, "<html>", ErrorKind::token_failed},
        {"a server's error in JSON", 500, R"({"error":"general_error"})", ErrorKind::token_failed},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        World world;
        world.script.reply_to_token(c.status, c.body);

        const auto failure = world.process.failure();

        REQUIRE(failure);
        CHECK(failure->kind() == c.want);
        const std::string what = failure->what();
        CHECK(what.find("hush") == std::string::npos);
        CHECK(what.find("CLIENTID") == std::string::npos);
        CHECK((failure->retry_after() >= 10min) == (c.want == ErrorKind::token_throttled));
    }
}

TEST_CASE("a token is renewed before its life ends, whatever Zoho calls its life") {
    struct Case {
        std::string expires_in;
        std::chrono::seconds works_for;
    };

    const Case cases[] = {
        {"3600", 55min + 0s},
        {"\"3600\"", 55min + 0s},
        {"60", 54s},
        {"0", 9min},
        {"-1", 9min},
        {"59", 9min},
        {"3600000", 9min},
        {"1000000000000000000", 9min},
        {"1e18", 9min},
        {"\"soon\"", 9min},
        {"null", 9min},
    };
    for (const auto& c : cases) {
        CAPTURE(c.expires_in);
        World world;
        world.script.reply_to_token(
            200, R"({"access_token":"first","expires_in":)" + c.expires_in + "}");
        CHECK(world.process.get() == "first");

        world.clock.advance(c.works_for - 1s);
        CHECK(world.process.get() == "first");
        world.clock.advance(1s);
        CHECK(world.process.get() == "token-2");
    }
}

TEST_CASE("another API host than the configured one is refused by both names") {
    struct Case {
        std::string configured;
        std::string named;
        bool is_refused;
    };

    const Case cases[] = {
        {"https://www.zohoapis.com", "https://www.zohoapis.com", false},
        {"https://www.zohoapis.com", "https://www.zohoapis.com/", false},
        {"https://www.zohoapis.com", "", false},
        {"https://www.zohoapis.com", "https://www.zohoapis.eu", true},
        {"https://www.zohoapis.com", "http://www.zohoapis.com", true},
        {"https://www.zohoapis.com", "https://evil.example", true},
        {"https://www.zohoapis.com", "http://127.0.0.1", true},
        {"http://127.0.0.1:8080", "https://www.zohoapis.com", false},
        {"http://localhost:8080", "https://www.zohoapis.com", false},
        {"http://[::1]:8080", "https://www.zohoapis.com", false},
    };
    for (const auto& c : cases) {
        CAPTURE(c.configured);
        CAPTURE(c.named);
        World world;
        world.process.settings.api_domain = c.configured;
        world.script.reply_to_token(
            200, R"({"access_token":"t","expires_in":3600,"api_domain":")" + c.named + "\"}");

        const auto failure = world.process.failure();

        CHECK(failure.has_value() == c.is_refused);
        if (failure) {
            CHECK(failure->kind() == ErrorKind::wrong_data_center);
            CHECK(std::string(failure->what()).find(c.configured) != std::string::npos);
            CHECK(std::string(failure->what()).find(c.named) != std::string::npos);
        }
    }
}

TEST_CASE("a name that only begins like a loopback address is none") {
    World world;
    world.process.settings.api_domain = "http://localhost.evil.example";
    world.script.reply_to_token(200,
                                R"({"access_token":"t","api_domain":"https://www.zohoapis.com"})");

    CHECK(world.process.failure().has_value());
}

TEST_CASE("a wrong data centre's advice names the right one") {
    World world;
    world.script.reply_to_token(200,
                                R"({"access_token":"t","api_domain":"https://www.zohoapis.eu"})");

    CHECK(std::string(world.process.failure()->what()).find("data_center: eu") !=
          std::string::npos);
}

TEST_CASE("a refused token is not given out again") {
    World world;
    const auto first = world.process.get();

    world.process.tokens.forget("another");
    CHECK(world.process.get() == first);
    world.process.tokens.forget(first);

    CHECK(world.process.get() == "token-2");
}

TEST_CASE("a clock that was set back far makes a token unborn") {
    World world;
    (void)world.process.get();

    world.clock.set_wall(ManualClock::wall_begin - 1h);

    CHECK(world.process.get() == "token-2");
}

TEST_CASE("the token survives a restart in a file that only its owner can read") {
    const Directory directory;
    auto settings = fakes::zoho_settings();
    settings.token_file = directory.file("state/token.json");
    Script script;
    ManualClock clock;
    CHECK(Process(script, clock, settings).get() == "token-1");

    struct stat status{};
    REQUIRE(stat(settings.token_file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
    CHECK(Process(script, clock, settings).get() == "token-1");
    CHECK(script.token_requests().size() == 1);

    std::stringstream text;
    text << std::ifstream(settings.token_file).rdbuf();
    CHECK(text.str().find("hush") == std::string::npos);

    auto other = settings;
    other.client_secret = Secret("rotated");
    CHECK(Process(script, clock, other).get() == "token-2");
}

TEST_CASE("a forgotten token is not found again after a restart") {
    const Directory directory;
    auto settings = fakes::zoho_settings();
    settings.token_file = directory.file("token.json");
    Script script;
    ManualClock clock;
    Process process(script, clock, settings);

    process.tokens.forget(process.get());

    CHECK(Process(script, clock, settings).get() == "token-2");
}

TEST_CASE("a token file that others can read is refused") {
    const Directory directory;
    auto settings = fakes::zoho_settings();
    settings.token_file = directory.file("token.json");
    Script script;
    ManualClock clock;
    (void)Process(script, clock, settings).get();
    REQUIRE(chmod(settings.token_file.c_str(), 0640) == 0);

    CHECK(Process(script, clock, settings).failure()->kind() == ErrorKind::unsafe_file);
}

TEST_CASE("a readable file left behind does not make the token readable") {
    const Directory directory;
    auto settings = fakes::zoho_settings();
    settings.token_file = directory.file("token.json");
    const auto left_behind = settings.token_file + ".new";
    std::ofstream(left_behind) << "x";
    REQUIRE(chmod(left_behind.c_str(), 0644) == 0);
    Script script;
    ManualClock clock;

    (void)Process(script, clock, settings).get();

    struct stat status{};
    REQUIRE(stat(settings.token_file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
}

TEST_CASE("a damaged token file counts as none") {
    const char* texts[] = {"", "{", "[]", "null", R"({"client":5})", R"({"requested_at":7})"};
    for (const std::string text : texts) {
        CAPTURE(text);
        const Directory directory;
        auto settings = fakes::zoho_settings();
        settings.token_file = directory.file("token.json");
        std::ofstream(settings.token_file) << text;
        REQUIRE(chmod(settings.token_file.c_str(), 0600) == 0);
        Script script;
        ManualClock clock;

        CHECK(Process(script, clock, settings).get() == "token-1");
    }
}

TEST_CASE("a token file with absurd content counts as none") {
    const Directory directory;
    auto settings = fakes::zoho_settings();
    settings.token_file = directory.file("token.json");
    Script script;
    ManualClock clock;
    (void)Process(script, clock, settings).get();
    std::stringstream good;
    good << std::ifstream(settings.token_file).rdbuf();
    const auto with = [&good](const std::string& member) {
        auto text = good.str(); // Of repeated keys the last one counts.
        return text.replace(text.rfind('}'), 1, "," + member + "}");
    };
    const std::string texts[] = {
        with(R"("obtained_at":9223372036854775807)"),
        with(R"("obtained_at":-9223372036854775808)"),
        with(R"("life":-1)"),
        with(R"("access_token":"x\r\nX-Other: 1")"),
        with(
            R"("obtained_at":1,"requested_at":[9223372036854775807,-9223372036854775808,1.5,"x"])"),
    };
    for (const auto& text : texts) {
        CAPTURE(text);
        std::ofstream(settings.token_file) << text;
        const auto before = script.token_requests().size();

        CHECK(Process(script, clock, settings).get() == "token-" + std::to_string(before + 1));
        clock.advance(11min); // So that the five of ten minutes are not used up.
    }
}

TEST_CASE("no more than five tokens are asked for in ten minutes, across restarts") {
    const Directory directory;
    auto settings = fakes::zoho_settings();
    settings.token_file = directory.file("token.json");
    Script script;
    ManualClock clock;
    std::size_t throttled = 0;
    for (int start = 0; start < 60; ++start) {
        Process process(script, clock, settings);
        const auto failure = process.failure();
        if (failure) {
            CHECK(failure->kind() == ErrorKind::token_throttled);
            CHECK(failure->retry_after() > 0ms);
            CHECK(failure->retry_after() <= 10min);
            ++throttled;
        } else {
            process.tokens.forget(process.get());
        }
        clock.advance(9s);
    }
    CHECK(script.token_requests().size() == 5);
    CHECK(throttled == 55);

    clock.advance(10min);
    CHECK_FALSE(Process(script, clock, settings).failure());
}

TEST_CASE("refused requests count too") {
    World world;
    for (int attempt = 0; attempt < 8; ++attempt) {
        world.script.reply_to_token(200, R"({"error":"invalid_client"})");
        (void)world.process.failure();
    }

    CHECK(world.script.token_requests().size() == 5);
}

TEST_CASE("a request that never left is not counted") {
    World world;
    for (int attempt = 0; attempt < 8; ++attempt) {
        world.script.fail_token(ErrorKind::unreachable);
        CHECK(world.process.failure()->kind() == ErrorKind::unreachable);
    }

    CHECK(world.process.get() == "token-9");
}

TEST_CASE("a failed exchange leaves no token behind") {
    World world;
    world.script.reply_to_token(500, "");

    CHECK(world.process.failure()->kind() == ErrorKind::token_failed);
    CHECK(world.process.get() == "token-2");
}

TEST_CASE("many threads ask for one token") {
    World world;
    std::atomic<int> same{0};
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < 16; ++thread) {
            threads.emplace_back([&] {
                ScriptedTransport transport(world.script);
                same += world.process.tokens.get(transport, {}) == "token-1" ? 1 : 0;
            });
        }
    }

    CHECK(same == 16);
    CHECK(world.script.token_requests().size() == 1);
}

TEST_CASE("a stop ends a token request before it is sent") {
    World world;
    std::stop_source stop;
    stop.request_stop();

    CHECK_THROWS_AS((void)world.process.tokens.get(world.process.transport, stop.get_token()),
                    SyncError);
    CHECK(world.script.token_requests().empty());
}

/// A token endpoint that answers only when it is let.
class HeldTransport final : public HttpTransport {
public:
    void send(const HttpRequest&, HttpResponse& response, std::stop_token) override {
        is_asked.test_and_set();
        is_asked.notify_all();
        may_answer.wait(false);
        response.status = 200;
        response.body = R"({"access_token":"held","expires_in":3600})";
    }

    std::atomic_flag is_asked;
    std::atomic_flag may_answer;
};

TEST_CASE("a stop ends the wait for another's token request") {
    World world;
    HeldTransport held;
    std::stop_source stop;
    std::string first;
    auto kind = ErrorKind::internal;
    {
        const std::jthread asking([&] { first = world.process.tokens.get(held, {}); });
        held.is_asked.wait(false);
        {
            const std::jthread waiting([&] {
                try {
                    (void)world.process.tokens.get(world.process.transport, stop.get_token());
                } catch (const SyncError& error) {
                    kind = error.kind();
                }
            });
            stop.request_stop();
        }
        held.may_answer.test_and_set();
        held.may_answer.notify_all();
    }

    CHECK(kind == ErrorKind::stopped);
    CHECK(first == "held");
    CHECK(world.process.get() == "held");
}

} // namespace
} // namespace zohosyncd
