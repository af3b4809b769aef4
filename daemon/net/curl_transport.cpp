#include "daemon/net/curl_transport.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/runtime/failpoint.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace zohosyncd {
namespace {

// Big enough that a 500 kB page takes few callbacks (techniques §4).
constexpr long receive_buffer = 256L * 1024;
// simdjson reads up to 64 bytes past the end (SIMDJSON_PADDING is 32 in 3.0).
constexpr std::size_t parser_padding = 64;
// A connection may be re-balanced or its proxy may change; a fresh one every five minutes costs
// nothing.
constexpr long connection_age_seconds = 300;

struct CurlFree {
    void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }

    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

using CurlHandle = std::unique_ptr<CURL, CurlFree>;
using CurlHeaders = std::unique_ptr<curl_slist, CurlFree>;

struct Transfer {
    HttpResponse* response = nullptr;
    std::size_t body_limit = 0;
    bool is_too_big = false;
    const std::stop_token* stop = nullptr;
};

std::size_t receive_body(char* data, std::size_t, std::size_t bytes, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    std::string& body = transfer.response->body;
    ZOHOSYNCD_FAILPOINT_OR("http.body", return 0);
    if (body.size() + bytes > transfer.body_limit) {
        transfer.is_too_big = true;
        return 0;
    }
    if (body.capacity() < body.size() + bytes + parser_padding) {
        body.reserve(std::max(body.capacity() * 2, body.size() + bytes + parser_padding));
    }
    body.append(data, bytes);
    return bytes;
}

std::size_t receive_header(char* data, std::size_t, std::size_t bytes, void* user) {
    ZOHOSYNCD_FAILPOINT_OR("http.headers", return 0);
    add_header_line(*static_cast<Transfer*>(user)->response, {data, bytes});
    return bytes;
}

/// libcurl calls this at least about once a second; non-zero aborts the transfer.
int abort_on_stop(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(user)->stop->stop_requested() ? 1 : 0;
}

CurlHandle make_handle() {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    CurlHandle handle(curl_easy_init());
    if (initialised != CURLE_OK || !handle) {
        throw SyncError(ErrorKind::internal, "libcurl can not be initialised");
    }
    return handle;
}

CurlHeaders header_list(const std::vector<std::string>& headers) {
    CurlHeaders list;
    for (const auto& header : headers) {
        auto* extended = curl_slist_append(list.get(), header.c_str());
        (void)list.release();
        list.reset(extended);
    }
    return list;
}

/// Scheme and host only: a path may hold ids, and a query is nobody's business in a log.
std::string host_of(const std::string& url) {
    const auto scheme_end = url.find("://");
    const auto end = url.find_first_of("/?", scheme_end == std::string::npos ? 0 : scheme_end + 3);
    return url.substr(0, end);
}

class CurlTransport final : public HttpTransport {
public:
    explicit CurlTransport(const HttpLimits& limits) : limits_(limits), handle_(make_handle()) {}

    void send(const HttpRequest& request, HttpResponse& response, std::stop_token stop) override {
        if (stop.stop_requested()) {
            throw SyncError(ErrorKind::stopped, "stopped before a request");
        }
        response.status = 0;
        response.headers.clear();
        response.body.clear();
        Transfer transfer{&response, limits_.body, false, &stop};
        const CurlHeaders headers = header_list(request.headers);
        prepare(request, headers.get(), transfer);
        const CURLcode result = curl_easy_perform(handle_.get());
        if (result != CURLE_OK) {
            fail(request, result, transfer);
        }
        curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &response.status);
    }

private:
    void prepare(const HttpRequest& request, curl_slist* headers, Transfer& transfer) {
        CURL* handle = handle_.get();
        curl_easy_reset(handle); // Keeps the connection.
        error_[0] = '\0';
        curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error_);
        curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "gzip");
        curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, receive_buffer);
        curl_easy_setopt(handle, CURLOPT_MAXAGE_CONN, connection_age_seconds);
        curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
        // One transfer at a time gains nothing from HTTP/2, and meets its stream errors.
        curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
        if (const char* authorities = std::getenv("SSL_CERT_FILE"); authorities != nullptr) {
            curl_easy_setopt(handle, CURLOPT_CAINFO, authorities);
        }
        if (request.url.starts_with("http://")) {
            // Only loopback is asked without TLS; a proxy would be told the token in clear text.
            curl_easy_setopt(handle, CURLOPT_PROXY, "");
        }
        curl_easy_setopt(
            handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits_.connect.count()));
        curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(limits_.total.count()));
        curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, limits_.stall_bytes);
        curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits_.stall.count()));
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive_body);
        curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
        curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, receive_header);
        curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
        curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, abort_on_stop);
        curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
        if (request.method != "GET") {
            curl_easy_setopt(handle, CURLOPT_POST, 1L);
            curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
            curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
            curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.c_str());
        }
    }

    [[noreturn]] void
    fail(const HttpRequest& request, CURLcode result, const Transfer& transfer) const {
        const std::string host = host_of(request.url);
        if (transfer.stop->stop_requested()) {
            throw SyncError(ErrorKind::stopped, "stopped during a request to " + host);
        }
        if (transfer.is_too_big) {
            throw SyncError(ErrorKind::bad_response,
                            "reply of " + host + " is larger than " + std::to_string(limits_.body) +
                                " bytes and was dropped");
        }
        const std::string detail = error_[0] != '\0' ? error_ : curl_easy_strerror(result);
        // Zero until name, connection, proxy and TLS are done: then nothing of the request has
        // left.
        curl_off_t ready_to_send = 0;
        curl_easy_getinfo(handle_.get(), CURLINFO_PRETRANSFER_TIME_T, &ready_to_send);
        const bool is_unsent = ready_to_send == 0;
        throw SyncError(is_unsent ? ErrorKind::unreachable : ErrorKind::network,
                        "request to " + host + " failed: " + detail);
    }

    HttpLimits limits_;
    CurlHandle handle_;
    char error_[CURL_ERROR_SIZE] = {};
};

} // namespace

std::string proxy_in_environment() {
    for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') {
            continue;
        }
        std::string_view host = value;
        host.remove_prefix(std::min(host.rfind('@') + 1, host.size())); // npos + 1 is 0.
        const auto scheme_end = host.find("://");
        host.remove_prefix(scheme_end == std::string_view::npos ? 0 : scheme_end + 3);
        return std::string(host.substr(0, host.find('/')));
    }
    return {};
}

std::unique_ptr<HttpTransport> make_curl_transport(const HttpLimits& limits) {
    return std::make_unique<CurlTransport>(limits);
}

} // namespace zohosyncd
