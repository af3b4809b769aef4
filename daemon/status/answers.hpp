#pragma once

#include "daemon/core/secret.hpp"
#include "daemon/status/status_store.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zohosyncd {

/// What matters of a request.
struct StatusRequest {
    std::string method = "GET";
    std::string path;
    std::map<std::string, std::string> query;
    std::string host;          ///< The header; empty without one.
    std::string authorization; ///< The header; empty without one.
};

struct StatusAnswer {
    int code = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
};

/// Who may ask.
struct StatusAccess {
    /// Refuse a Host that is no name of this machine's loopback: what a browser sends when a
    /// foreign page made a name of its own point here (DNS rebinding).
    bool is_loopback = true;
    Secret token; ///< Bearer token to show; empty when none is needed.
};

/// Answers the status server's requests, from the store alone. The page itself and /livez tell
/// nothing, and need no token; a browser can not send one before the page is there.
class StatusAnswers {
public:
    StatusAnswers(const StatusStore& store, StatusAccess access, std::string version);

    [[nodiscard]] StatusAnswer answer(const StatusRequest& request) const;

private:
    [[nodiscard]] StatusAnswer answer_data(const StatusRequest& request) const;
    [[nodiscard]] StatusAnswer answer_fresh(const StatusRequest& request) const;

    const StatusStore& store_;
    StatusAccess access_;
    std::string version_;
};

} // namespace zohosyncd
