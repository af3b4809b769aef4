#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zohosim {

/// One request, free of the HTTP library.
struct Call {
    std::string method;
    std::string path;
    std::string target; ///< path and query as sent
    std::multimap<std::string, std::string> params;
    std::string authorization;
    std::optional<std::string> since; ///< the If-Modified-Since header
    std::string body;
    bool accepts_gzip = false;
    int remote_port = 0;

    [[nodiscard]] std::optional<std::string> param(const std::string& name) const;
};

/// Feeds a reply piece by piece; returns false at the end.
using BodySource = std::function<bool(std::string& piece)>;

/// How the bytes of a reply reach the client, for faults.
struct Delivery {
    std::optional<std::size_t> cut_after; ///< close the connection after so many body bytes
    std::size_t drip_bytes = 0;           ///< pieces of so many bytes …
    int drip_pause_ms = 0;                ///< … with so much time between them
    bool reset = false;                   ///< RST instead of an answer
};

struct Reply {
    int status = 200;
    std::string body;
    std::string content_type = "application/json;charset=UTF-8";
    std::vector<std::pair<std::string, std::string>> headers;
    std::size_t rows = 0;
    Delivery delivery;
    BodySource source; ///< replaces `body` when set
};

Reply json_reply(const nlohmann::json& body, int status = 200);

/// Zoho's error form: `{"code","details","message","status":"error"}`.
Reply error_reply(int status,
                  const std::string& code,
                  const nlohmann::json& details,
                  const std::string& message);

/// A reply without a body, as 204 and 304 are.
Reply empty_reply(int status);

} // namespace zohosim
