#include "daemon/config/env_yaml_edit.hpp"
#include "daemon/config/files.hpp"
#include "tests/unit/config/config_fixture.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace zohosyncd {
namespace {

const std::string file = R"(# ours
connections:
  # the CRM
  ZOHO_CRM:   # as before
    type: api
    secrets: { client_id: "a b" }

  # the warehouse
  My_Pg:
    type: postgres
    password: ${PW}   # from the vault
    list:
    - one
  LITE: sqlite://x.db # short

env:
  PW: secret # told nobody
)";

Node postgres() {
    Node properties;
    properties.kind = Node::Kind::map;
    properties.entries.push_back({"type", 0, make_scalar("postgres", 0)});
    Node port = make_scalar("5432", 0);
    port.was_quoted = false;
    properties.entries.push_back({"port", 0, port});
    properties.entries.push_back({"password", 0, make_scalar("a: \"b\" #c\n", 0)});
    properties.entries.push_back({"database", 0, make_scalar("12", 0)});
    return properties;
}

std::optional<std::string> edited(const std::string& text, const char* name, const Node* to) {
    Problems problems;
    auto result = edit_env_yaml(text, "env.yaml", name, to, problems);
    CHECK(result.has_value() == !problems.has_errors());
    return result;
}

std::string without(std::string text, const std::string& part) {
    REQUIRE(text.find(part) != std::string::npos);
    return text.erase(text.find(part), part.size());
}

const std::string block = R"(    type: postgres
    port: 5432
    password: "a: \"b\" #c\u000a"
    database: "12"
)";

TEST_CASE("a new connection comes behind the others, and every other line stays") {
    const Node properties = postgres();
    const std::string lite = "  LITE: sqlite://x.db # short\n";

    auto wanted = file;
    wanted.insert(wanted.find(lite) + lite.size(), "  NEW:\n" + block);
    CHECK(edited(file, "NEW", &properties) == wanted);
}

TEST_CASE("a connection is written over in any case of its name, and keeps its own") {
    const Node properties = postgres();
    const std::string old =
        "    type: postgres\n    password: ${PW}   # from the vault\n    list:\n    - one\n";

    auto wanted = file;
    wanted.replace(wanted.find(old), old.size(), block);
    CHECK(edited(file, "MY_PG", &properties) == wanted);
}

TEST_CASE("a connection is taken out, and what is said above the next one stays") {
    CHECK(edited(file, "zoho_crm", nullptr) ==
          without(file,
                  "  ZOHO_CRM:   # as before\n    type: api\n    secrets: { client_id: \"a b\" "
                  "}\n"));
    CHECK(edited(file, "LITE", nullptr) == without(file, "  LITE: sqlite://x.db # short\n"));
}

TEST_CASE("a file without connections gets them") {
    const Node properties = postgres();
    const std::string entry = "  NEW:\n" + block;

    CHECK(edited("", "NEW", &properties) == "connections:\n" + entry);
    CHECK(edited("# mine\n", "NEW", &properties) == "# mine\nconnections:\n" + entry);
    CHECK(edited("connections:  # none\nenv: {A: b}\n", "NEW", &properties) ==
          "connections:  # none\n" + entry + "env: {A: b}\n");
    CHECK(edited("connections: {}\n", "NEW", &properties) == "connections:\n" + entry);
    CHECK(edited("env:\n  A: b", "NEW", &properties) == "env:\n  A: b\nconnections:\n" + entry);
    CHECK(edited("connections:\n  ONE: sqlite://x.db\n", "ONE", nullptr) == "connections:\n");
}

TEST_CASE("a document in braces is written anew") {
    const auto text = edited(
        R"({"connections": {"A": {"type": "sqlite", "instance": "x y"}, "B": {"port": 1, "no": -2}}})",
        "A",
        nullptr);

    CHECK(text == "connections:\n  B:\n    port: 1\n    \"no\": -2\n");
}

TEST_CASE("what can not be edited without harm is left as it is") {
    const Node properties = postgres();
    for (const char* text : {"connections: {A: sqlite://x.db}\n",
                             "connections:\n  A: &a {type: sqlite}\n  B: *a\n",
                             "{connections: {A: sqlite://x.db}} # mine\n",
                             "connections: [1]\n",
                             "connections: {\n",
                             "- 1\n"}) {
        CAPTURE(text);
        CHECK(edited(text, "A", &properties) == std::nullopt);
    }
}

TEST_CASE("of a connection that is there twice the last is written over, but none is taken out") {
    const Node properties = postgres();
    const std::string twice = "connections:\n  A: sqlite://x.db\n  A: sqlite://y.db\n";

    CHECK(edited(twice, "A", &properties) == "connections:\n  A: sqlite://x.db\n  A:\n" + block);
    CHECK(edited(twice, "A", nullptr) == std::nullopt); // The other one would come back.
}

TEST_CASE("a file is replaced as a whole, and only its owner can read it") {
    const TempDirectory directory;

    struct Case {
        const char* name;
        mode_t before;
        mode_t want;
    };

    const Case cases[] = {
        {"a", 0644, 0600}, {"b", 0640, 0640}, {"c", 0600, 0600}, {"d", 0666, 0600}};
    for (const auto& c : cases) {
        CAPTURE(c.name);
        const auto path = directory.write(c.name, "old", c.before);
        CHECK(replace_file(path, "new") == "");
        struct stat status{};
        REQUIRE(::stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == c.want);
    }

    CHECK(replace_file(directory.path() + "/deep/er/env.yaml", "new") == "");
    std::string reason;
    CHECK(read_file(directory.path() + "/deep/er/env.yaml", 100, reason)->text == "new");
    CHECK(replace_file(directory.path() + "/a/env.yaml", "new") != "");
}

} // namespace
} // namespace zohosyncd
