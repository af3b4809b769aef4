#include "daemon/config/replication_file.hpp"

#include "daemon/config/files.hpp"
#include "daemon/config/sling_settings.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

/// The text of the file that is meant; its name goes to `name`.
std::optional<std::string> read_text(const std::string& given,
                                     const Environment& environment,
                                     std::string& name,
                                     Problems& problems) {
    name = given.empty() ? "replication.yaml" : given;
    std::string path = absolute_path(name, environment.working_directory);
    if (const std::string fallback = "/etc/zohosyncd/replication.yaml";
        given.empty() && !file_exists(path) && file_exists(fallback)) {
        name = fallback;
        path = fallback;
    }
    std::string reason;
    auto file = read_file(path, largest_config_file, reason);
    if (!file) {
        problems.error(name, 0, "", "Unable to open replication path: " + reason);
        return std::nullopt;
    }
    return std::move(file->text);
}

std::map<std::string, std::string> read_env(const Block& root, const Environment& environment) {
    std::map<std::string, std::string> values;
    const auto env = root.block("env");
    if (!env) {
        return values;
    }
    for (const auto& entry : env->node().entries) {
        if (!entry.value.is_scalar() && !entry.value.is_null()) {
            continue; // Nothing that could stand for {KEY}.
        }
        std::vector<std::string> missing;
        values[entry.key] = expand_variables(entry.value.text, environment.variables, missing);
        for (const auto& name : missing) {
            env->warn(entry.key, "the variable " + name + " is not set; taken as empty");
        }
        if (entry.key.starts_with("SLING_") && !is_sling_setting(entry.key)) {
            env->warn(entry.key,
                      entry.key == "SLING_STATE"
                          ? "`SLING_STATE` has no effect here: zohosyncd keeps its own state"
                          : "`" + entry.key + "` has no effect here");
        }
    }
    return values;
}

void warn_of_shell_variables(const Node& node,
                             const std::string& path,
                             const std::string& file,
                             Problems& problems) {
    if (node.is_scalar() && node.text.find("${") != std::string::npos) {
        problems.warn(file, node.line, path, "`${…}` is replaced under `env` only; use {KEY} here");
    }
    for (const auto& item : node.items) {
        warn_of_shell_variables(item, path, file, problems);
    }
    for (const auto& entry : node.entries) {
        if (!path.empty() || entry.key != "env") {
            warn_of_shell_variables(
                entry.value, path.empty() ? entry.key : path + "." + entry.key, file, problems);
        }
    }
}

bool is_usable_root(const std::optional<Node>& root, const std::string& name, Problems& problems) {
    if (root && root->is_null()) {
        problems.error(name, 0, "", "the file is empty: did not find 'source' key");
        return false;
    }
    if (root && !root->is_map()) {
        problems.error(name, root->line, "", "expected a map with `source`, `target`, `streams`");
        return false;
    }
    return root.has_value();
}

StreamBlock read_defaults(const Block& root) {
    const auto defaults = root.block("defaults");
    return defaults ? read_stream_block(*defaults, "defaults") : StreamBlock{};
}

} // namespace

std::optional<ReplicationFile> read_replication_file(const std::string& given,
                                                     const Environment& environment,
                                                     Problems& problems) {
    ReplicationFile file;
    const auto text = read_text(given, environment, file.name, problems);
    if (!text) {
        return std::nullopt;
    }
    Problems first;
    auto root = parse_yaml(*text, file.name, first);
    if (!is_usable_root(root, file.name, first)) {
        problems.append(first);
        return std::nullopt;
    }
    file.env = read_env(Block(*root, "", file.name, first), environment);
    Substitutions substitutions;
    const auto marked = substitutions.mark(*text, "{", "}", file.env);
    if (!substitutions.empty()) {
        Problems second; // The first reading's warnings hold; the second may only add an error.
        root = parse_yaml(marked, file.name, second, substitutions);
        if (!is_usable_root(root, file.name, second)) {
            problems.append(second);
            return std::nullopt;
        }
    }
    problems.append(first);
    warn_of_shell_variables(*root, "", file.name, problems);
    file.root = std::move(*root);
    return file;
}

std::vector<StreamEntry> read_stream_entries(const Block& root) {
    const auto defaults = read_defaults(root);
    std::vector<StreamEntry> result;
    const auto streams = root.block("streams");
    if (!streams) {
        return result;
    }
    static const Node nothing;
    for (const auto& entry : streams->node().entries) {
        if (!entry.value.is_map() && !entry.value.is_null()) {
            const auto path = streams->path_of(entry.key);
            streams->error(entry.key,
                           "could not parse `" + path + "`: expected a map, found " +
                               found(entry.value));
            continue;
        }
        const Block block(entry.value.is_map() ? entry.value : nothing,
                          streams->path_of(entry.key),
                          root.file(),
                          root.problems());
        auto own = read_stream_block(block, streams->path_of(entry.key));
        own.line = entry.line;
        // Sling reads a name in quotes or backticks as the name itself.
        std::string name(trim(entry.key));
        std::erase_if(name, [](char c) { return c == '"' || c == '`' || c == '\''; });
        if (name.find('*') != std::string::npos) {
            own = without_nulls(std::move(own));
        }
        result.push_back({name, entry.line, with_defaults(std::move(own), defaults)});
    }
    return result;
}

} // namespace zohosyncd
