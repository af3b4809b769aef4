#pragma once

#include "daemon/net/http_transport.hpp"
#include "daemon/runtime/clock.hpp"
#include "daemon/zoho/request_gate.hpp"
#include "daemon/zoho/settings.hpp"
#include "daemon/zoho/token_provider.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace zohosyncd {

/// One GET of the API.
struct ApiRequest {
    std::string path; ///< Below /crm/v6, such as "/Leads".
    std::vector<std::pair<std::string, std::string>> query;
    std::optional<std::chrono::sys_seconds> modified_since;
};

/// An answer that is no error: 200 with a body, 204 or 304 without.
struct ApiReply {
    long status = 0;
    /// The `Date` header, when it is there and within the tolerance of our own clock.
    std::optional<std::chrono::sys_seconds> date;
    /// How far that header is ahead of our own clock; unset when it is missing.
    std::optional<std::chrono::seconds> skew;
    std::string* body = nullptr; ///< Valid until the next call; may be modified (parsers pad it).

    [[nodiscard]] bool has_body() const { return status == 200; }
};

/// Sends API requests with a valid token, through the gate, and turns error replies into SyncError.
/// One instance per thread; the gate and the token provider are shared.
class ApiClient {
public:
    ApiClient(const ZohoSettings& settings,
              TokenProvider& tokens,
              RequestGate& gate,
              Clock& clock,
              std::unique_ptr<HttpTransport> transport);

    /// Done before each call of get(); what it throws is get()'s. For what must not lag behind the
    /// requests, such as counting them.
    void before_each(std::function<void()> step) { before_each_ = std::move(step); }

    /// Throws SyncError with Zoho's code in it. A refused token is renewed once and the call
    /// repeated.
    ApiReply get(const ApiRequest& request, const std::stop_token& stop);

    /// Requests sent by this instance, for the run's summary.
    [[nodiscard]] std::uint64_t requests_sent() const { return requests_sent_; }

private:
    void send(const ApiRequest& request, const std::string& token, const std::stop_token& stop);
    void warn_of_skew(std::chrono::seconds skew);
    void warn_of_missing_date();
    void note_credits_remaining();
    void require_json() const;
    [[noreturn]] void fail(const ApiRequest& request) const;

    const ZohoSettings& settings_;
    TokenProvider& tokens_;
    RequestGate& gate_;
    Clock& clock_;
    std::unique_ptr<HttpTransport> transport_;
    HttpResponse response_;
    std::function<void()> before_each_ = [] {};
    std::uint64_t requests_sent_ = 0;
    bool has_warned_of_skew_ = false;
    bool has_warned_of_missing_date_ = false;
};

/// Percent-encodes what is not allowed in a query value. Commas stay: Zoho's lists read better in
/// traces.
std::string query_encoded(const std::string& text);

} // namespace zohosyncd
