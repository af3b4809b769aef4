// replication.yaml, then after a line "%%" env.yaml, then after another .env.sling.

#include "daemon/config/config.hpp"
#include "daemon/config/files.hpp"
#include "daemon/config/yaml_tree.hpp"
#include "tests/fuzz/properties.hpp"
#include "tests/fuzz/work_directory.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>

namespace zohosyncd::fuzz {
namespace {

constexpr std::size_t most_nodes = 10'000; // Contract §4.
constexpr int deepest = 64;

std::size_t check_node(const Node& node, int lines, int depth) {
    ensure(depth <= deepest + (node.is_scalar() || node.is_null() ? 1 : 0),
           "no tree is deeper than 64 levels, aliases resolved");
    ensure(node.line >= 1 && node.line <= lines, "a node stands in a line of the file");
    std::size_t count = 1;
    for (const auto& item : node.items) {
        count += check_node(item, lines, depth + 1);
    }
    std::set<std::string> keys;
    for (const auto& entry : node.entries) {
        ensure(keys.insert(entry.key).second, "a key stands once in a map");
        ensure(node.find(entry.key) == &entry, "a key is found");
        count += check_node(entry.value, lines, depth + 1);
    }
    return count;
}

void check_problems(const Problems& problems) {
    for (const auto& problem : problems.all()) {
        ensure(!problem.message.empty() && problem.line >= 0, "a problem says what and where");
    }
}

void check_tree(const std::string& text) {
    Problems problems;
    const auto root = parse_yaml(text, "file.yaml", problems);
    check_problems(problems);
    ensure(root.has_value() || problems.has_errors(), "what can not be read is an error");
    if (!root || root->line == 0) {
        return; // Line 0: there was no document.
    }
    const auto lines =
        2 + std::count_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; });
    ensure(check_node(*root, static_cast<int>(lines), 1) <= most_nodes,
           "no tree has more than 10,000 nodes, aliases resolved");
}

void check_config(const Config& config) {
    ensure(!config.source.name.empty() && !config.target.name.empty(), "both ends have a name");
    ensure(!config.source.client_id.empty() && !config.source.client_secret.empty(),
           "there are credentials");
    ensure(config.source.api_domain.starts_with("http"), "the API has an address");
    ensure(config.source.requests_per_second >= 1 && config.source.concurrency >= 1,
           "requests can be sent");
    ensure(config.daemon.credits.reserve >= 0 && config.daemon.credits.reserve <= 1,
           "the reserve is a share");
    ensure(config.daemon.overlap >= std::chrono::seconds(0), "the overlap is no negative time");
    std::set<std::string> tables;
    std::set<std::string> streams;
    for (const auto& stream : config.streams) {
        ensure(!stream.target.table.empty() &&
                   (config.target.kind == TargetKind::sqlite || !stream.target.schema.empty()),
               "every stream has a table");
        ensure(tables.insert(stream.target.text()).second, "no two streams share a table");
        ensure(streams.insert(stream.endpoint.stream).second, "a stream is configured once");
        ensure(!stream.limit || *stream.limit > 0, "a limit lets something through");
    }
}

/// Takes the text up to a line "%%" off the front.
std::string_view take_part(std::string_view& text) {
    constexpr std::string_view separator = "\n%%\n";
    const auto end = text.find(separator);
    const auto part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + separator.size());
    return part;
}

void check_files(std::string_view text) {
    static const WorkDirectory work;
    for (const char* name : {"replication.yaml", "env.yaml", ".env.sling"}) {
        const auto part = take_part(text);
        work.remove(name);
        if (!part.empty()) {
            work.write(name, part);
        }
        check_tree(std::string(part));
    }
    Environment environment;
    environment.variables = {
        {"HOME", work.path()}, {"STATE_DIRECTORY", work.path()}, {"MY_TOKEN", "t0k"}};
    environment.working_directory = work.path();
    environment.now = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000));
    ConfigOverrides overrides;
    overrides.replication_file = work.path("replication.yaml");
    overrides.env_file = work.path("env.yaml");
    Problems problems;
    const auto config = load_config(overrides, environment, problems);
    check_problems(problems);
    if (!problems.has_errors() && !problems.has_unsafe_file()) {
        check_config(config);
    }
    Problems others;
    (void)list_connections(overrides, environment, others);
    check_problems(others);
}

} // namespace
} // namespace zohosyncd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    zohosyncd::fuzz::check_files(zohosyncd::fuzz::as_text(data, size));
    return 0;
}
