#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

struct HttpRequest {
    std::string method = "GET";
    std::string url;
    std::vector<std::string> headers; ///< "Name: value"; may carry the token, so never logged.
    std::string body;                 ///< Sent with every method but GET.
};

struct HttpResponse {
    long status = 0;
    std::map<std::string, std::string> headers; ///< Names in lower case.
    std::string body; ///< Decoded; has spare capacity for a parser's padding.

    /// Empty when the header is absent.
    [[nodiscard]] std::string header(const std::string& lower_case_name) const {
        const auto found = headers.find(lower_case_name);
        return found == headers.end() ? std::string{} : found->second;
    }
};

/// Takes one line of a reply's head: keeps a header without the white space around its value, and
/// forgets the headers of an earlier reply at a status line.
void add_header_line(HttpResponse& response, std::string_view line);

/// Sends one request and waits for its answer. One instance per thread; keeps its connection alive.
class HttpTransport {
public:
    HttpTransport() = default;
    HttpTransport(const HttpTransport&) = delete;
    HttpTransport& operator=(const HttpTransport&) = delete;
    virtual ~HttpTransport() = default;

    /// Fills `response`, reusing its memory. Throws SyncError: network when there was no whole
    /// answer in time, bad_response when the decoded body is over the cap, stopped when a stop was
    /// requested.
    virtual void send(const HttpRequest& request, HttpResponse& response, std::stop_token stop) = 0;
};

} // namespace zohosyncd
