#pragma once

#include "daemon/net/http_transport.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace zohosyncd {

/// The limits of one exchange. Each wait has a deadline.
struct HttpLimits {
    std::chrono::milliseconds connect{10'000};
    std::chrono::milliseconds total{120'000};
    /// Less than `stall_bytes` a second for `stall` ends the transfer.
    std::chrono::seconds stall{30};
    long stall_bytes = 1024;
    /// Decoded, counted by us: libcurl 7.88's own cap counts wire bytes only (reliability §0.7).
    std::size_t body = std::size_t{32} * 1024 * 1024;
};

/// libcurl with one keep-alive handle. Honours HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE (as Go
/// programs do: these authorities instead of the system's); never follows a redirect, verifies
/// certificates, sends no cookies.
std::unique_ptr<HttpTransport> make_curl_transport(const HttpLimits& limits);

/// Host and port of the proxy that the environment names for https, without its credentials; empty
/// when there is none.
std::string proxy_in_environment();

} // namespace zohosyncd
