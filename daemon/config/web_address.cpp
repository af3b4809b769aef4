#include "daemon/config/web_address.hpp"

#include "daemon/config/words.hpp"

#include <algorithm>

namespace zohosyncd {

std::optional<WebAddress> parse_web_address(std::string_view url) {
    WebAddress address;
    const std::string scheme = lower(url.substr(0, url.find("://")));
    if ((scheme != "http" && scheme != "https") || url.find("://") == std::string_view::npos) {
        return std::nullopt;
    }
    address.is_https = scheme == "https";
    std::string rest = lower(url.substr(scheme.size() + 3));
    while (rest.ends_with('/')) {
        rest.pop_back();
    }
    const auto bracket = rest.find(']');
    const auto colon = rest.find(':', bracket == std::string::npos ? 0 : bracket);
    address.host = rest.substr(0, colon);
    address.port = colon == std::string::npos ? "" : rest.substr(colon);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const bool has_good_port =
        address.port.empty() ||
        (address.port.size() > 1 && address.port.size() <= 6 &&
         std::ranges::all_of(std::string_view(address.port).substr(1), is_digit));
    const bool has_good_host =
        !address.host.empty() &&
        address.host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_[]:") ==
            std::string::npos;
    return has_good_host && has_good_port ? std::optional(address) : std::nullopt;
}

bool is_loopback(std::string_view host) {
    // A name such as 127.0.0.1.example.com is none: digits and dots only.
    const bool is_ipv4 = host.find_first_not_of("0123456789.") == std::string_view::npos &&
                         host.starts_with("127.") && std::ranges::count(host, '.') == 3;
    return host == "localhost" || host == "[::1]" || is_ipv4;
}

} // namespace zohosyncd
