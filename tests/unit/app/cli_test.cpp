#include "daemon/app/cli.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace zohosyncd;

namespace {

ParsedCommandLine parse(std::vector<const char*> words) {
    words.insert(words.begin(), "zohosyncd");
    return parse_command_line(static_cast<int>(words.size()), words.data());
}

} // namespace

TEST_CASE("verbs and flags are read") {
    const auto parsed = parse({"sync",
                               "-r",
                               "a.yaml",
                               "--env-file",
                               "e.yaml",
                               "--streams",
                               "leads,tag:x",
                               "--mode",
                               "incremental",
                               "--limit",
                               "5",
                               "--target",
                               "sqlite://x.db",
                               "--log-level",
                               "debug",
                               "--log-format",
                               "json"});

    REQUIRE(parsed.command.has_value());
    CHECK(parsed.command->verb == Verb::sync);
    CHECK(parsed.command->overrides.replication_file == "a.yaml");
    CHECK(parsed.command->overrides.env_file == "e.yaml");
    CHECK(parsed.command->overrides.streams == "leads,tag:x");
    CHECK(parsed.command->overrides.mode == "incremental");
    CHECK(parsed.command->overrides.limit == 5);
    CHECK(parsed.command->overrides.target == "sqlite://x.db");
    CHECK(parsed.command->log_level == log::Level::debug);
    CHECK(parsed.command->log_format == log::Format::json);
}

TEST_CASE("reset takes streams and conns takes a name") {
    const auto reset = parse({"reset", "leads", "deals"});
    const auto test = parse({"conns", "test", "ZOHO_CRM"});

    REQUIRE(reset.command.has_value());
    CHECK(reset.command->verb == Verb::reset);
    CHECK(reset.command->names == std::vector<std::string>{"leads", "deals"});
    REQUIRE(test.command.has_value());
    CHECK(test.command->verb == Verb::conns_test);
    CHECK(test.command->names == std::vector<std::string>{"ZOHO_CRM"});
}

TEST_CASE("a bad command line exits 64 and help exits 0") {
    struct Case {
        const char* name;
        std::vector<const char*> words;
        int want;
    };

    const Case cases[] = {
        {"no verb", {}, 64},
        {"unknown verb", {"synchronise"}, 64},
        {"unknown flag", {"sync", "--stream", "x"}, 64},
        {"limit is no number", {"sync", "--limit", "many"}, 64},
        {"unknown level", {"sync", "--log-level", "loud"}, 64},
        {"unknown format", {"sync", "--log-format", "xml"}, 64},
        {"reset without a stream", {"reset"}, 64},
        {"help", {"--help"}, 0},
        {"help of a verb", {"sync", "--help"}, 0},
        {"version", {"--version"}, 0},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        const auto parsed = parse(c.words);
        CHECK_FALSE(parsed.command.has_value());
        CHECK(parsed.exit_code == c.want);
    }
}
