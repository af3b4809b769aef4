#pragma once

#include "daemon/net/http_transport.hpp"
#include "daemon/runtime/clock.hpp"
#include "daemon/zoho/request_gate.hpp"
#include "daemon/zoho/settings.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

/// The access token of one organisation, shared by all fetchers: asked for once however many need
/// it, renewed before it runs out, and kept in a 0600 file, because Zoho gives only ten in ten
/// minutes and a daemon that restarts in a loop must not lock itself out (zoho-api-facts §1.5).
/// Thread-safe.
class TokenProvider {
public:
    TokenProvider(const ZohoSettings& settings, RequestGate& gate, Clock& clock);

    /// A token that should work. Throws SyncError: auth_refused, token_throttled,
    /// wrong_data_center, network, bad_response, stopped.
    std::string get(HttpTransport& transport, const std::stop_token& stop);

    /// The last token call was refused for good. Thread-safe.
    [[nodiscard]] bool are_credentials_refused() const { return is_refused_; }

    /// The API refused this token: get() will not return it again.
    void forget(const std::string& refused);

private:
    using WallTime = std::chrono::system_clock::time_point;

    /// The right to use the members below, held through a whole token call. Not a std::timed_mutex:
    /// a stop ends the wait at once, and ThreadSanitizer does not know that class's timed lock.
    class Turn {
    public:
        Turn(TokenProvider& provider, const std::stop_token& stop);
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        ~Turn();

    private:
        TokenProvider& provider_;
    };

    [[nodiscard]] bool is_usable() const;
    void load_file();
    void save_file() const;
    /// False, with errno, when it can not be written.
    [[nodiscard]] bool write_file() const;
    void require_token_quota();
    void fetch(HttpTransport& transport, const std::stop_token& stop);
    [[nodiscard]] HttpRequest token_request() const;
    void accept_reply(const HttpResponse& response);
    void note_life() const;
    void check_api_domain(const std::string& named) const;
    [[nodiscard]] std::string fingerprint() const;

    const ZohoSettings& settings_;
    RequestGate& gate_;
    Clock& clock_;
    std::mutex mutex_; ///< Of turn_is_taken_ alone.
    std::condition_variable_any turn_ended_;
    bool turn_is_taken_ = false;
    std::atomic<bool> is_refused_{false};
    bool file_is_read_ = false;
    std::string token_;
    WallTime obtained_;
    std::chrono::seconds life_{0};
    std::vector<WallTime> requested_at_;
};

} // namespace zohosyncd
