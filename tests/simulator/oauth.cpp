#include "tests/simulator/oauth.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace zohosim {

namespace {

// The 16th token of a grant kills the oldest.
constexpr std::size_t most_active_tokens = 15;

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return text;
}

std::string value_of(const std::multimap<std::string, std::string>& params,
                     const std::string& name) {
    const auto found = params.find(name);
    return found == params.end() ? "" : found->second;
}

std::set<std::string> split_scopes(const std::string& text) {
    std::set<std::string> scopes;
    std::string part;
    for (const char c : text + ",") {
        if (c == ',' || c == ' ') {
            if (!part.empty()) {
                scopes.insert(lower(part));
            }
            part.clear();
        } else {
            part += c;
        }
    }
    return scopes;
}

constexpr auto all_scopes =
    "ZohoCRM.modules.ALL,ZohoCRM.settings.ALL,ZohoCRM.users.ALL,ZohoCRM.org.ALL";

} // namespace

OAuth::OAuth(const Options& options, const Clock& clock)
    : options_(options), clock_(clock), random_(options.seed ^ 0xacce55ULL) {}

std::optional<std::string>
OAuth::check(const std::multimap<std::string, std::string>& params) const {
    if (value_of(params, "client_id") != options_.client_id) {
        return "invalid_client";
    }
    if (value_of(params, "client_secret") != options_.client_secret) {
        return "invalid_client_secret";
    }
    const auto grant = value_of(params, "grant_type");
    if (grant == "refresh_token") {
        return value_of(params, "refresh_token") == options_.refresh_token
                   ? std::nullopt
                   : std::optional<std::string>{"invalid_code"};
    }
    if (grant != "client_credentials") {
        return "unsupported_grant_type";
    }
    if (value_of(params, "soid").empty()) {
        return "missing_org_info";
    }
    if (value_of(params, "soid") != options_.soid) {
        return "invalid_org";
    }
    const auto scopes = split_scopes(value_of(params, "scope"));
    const bool known = std::all_of(scopes.begin(), scopes.end(), [](const auto& scope) {
        return (scope.starts_with("zohocrm.") || scope.starts_with("zohosearch.")) &&
               std::count(scope.begin(), scope.end(), '.') >= 2;
    });
    if (scopes.empty() || !known) {
        return "invalid_scope";
    }
    return std::nullopt;
}

std::string OAuth::new_token() {
    std::string token = "1000.";
    for (int part = 0; part < 2; ++part) {
        for (int i = 0; i < 32; ++i) {
            token += "0123456789abcdef"[random_() % 16];
        }
        token += part == 0 ? "." : "";
    }
    return token;
}

Reply OAuth::issue(const std::multimap<std::string, std::string>& params) {
    const std::scoped_lock lock{mutex_};
    if (const auto problem = check(params)) {
        ++refused_;
        return json_reply({{"error", *problem}});
    }
    const Micros now = Clock::monotonic_micros();
    while (!issues_.empty() && now - issues_.front() > options_.token_window * 1'000'000LL) {
        issues_.pop_front();
    }
    if (issues_.size() >= static_cast<std::size_t>(options_.token_limit)) {
        ++refused_;
        return json_reply(
            {{"error_description",
              "You have made too many requests continuously. Please try again after some time."},
             {"error", "Access Denied"},
             {"status", "failure"}},
            options_.throttle_status);
    }
    issues_.push_back(now);
    ++total_;
    auto scope = value_of(params, "scope");
    if (scope.empty()) {
        scope = all_scopes;
    }
    const auto text = new_token();
    const Micros wall = clock_.now_micros();
    tokens_[text] = {split_scopes(scope), wall + options_.token_life * 1'000'000LL, wall};
    if (tokens_.size() > most_active_tokens) {
        tokens_.erase(
            std::min_element(tokens_.begin(), tokens_.end(), [](const auto& a, const auto& b) {
                return a.second.issued < b.second.issued;
            }));
    }
    std::replace(scope.begin(), scope.end(), ',', ' ');
    nlohmann::json body{{"access_token", text},
                        {"scope", scope},
                        {"api_domain", options_.api_domain},
                        {"token_type", "Bearer"},
                        {"expires_in", options_.token_life}};
    if (!expires_in_.empty()) {
        body["expires_in"] = nlohmann::json::parse(expires_in_);
    }
    return json_reply(body);
}

std::optional<Reply> OAuth::reject(const std::string& authorization,
                                   const std::vector<std::string>& scopes) {
    const auto blank = authorization.find(' ');
    const auto scheme = lower(authorization.substr(0, blank));
    if (blank == std::string::npos || (scheme != "zoho-oauthtoken" && scheme != "bearer")) {
        return error_reply(401, "AUTHENTICATION_FAILURE", {}, "Authentication failed");
    }
    const std::scoped_lock lock{mutex_};
    const auto token = tokens_.find(authorization.substr(blank + 1));
    if (token == tokens_.end() || token->second.expires <= clock_.now_micros()) {
        return error_reply(401, "INVALID_TOKEN", {}, "invalid oauth token");
    }
    const bool allowed = std::any_of(scopes.begin(), scopes.end(), [&](const auto& scope) {
        return token->second.scopes.contains(lower(scope));
    });
    if (!allowed) {
        return error_reply(
            401, "OAUTH_SCOPE_MISMATCH", {}, "invalid oauth scope to access this URL");
    }
    return std::nullopt;
}

void OAuth::revoke_all() {
    const std::scoped_lock lock{mutex_};
    tokens_.clear();
}

void OAuth::set_api_domain(const std::string& domain) {
    const std::scoped_lock lock{mutex_};
    options_.api_domain = domain;
}

void OAuth::set_throttle_status(int status) {
    const std::scoped_lock lock{mutex_};
    options_.throttle_status = status;
}

void OAuth::set_token_life(int seconds) {
    const std::scoped_lock lock{mutex_};
    options_.token_life = seconds;
}

void OAuth::set_token_limit(int limit) {
    const std::scoped_lock lock{mutex_};
    options_.token_limit = limit;
}

void OAuth::set_expires_in(const std::string& raw) {
    const std::scoped_lock lock{mutex_};
    expires_in_ = raw;
}

nlohmann::json OAuth::stats() {
    const std::scoped_lock lock{mutex_};
    const Micros window = options_.token_window * 1'000'000LL;
    const Micros now = Clock::monotonic_micros();
    const auto recent = std::count_if(
        issues_.begin(), issues_.end(), [&](Micros at) { return now - at <= window; });
    return {{"issued", total_},
            {"refused", refused_},
            {"issued_in_window", recent},
            {"active", tokens_.size()}};
}

} // namespace zohosim
