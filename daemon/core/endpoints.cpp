#include "daemon/core/endpoints.hpp"

#include <algorithm>
#include <cctype>

namespace zohosyncd {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
        return std::tolower(x) == std::tolower(y);
    });
}

} // namespace

const std::array<Endpoint, 14>& known_endpoints() {
    static const std::array<Endpoint, 14> endpoints{{
        {"accounts", "Accounts", EndpointKind::records, true},
        {"calls", "Calls", EndpointKind::records, true},
        {"campaigns", "Campaigns", EndpointKind::records, true},
        {"contacts", "Contacts", EndpointKind::records, true},
        {"deals", "Deals", EndpointKind::records, true},
        {"leads", "Leads", EndpointKind::records, true},
        {"meetings", "Events", EndpointKind::records, true},
        {"modules", "", EndpointKind::modules, false},
        {"notes", "Notes", EndpointKind::records, false},
        {"products", "Products", EndpointKind::records, true},
        {"quotes", "Quotes", EndpointKind::records, true},
        {"tasks", "Tasks", EndpointKind::records, true},
        {"users", "", EndpointKind::users, false},
        {"vendors", "Vendors", EndpointKind::records, true},
    }};
    return endpoints;
}

std::optional<Endpoint> find_endpoint(std::string_view stream) {
    for (const auto& endpoint : known_endpoints()) {
        if (equal_ignoring_case(endpoint.stream, stream)) {
            return endpoint;
        }
    }
    return std::nullopt;
}

Endpoint endpoint_for_module(std::string_view module) {
    for (const auto& endpoint : known_endpoints()) {
        if (!endpoint.module.empty() && endpoint.module == module) {
            return endpoint;
        }
    }
    return {std::string(module), std::string(module), EndpointKind::records, true};
}

} // namespace zohosyncd
