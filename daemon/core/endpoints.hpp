#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace zohosyncd {

/// How an endpoint is read.
enum class EndpointKind {
    records, ///< A module of records: GET /{Module}, incremental by Modified_Time.
    users,   ///< GET /users, page numbers, always a full refresh.
    modules, ///< GET /settings/modules, one answer, always a full refresh.
};

/// One of the 14 endpoints that Sling names, or a module of the organisation by its API name.
struct Endpoint {
    std::string stream; ///< "meetings", or "Invoices" for an extra module.
    std::string module; ///< Zoho's API name: "Events"; empty for users and modules.
    EndpointKind kind = EndpointKind::records;
    bool has_delete_list = true; ///< Notes have no /deleted (zoho-api-facts §8).

    bool operator==(const Endpoint&) const = default;
};

/// The 14 endpoints, in alphabetical order of their stream names.
const std::array<Endpoint, 14>& known_endpoints();

/// The known endpoint of that stream name, in any case.
std::optional<Endpoint> find_endpoint(std::string_view stream);

/// The endpoint for a module's API name: a known one's when there is one ("Events" gives meetings).
Endpoint endpoint_for_module(std::string_view module);

} // namespace zohosyncd
