#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace zohosyncd {

struct WebAddress {
    bool is_https = false;
    std::string host; ///< Lower case.
    std::string port; ///< With its colon, or empty.
};

/// A scheme, a host and perhaps a port; nothing for anything more.
std::optional<WebAddress> parse_web_address(std::string_view url);

/// localhost, 127.0.0.0/8 or [::1].
bool is_loopback(std::string_view host);

} // namespace zohosyncd
