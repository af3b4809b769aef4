#include "daemon/config/catalogue.hpp"
#include "daemon/config/config.hpp"
#include "daemon/config/connections.hpp"

#include <optional>
#include <string>
#include <vector>

namespace zohosyncd {
namespace {

const RawConnection*
find_for_test(const std::string& name, const Catalogue& catalogue, Problems& problems) {
    const auto* raw = catalogue.find(name);
    if (raw == nullptr) {
        problems.error("",
                       0,
                       "",
                       "Invalid Connection name: " + name + ". Make sure it is created" +
                           catalogue.known_names(name));
    }
    return raw;
}

} // namespace

std::vector<ConnectionInfo> list_connections(const ConfigOverrides& overrides,
                                             const Environment& environment,
                                             Problems& problems) {
    std::vector<ConnectionInfo> result;
    for (const auto& [name, raw] : read_catalogue(overrides, environment, problems).connections) {
        const auto type = connection_type(raw);
        const std::string shown = type == "api"        ? "API - Spec"
                                  : type == "postgres" ? "DB - PostgreSQL"
                                  : type == "sqlite"   ? "DB - SQLite"
                                                       : "not supported";
        result.push_back({name, shown, raw.source});
    }
    return result;
}

std::optional<ZohoConnection> load_zoho_connection(const std::string& name,
                                                   const ConfigOverrides& overrides,
                                                   const Environment& environment,
                                                   Problems& problems) {
    const auto catalogue = read_catalogue(overrides, environment, problems);
    const auto* raw = find_for_test(name, catalogue, problems);
    return raw == nullptr ? std::nullopt
                          : read_zoho_connection(*raw, catalogue.environment, problems);
}

std::optional<TargetConnection> load_target_connection(const std::string& name,
                                                       const ConfigOverrides& overrides,
                                                       const Environment& environment,
                                                       Problems& problems) {
    const auto catalogue = read_catalogue(overrides, environment, problems);
    const auto* raw = find_for_test(name, catalogue, problems);
    return raw == nullptr ? std::nullopt
                          : read_target_connection(*raw, catalogue.environment, problems);
}

} // namespace zohosyncd
