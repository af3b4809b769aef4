#include "daemon/config/catalogue.hpp"

#include "daemon/config/files.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>
#include <vector>

namespace zohosyncd {
namespace {

/// Nothing for what is no base64.
std::optional<std::string> decode_base64(std::string_view text) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string result;
    unsigned bits = 0;
    unsigned count = 0;
    while (text.ends_with('=')) {
        text.remove_suffix(1);
    }
    for (const char c : text) {
        const auto value = alphabet.find(c);
        if (value == std::string_view::npos) {
            return std::nullopt;
        }
        bits = (bits << 6U | static_cast<unsigned>(value)) & 0xFFFFFFU;
        count += 6;
        if (count >= 8) {
            count -= 8;
            result += static_cast<char>(bits >> count & 0xFFU);
        }
    }
    return result;
}

std::string unwrap_base64(const std::string& text) {
    constexpr std::string_view head = "base64:";
    constexpr std::string_view tail = ":46esab";
    if (!text.starts_with(head) || !text.ends_with(tail) ||
        text.size() < head.size() + tail.size()) {
        return text;
    }
    const auto inner =
        std::string_view(text).substr(head.size(), text.size() - head.size() - tail.size());
    return decode_base64(inner).value_or(text);
}

/// A value `$NAME` stands for the variable, where there is one.
void look_up_variables(Node& node, const std::map<std::string, std::string>& variables) {
    if (node.is_scalar() && node.text.starts_with('$')) {
        if (const auto found = variables.find(node.text.substr(1)); found != variables.end()) {
            node.text = found->second;
        }
    }
    for (auto& item : node.items) {
        look_up_variables(item, variables);
    }
    for (auto& entry : node.entries) {
        look_up_variables(entry.value, variables);
    }
}

std::optional<Node> parse_map_quietly(const std::string& text) {
    Problems unheard;
    auto node = parse_yaml(text, "", unheard);
    return node && node->is_map() ? node : std::nullopt;
}

/// Sling allows `secrets: '{ client_id: … }'`.
void expand_nested_texts(Node& properties) {
    for (auto& entry : properties.entries) {
        const bool is_nested =
            equal_ignoring_case(entry.key, "secrets") || equal_ignoring_case(entry.key, "inputs");
        if (is_nested && entry.value.is_scalar()) {
            if (auto map = parse_map_quietly(entry.value.text)) {
                relocate(*map, entry.line);
                entry.value = std::move(*map);
            }
        }
    }
}

/// Where env.yaml is looked for; the first that is there counts.
std::vector<std::string> places_of_env_yaml(const std::string& given,
                                            const std::map<std::string, std::string>& variables) {
    if (!given.empty()) {
        return {given};
    }
    std::vector<std::string> places;
    for (const auto& [name, rest] :
         {std::pair("SLING_HOME_DIR", "/env.yaml"), std::pair("HOME", "/.sling/env.yaml")}) {
        if (const auto home = variables.find(name);
            home != variables.end() && !home->second.empty()) {
            places.push_back(home->second + rest);
        }
    }
    places.emplace_back("/etc/zohosyncd/env.yaml");
    return places;
}

class CatalogueReader {
public:
    CatalogueReader(const Environment& environment, Problems& problems) : problems_(problems) {
        catalogue_.environment = environment;
    }

    Catalogue read(const ConfigOverrides& overrides) {
        read_dot_env();
        const auto variables = catalogue_.environment.variables; // Before env.yaml adds its own.
        read_env_yaml(overrides.env_file);
        for (const char* name : {"ENV_YAML", "SLING_ENV_YAML"}) {
            if (const auto body = variables.find(name); body != variables.end()) {
                read_yaml(unwrap_base64(std::string(trim(body->second))),
                          std::string("variable ") + name,
                          "env-var env yaml");
            }
        }
        for (const auto& [name, value] : variables) {
            add_variable(name, value);
        }
        return std::move(catalogue_);
    }

private:
    void read_dot_env() {
        const std::string path =
            absolute_path(".env.sling", catalogue_.environment.working_directory);
        if (!file_exists(path)) {
            return;
        }
        if (const auto file = read(path, ".env.sling")) {
            for (auto& [key, value] : parse_env_file(file->text, ".env.sling", problems_)) {
                if (catalogue_.environment.variables.emplace(key, value).second) {
                    from_dot_env_[key] = ".env.sling";
                }
            }
        }
    }

    void read_env_yaml(const std::string& given) {
        const auto places = places_of_env_yaml(given, catalogue_.environment.variables);
        for (const auto& place : places) {
            const auto path = absolute_path(place, catalogue_.environment.working_directory);
            if (!given.empty() || file_exists(path)) {
                if (const auto file = read(path, place)) {
                    read_yaml(file->text, place, "sling env yaml");
                }
                return;
            }
        }
    }

    std::optional<FileText> read(const std::string& path, const std::string& shown) {
        std::string reason;
        auto file = read_file(path, largest_config_file, reason);
        if (!file) {
            problems_.error(shown, 0, "", "could not be read: " + reason);
        } else if (file->is_world_readable) {
            problems_.warn(shown, 0, "", "every user can read this file; chmod 600 is safer");
        }
        return file;
    }

    /// The map at the top of the text, with variables put in.
    std::optional<Node>
    parse(const std::string& text, const std::string& file, Problems& problems) {
        Substitutions substitutions;
        const auto marked = substitutions.mark(text, "${", "}", catalogue_.environment.variables);
        auto root = parse_yaml(marked, file, problems, substitutions);
        if (root && !root->is_map() && !root->is_null()) {
            problems.error(file, root->line, "", "expected a map with `connections`");
        }
        return root && root->is_map() ? root : std::nullopt;
    }

    void read_yaml(const std::string& text, const std::string& file, const std::string& source) {
        Problems problems;
        auto root = parse(text, file, problems);
        if (root && export_variables(*root)) {
            problems = {};
            root = parse(text, file, problems); // Now with the file's own variables.
        }
        problems_.append(problems);
        if (!root) {
            return;
        }
        for (const auto& entry : root->entries) {
            if (entry.key != "env" && entry.key != "variables" && entry.key != "connections") {
                problems_.warn(file,
                               entry.line,
                               entry.key,
                               "`" + entry.key + "` is not a known key and is ignored" +
                                   did_you_mean(entry.key, {"connections", "env", "variables"}));
            }
        }
        if (const auto* connections = root->find("connections")) {
            read_connections(connections->value, file, source);
        }
    }

    /// Whether there were any that the environment does not have.
    bool export_variables(const Node& root) {
        bool has_new = false;
        for (const char* block : {"env", "variables"}) {
            const auto* entry = root.find(block);
            if (entry == nullptr) {
                continue;
            }
            for (const auto& variable : entry->value.entries) {
                if (variable.value.is_scalar()) {
                    has_new |=
                        catalogue_.environment.variables.emplace(variable.key, variable.value.text)
                            .second;
                }
            }
        }
        return has_new;
    }

    void read_connections(const Node& block, const std::string& file, const std::string& source) {
        if (!block.is_map() && !block.is_null()) {
            problems_.error(
                file, block.line, "connections", "could not parse `connections`: expected a map");
            return;
        }
        for (const auto& entry : block.entries) {
            std::optional<Node> properties;
            warn_of_missing_variables(entry.value, file, "connections." + entry.key);
            if (entry.value.is_map()) {
                properties = entry.value;
                look_up_variables(*properties, catalogue_.environment.variables);
            } else if (entry.value.is_scalar()) {
                Node value = entry.value;
                look_up_variables(value, catalogue_.environment.variables);
                properties = connection_from_text(value.text);
            }
            if (!properties) {
                problems_.warn(file,
                               entry.line,
                               "connections." + entry.key,
                               "neither a map nor a URL; it is ignored");
                continue;
            }
            if (!entry.value.is_map()) {
                relocate(*properties, entry.line);
            }
            add(entry.key, std::move(*properties), file, source);
        }
    }

    /// Sling leaves them as they are, which then fails as a wrong password much later.
    void
    warn_of_missing_variables(const Node& node, const std::string& file, const std::string& path) {
        if (node.is_scalar() && node.text.starts_with("${") && node.text.ends_with("}")) {
            problems_.warn(file, node.line, path, "a variable that is not set is left as it is");
        }
        for (const auto& entry : node.entries) {
            warn_of_missing_variables(entry.value, file, path + "." + entry.key);
        }
    }

    void add_variable(const std::string& name, const std::string& value) {
        auto properties = connection_from_text(value);
        if (!properties) {
            return;
        }
        const auto dot_env = from_dot_env_.find(name);
        relocate(*properties, 0);
        if (dot_env != from_dot_env_.end()) {
            add(name, std::move(*properties), dot_env->second, "sling dot-env");
        } else {
            add(name, std::move(*properties), "variable " + name, "env variable");
        }
    }

    void add(const std::string& name,
             Node properties,
             const std::string& file,
             const std::string& source) {
        expand_nested_texts(properties);
        const std::string key = upper(name);
        catalogue_.connections[key] = {key, file, source, std::move(properties)};
    }

    Problems& problems_;
    Catalogue catalogue_;
    std::map<std::string, std::string> from_dot_env_;
};

} // namespace

const RawConnection* Catalogue::find(std::string_view name) const {
    const auto found = connections.find(upper(name));
    return found != connections.end() ? &found->second : nullptr;
}

std::string Catalogue::known_names(std::string_view wanted) const {
    std::vector<std::string> names;
    for (const auto& [name, connection] : connections) {
        names.push_back(name);
    }
    std::string text =
        names.empty() ? "; no connection is defined" : "; known: " + join(names, ", ");
    const auto slash = wanted.find('/'); // So Sling names what dbt has: PROFILE/TARGET.
    if (slash != std::string_view::npos && is_plain_identifier(wanted.substr(0, slash)) &&
        is_plain_identifier(wanted.substr(slash + 1))) {
        text += "; profiles of dbt are not read: `zohosyncd conns set` writes one into env.yaml";
    }
    for (const auto& [name, value] : environment.variables) {
        if (equal_ignoring_case(name, wanted)) {
            text +=
                "; the variable " + name + " is set, but holds neither a URL nor a map with `type`";
        }
    }
    return text;
}

bool is_connection_url(std::string_view text) {
    const auto end = text.find("://");
    if (end == std::string_view::npos) {
        return false;
    }
    const auto scheme = lower(text.substr(0, end));
    return scheme == "postgres" || scheme == "postgresql" || scheme == "sqlite" ||
           scheme == "sqlite3";
}

std::optional<Node> connection_from_text(const std::string& text) {
    const std::string value(trim(unwrap_base64(text)));
    if (is_connection_url(value)) {
        Node properties;
        properties.kind = Node::Kind::map;
        properties.entries.push_back({"url", 0, make_scalar(value, 0)});
        return properties;
    }
    // Most variables are neither; parsing PATH and the like would be for nothing.
    if (value.size() > largest_config_file ||
        (value.find("type") == std::string::npos && value.find("url") == std::string::npos)) {
        return std::nullopt;
    }
    auto map = parse_map_quietly(value);
    if (map && map->find("type") == nullptr && map->find("url") == nullptr) {
        return std::nullopt;
    }
    return map;
}

std::string connection_type(const RawConnection& connection) {
    if (const auto* type = connection.properties.find("type");
        type != nullptr && type->value.is_scalar()) {
        const auto word = lower(trim(type->value.text));
        return word == "postgresql" ? "postgres" : word == "sqlite3" ? "sqlite" : word;
    }
    const auto* url = connection.properties.find("url");
    if (url == nullptr || !is_connection_url(url->value.text)) {
        return {};
    }
    return lower(url->value.text).starts_with("postgres") ? "postgres" : "sqlite";
}

Catalogue read_catalogue(const ConfigOverrides& overrides,
                         const Environment& environment,
                         Problems& problems) {
    return CatalogueReader(environment, problems).read(overrides);
}

std::string env_yaml_to_edit(const std::string& given, const Environment& environment) {
    const auto places = places_of_env_yaml(given, environment.variables);
    for (const auto& place : places) {
        const auto path = absolute_path(place, environment.working_directory);
        if (file_exists(path)) {
            return path;
        }
    }
    return absolute_path(places.front(), environment.working_directory);
}

} // namespace zohosyncd
