#include "daemon/config/catalogue.hpp"
#include "daemon/config/config.hpp"
#include "daemon/config/connections.hpp"
#include "daemon/config/env_yaml_edit.hpp"
#include "daemon/config/files.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

constexpr const char* place = "conns set"; // What a message names instead of a file.

/// The text of the env.yaml to edit; nothing when one is there and can not be read.
std::optional<std::string> text_to_edit(const std::string& path, Problems& problems) {
    if (!file_exists(path)) {
        return std::string{};
    }
    std::string reason;
    auto file = read_file(path, largest_config_file, reason);
    if (!file) {
        problems.error(path, 0, "", "could not be read: " + reason);
        return std::nullopt;
    }
    return std::move(file->text);
}

/// `secrets` and `inputs` are maps in YAML; the rest are texts, or numbers as they look.
std::optional<Node> value_of(const std::string& key, const std::string& text, Problems& problems) {
    const bool is_map = key == "secrets" || key == "inputs";
    if (!is_map) {
        Node scalar = make_scalar(text, 0);
        const bool is_number = !text.empty() && text.size() < 10 && text.front() != '0' &&
                               text.find_first_not_of("0123456789") == std::string::npos;
        scalar.was_quoted = !is_number;
        return scalar;
    }
    Problems unheard;
    auto map = parse_yaml(text, "", unheard);
    if (!map || !map->is_map()) {
        problems.error(place, 0, key, "expected a map such as '{ client_id: ID }'");
        return std::nullopt;
    }
    return map;
}

std::optional<Node> properties_from(const std::vector<std::string>& assignments,
                                    Problems& problems) {
    Node properties;
    properties.kind = Node::Kind::map;
    for (const auto& assignment : assignments) {
        const auto equals = assignment.find('=');
        const auto key = lower(trim(assignment.substr(0, equals)));
        if (equals == std::string::npos || !is_plain_identifier(key)) {
            // Not what was written: it may be a secret.
            problems.error(place, 0, "", "expected key=value, with a letter in front");
            continue;
        }
        if (auto value = value_of(key, assignment.substr(equals + 1), problems)) {
            std::erase_if(properties.entries, [&](const auto& other) { return other.key == key; });
            properties.entries.push_back({key, 0, std::move(*value)});
        }
    }
    return problems.has_errors() ? std::nullopt : std::optional(std::move(properties));
}

/// As it would be read; its mistakes are better told now than at the next start.
void check_connection(const std::string& name,
                      const Node& properties,
                      const Environment& environment,
                      Problems& problems) {
    const RawConnection connection{name, place, "", properties};
    const auto type = connection_type(connection);
    if (properties.find("type") == nullptr && properties.find("url") == nullptr) {
        problems.error(place, 0, "", "need to specify valid `type` key or provide `url`.");
    } else if (type == "api") {
        (void)read_zoho_connection(connection, environment, problems);
    } else if (type == "postgres" || type == "sqlite") {
        (void)read_target_connection(connection, environment, problems);
    } else {
        problems.error(place,
                       0,
                       "type",
                       "invalid type: expected api (with spec zoho_crm), postgres or sqlite");
    }
}

std::optional<std::string> write_edited(const std::string& path,
                                        const std::string& before,
                                        const std::optional<std::string>& after,
                                        Problems& problems) {
    if (!after || problems.has_errors()) {
        return std::nullopt;
    }
    if (*after != before) {
        if (const auto reason = replace_file(path, *after); !reason.empty()) {
            problems.error(path, 0, "", "could not be written: " + reason);
            return std::nullopt;
        }
    }
    return path;
}

} // namespace

std::optional<std::string> set_connection(const std::string& name,
                                          const std::vector<std::string>& assignments,
                                          const ConfigOverrides& overrides,
                                          const Environment& environment,
                                          Problems& problems) {
    if (!is_plain_identifier(name)) {
        problems.error(place, 0, "", "a connection's name has letters, digits and _ only");
        return std::nullopt;
    }
    const auto properties = properties_from(assignments, problems);
    if (!properties) {
        return std::nullopt;
    }
    Problems unheard; // What is wrong with other files does not matter here.
    const auto known = read_catalogue(overrides, environment, unheard).environment;
    check_connection(upper(name), *properties, known, problems);
    const auto path = env_yaml_to_edit(overrides.env_file, known);
    const auto text = text_to_edit(path, problems);
    if (!text || problems.has_errors()) {
        return std::nullopt;
    }
    return write_edited(
        path, *text, edit_env_yaml(*text, path, upper(name), &*properties, problems), problems);
}

std::optional<std::string> unset_connection(const std::string& name,
                                            const ConfigOverrides& overrides,
                                            const Environment& environment,
                                            Problems& problems) {
    Problems unheard;
    const auto known = read_catalogue(overrides, environment, unheard).environment;
    const auto path = env_yaml_to_edit(overrides.env_file, known);
    const auto text = text_to_edit(path, problems);
    if (!text) {
        return std::nullopt;
    }
    Problems own;
    const auto root = parse_yaml(*text, path, own);
    const auto* connections = root ? root->find("connections") : nullptr;
    const bool is_there = connections != nullptr &&
                          std::ranges::any_of(connections->value.entries, [&](const auto& entry) {
                              return equal_ignoring_case(entry.key, name);
                          });
    if (root && !is_there) {
        problems.error(path, 0, "", "there is no connection " + upper(name) + " in this file");
        return std::nullopt;
    }
    return write_edited(path, *text, edit_env_yaml(*text, path, name, nullptr, problems), problems);
}

} // namespace zohosyncd
