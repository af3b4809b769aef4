#pragma once

#include "tests/simulator/api.hpp"
#include "tests/simulator/clock.hpp"
#include "tests/simulator/options.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace zohosim {

/// The accounts server: issues, checks and revokes access tokens. Thread-safe.
class OAuth {
public:
    OAuth(const Options& options, const Clock& clock);

    /// Answers the token endpoint, parameters from query or form.
    Reply issue(const std::multimap<std::string, std::string>& params);

    /// Nothing when the call may pass; the error otherwise. `scopes` are alternatives.
    std::optional<Reply> reject(const std::string& authorization,
                                const std::vector<std::string>& scopes);

    void revoke_all();
    void set_api_domain(const std::string& domain);
    void set_throttle_status(int status);
    void set_token_life(int seconds);
    void set_token_limit(int limit);

    /// Raw JSON put into `expires_in` instead of the token's life; empty restores it.
    void set_expires_in(const std::string& raw);

    /// Issues in the last window, and ever.
    [[nodiscard]] nlohmann::json stats();

private:
    struct Token {
        std::set<std::string> scopes; ///< lower case
        Micros expires;
        Micros issued;
    };

    std::optional<std::string> check(const std::multimap<std::string, std::string>& params) const;
    std::string new_token();

    Options options_;
    const Clock& clock_;
    std::mutex mutex_;
    std::map<std::string, Token> tokens_;
    std::deque<Micros> issues_; ///< monotonic: the window is not moved by clock tests
    std::size_t total_ = 0;
    std::size_t refused_ = 0;
    std::string expires_in_;
    std::mt19937_64 random_;
};

} // namespace zohosim
