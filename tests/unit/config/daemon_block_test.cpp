#include "daemon/config/keys.hpp"
#include "tests/unit/config/config_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using Texts = std::vector<std::string>;

Loaded load_daemon(const std::string& block, std::map<std::string, std::string> variables = {}) {
    return load({.replication = "source: ZOHO_CRM\ntarget: BARE\n"
                                "streams: {leads: {object: a.b}}\ndaemon:\n  " +
                                block + "\n",
                 .variables = std::move(variables)});
}

TEST_CASE("the daemon's defaults are those of the contract") {
    const auto daemon = load_streams("streams: {leads: {object: a.b}}\n").config.daemon;

    CHECK(daemon.listen == "127.0.0.1:9464");
    CHECK(daemon.state_schema == "zohosync");
    CHECK(daemon.overlap == std::chrono::minutes(5));
    CHECK(daemon.details == "off");
    for (const char* details : {"line_items", "all"}) {
        CHECK(load_daemon(std::string("details: ") + details).config.daemon.details == details);
    }
    CHECK(!daemon.credits.daily);
    CHECK(daemon.credits.reserve == doctest::Approx(0.3));
    CHECK(daemon.metadata == std::chrono::hours(1));
    CHECK(daemon.verify == "@weekly");
    CHECK(daemon.formulas == "@daily");
}

TEST_CASE("the daemon block is read") {
    const auto loaded = load_daemon("listen: unix:/run/z.sock\n"
                                    "  state_schema: own\n"
                                    "  overlap: 90s\n"
                                    "  details: off\n"
                                    "  credits: { daily: 20_000, reserve: 12.5% }\n"
                                    "  metadata: 30m\n"
                                    "  verify: off\n"
                                    "  formulas: \"0 4 * * *\"\n"
                                    "  state_dir: state");

    CHECK(loaded.problems == Texts{});
    const auto& daemon = loaded.config.daemon;
    CHECK(daemon.listen == "unix:/run/z.sock");
    CHECK(daemon.state_schema == "own");
    CHECK(daemon.overlap == std::chrono::seconds(90));
    CHECK(daemon.credits.daily == 20000U);
    CHECK(daemon.credits.reserve == doctest::Approx(0.125));
    CHECK(daemon.metadata == std::chrono::minutes(30));
    CHECK(daemon.verify == "off");
    CHECK(daemon.formulas == "0 4 * * *");
    CHECK(daemon.state_dir.ends_with("/state"));
    CHECK(load_daemon("credits: {reserve: 0.25}").config.daemon.credits.reserve ==
          doctest::Approx(0.25));
    CHECK(load_daemon("listen: off").config.daemon.listen == "off");
    CHECK(load_daemon("listen: 'off'").config.daemon.listen == "off");
    CHECK(load_daemon("listen: '[::1]:0'").config.daemon.listen == "[::1]:0");
}

TEST_CASE("mistakes in the daemon block are named") {
    struct Case {
        const char* block;
        const char* want;
    };

    const Case cases[] = {
        {"listen: 9464", "listen: expected host:port, unix:/path or off"},
        {"listen: ':9464'", "listen: expected host:port, unix:/path or off"},
        {"listen: localhost:65536", "listen: expected host:port, unix:/path or off"},
        {"listen: localhost:x", "listen: expected host:port, unix:/path or off"},
        {"listen: '::1:80'", "listen: expected host:port, unix:/path or off"},
        {"listen: unix:run", "listen: expected unix: and an absolute path of up to 107 bytes"},
        {"listen: 0.0.0.0:80",
         "listen: an address beyond loopback needs a bearer token: set daemon.token_file"},
        {"listen: 127.evil.com:80",
         "listen: an address beyond loopback needs a bearer token: set daemon.token_file"},
        {"state_schema: my-schema",
         "state_schema: expected a name of letters, digits and _, up to 63, not pg_…"},
        {"state_schema: pg_x",
         "state_schema: expected a name of letters, digits and _, up to 63, not pg_…"},
        {"overlap: 2d", "overlap: expected a duration such as 5m, from 0s to 1d"},
        {"overlap: 5", "overlap: expected a duration such as 5m, from 0s to 1d"},
        {"overlap: -5m", "overlap: expected a duration such as 5m, from 0s to 1d"},
        {"metadata: 0s", "metadata: expected a duration such as 5m, from 1s to 7d"},
        {"details: some", "details: expected off, line_items or all"},
        {"credits: {reserve: 30}",
         "credits.reserve: expected a share such as 30% or 0.3, below 100%"},
        {"credits: {reserve: 100%}",
         "credits.reserve: expected a share such as 30% or 0.3, below 100%"},
        {"credits: {daily: 0}", "credits.daily: expected a whole number from 1"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.block);
        CHECK(load_daemon(c.block).problems ==
              Texts{std::string("replication.yaml:5: daemon.") + c.want});
    }
    CHECK(
        load_daemon("credits: {daily: many}").problems ==
        Texts{
            "replication.yaml:5: could not parse `daemon.credits.daily`: expected a whole number, "
            "found a string"});
    CHECK(load_daemon("verify: sometimes").has_errors);
    CHECK(load_daemon("formulas: '61 * * * *'").has_errors);
}

TEST_CASE("a bearer token opens other addresses and must be kept safe") {
    const TempDirectory directory;
    const auto token = directory.write("token", "x", 0600);
    const auto open_token = directory.write("open", "x", 0644);

    const auto loaded = load_daemon("listen: 0.0.0.0:80\n  token_file: " + token);
    CHECK(loaded.problems == Texts{});
    CHECK(loaded.config.daemon.token_file == token);
    CHECK(load_daemon("token_file: " + open_token).has_unsafe_file);
}

TEST_CASE("the state directory comes from systemd, else from home") {
    const std::map<std::string, std::string> systemd{{"STATE_DIRECTORY", "/var/lib/a:/var/lib/b"}};

    CHECK(load_daemon("listen: off", systemd).config.daemon.state_dir == "/var/lib/a");
    CHECK(load_daemon("state_dir: /x", systemd).config.daemon.state_dir == "/x");
    CHECK(load_daemon("listen: off", {{"HOME", "/home/me"}}).config.daemon.state_dir ==
          "/home/me/.local/state/zohosyncd");
    CHECK(load_daemon("listen: off", {{"HOME", ""}}).problems ==
          Texts{"daemon.state_dir: neither $STATE_DIRECTORY nor $HOME is set; set `state_dir`"});
}

TEST_CASE("the shipped samples load, and explain every key that is honoured") {
    const auto root = std::filesystem::path(ZOHOSYNCD_SOURCE_DIR);
    const auto read = [&](const char* name) {
        std::ifstream file(root / "config" / name);
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    const auto replication = read("replication.yaml");
    const auto env_yaml = read("env.yaml");
    REQUIRE(!replication.empty());

    const auto loaded = load({.replication = replication, .env_yaml = env_yaml});

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.names() == "leads contacts deals users accounts calls campaigns meetings notes "
                            "products quotes tasks vendors");
    CHECK(loaded.stream("deals").schedule.text() == "@every 1m");
    CHECK(loaded.config.target.conninfo.reveal().find("change-me") != std::string::npos);
    for (const auto keys : {root_keys(),
                            stream_keys(),
                            source_option_keys(),
                            target_option_keys(),
                            hook_keys(),
                            http_hook_keys(),
                            query_hook_keys(),
                            log_hook_keys(),
                            check_hook_keys(),
                            daemon_keys(),
                            credits_keys()}) {
        for (const auto& key : keys) {
            CAPTURE(std::string(key.name));
            const bool is_there = replication.find(std::string(key.name)) != std::string::npos;
            CHECK((is_there || key.use != KeyUse::honoured));
        }
    }
}

} // namespace
} // namespace zohosyncd
