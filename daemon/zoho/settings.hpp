#pragma once

#include "daemon/core/secret.hpp"

#include <chrono>
#include <string>

namespace zohosyncd {

/// What the client of one organisation needs to know.
struct ZohoSettings {
    std::string connection;
    std::string accounts_url; ///< Without a trailing slash.
    std::string api_domain;   ///< Without a trailing slash.
    std::string api_version;
    std::string scopes;
    Secret client_id;
    Secret client_secret;
    std::string soid;
    Secret refresh_token;
    std::string token_file; ///< Empty: tokens are not kept across restarts.
    /// A `Date` further than this from our own clock is not believed.
    std::chrono::seconds date_tolerance{300};

    friend bool operator==(const ZohoSettings&, const ZohoSettings&) = default;
};

} // namespace zohosyncd
