#pragma once

#include "daemon/core/errors.hpp"
#include "daemon/net/http_transport.hpp"

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zohosyncd::fakes {

/// What a Zoho that was written down beforehand answers, and what it was asked. Token requests have
/// a queue of their own; where it is empty, a good token comes. Thread-safe: several transports may
/// share one.
class Script {
public:
    struct Reply {
        long status = 200;
        std::string body;
        std::map<std::string, std::string> headers;
        std::optional<ErrorKind> failure;
    };

    void reply(long status, std::string body, std::map<std::string, std::string> headers = {}) {
        const std::lock_guard lock(mutex_);
        replies_.push_back({status, std::move(body), std::move(headers), {}});
    }

    void fail(ErrorKind kind) {
        const std::lock_guard lock(mutex_);
        replies_.push_back({0, "", {}, kind});
    }

    void fail_token(ErrorKind kind) {
        const std::lock_guard lock(mutex_);
        token_replies_.push_back({0, {}, {}, kind});
    }

    void reply_to_token(long status, std::string body) {
        const std::lock_guard lock(mutex_);
        token_replies_.push_back({status, std::move(body), {}, {}});
    }

    Reply take(const HttpRequest& request) {
        const std::lock_guard lock(mutex_);
        const bool is_token = request.url.find("/oauth/v2/token") != std::string::npos;
        (is_token ? token_requests_ : requests_).push_back(request);
        auto& queue = is_token ? token_replies_ : replies_;
        if (queue.empty() && is_token) {
            return {200,
                    R"({"access_token":"token-)" + std::to_string(token_requests_.size()) +
                        R"(","expires_in":3600,"api_domain":"https://www.zohoapis.com"})",
                    {},
                    {}};
        }
        if (queue.empty()) {
            throw SyncError(ErrorKind::internal, "the script has no reply to " + request.url);
        }
        Reply next = std::move(queue.front());
        queue.pop_front();
        return next;
    }

    std::vector<HttpRequest> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

    std::vector<HttpRequest> token_requests() const {
        const std::lock_guard lock(mutex_);
        return token_requests_;
    }

    std::size_t replies_left() const {
        const std::lock_guard lock(mutex_);
        return replies_.size();
    }

private:
    mutable std::mutex mutex_;
    std::deque<Reply> replies_;
    std::deque<Reply> token_replies_;
    std::vector<HttpRequest> requests_;
    std::vector<HttpRequest> token_requests_;
};

class ScriptedTransport final : public HttpTransport {
public:
    explicit ScriptedTransport(Script& script) : script_(script) {}

    void send(const HttpRequest& request, HttpResponse& response, std::stop_token stop) override {
        if (stop.stop_requested()) {
            throw SyncError(ErrorKind::stopped, "stopped before a request");
        }
        const auto reply = script_.take(request);
        if (reply.failure) {
            throw SyncError(*reply.failure, "as the script says");
        }
        response.status = reply.status;
        response.body = reply.body;
        response.headers = reply.headers;
    }

private:
    Script& script_;
};

} // namespace zohosyncd::fakes
