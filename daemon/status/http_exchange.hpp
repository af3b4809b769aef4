#pragma once

#include "daemon/status/answers.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace zohosyncd {

/// HTTP between bytes and StatusRequest: cpp-httplib reads the request and writes the response, and
/// no socket is involved. Not thread-safe.
class HttpExchange {
public:
    explicit HttpExchange(std::function<StatusAnswer(const StatusRequest&)> answer);
    ~HttpExchange();
    HttpExchange(const HttpExchange&) = delete;
    HttpExchange& operator=(const HttpExchange&) = delete;

    /// The bytes to send back, after which the connection is to be closed. Requires a request up to
    /// the empty line that ends its headers; a body is not read.
    [[nodiscard]] std::string respond(std::string_view request);

private:
    class Server;
    std::unique_ptr<Server> server_;
};

/// Asks a status server that listens at `address` (as in daemon.listen) and returns its status code
/// and body; code 0 and the reason when there is no answer within `patience_of_asking`.
struct AskedStatus {
    int code = 0;
    std::string text;
};

[[nodiscard]] AskedStatus
ask_status(const std::string& address, const std::string& path, const Secret& token);

} // namespace zohosyncd
