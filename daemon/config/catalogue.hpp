#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/yaml_tree.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace zohosyncd {

/// A connection as it was found, with all variables in it replaced.
struct RawConnection {
    std::string name;   ///< Upper case.
    std::string file;   ///< For messages: a path, or "variable NAME".
    std::string source; ///< As `conns list` calls it.
    Node properties;    ///< A map; `secrets` and `inputs` in it are maps even if given as text.
};

/// Every connection that is defined anywhere, and the variables that count for the run.
struct Catalogue {
    std::map<std::string, RawConnection> connections;
    Environment environment; ///< With the additions of .env.sling and env.yaml.

    /// In any case of letters; nullptr when there is none.
    [[nodiscard]] const RawConnection* find(std::string_view name) const;

    /// "; known: MY_POSTGRES, ZOHO_CRM", and what is wrong with a variable of that name.
    [[nodiscard]] std::string known_names(std::string_view wanted) const;
};

/// From weak to strong: env.yaml, $ENV_YAML, environment variables with those of .env.sling.
Catalogue read_catalogue(const ConfigOverrides& overrides,
                         const Environment& environment,
                         Problems& problems);

/// The env.yaml that counts; without any, the one to create. Requires a catalogue's environment.
std::string env_yaml_to_edit(const std::string& given, const Environment& environment);

/// `text` as a connection: a URL, or a YAML or JSON map with `type` or `url`.
std::optional<Node> connection_from_text(const std::string& text);

/// Whether it is a URL of a kind that can be a connection.
bool is_connection_url(std::string_view text);

/// "api", "postgres", "sqlite", or whatever else `type` says; by the URL's scheme without one.
std::string connection_type(const RawConnection& connection);

} // namespace zohosyncd
