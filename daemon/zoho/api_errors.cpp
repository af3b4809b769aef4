#include "daemon/zoho/api_errors.hpp"

#include "daemon/zoho/json_text.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <string_view>
#include <utility>

namespace zohosyncd {
namespace {

// Sources: zoho-api-facts §1.4, §3.5, §7, §11.4.
constexpr std::array<std::pair<std::string_view, ErrorKind>, 18> by_code{{
    {"INVALID_TOKEN", ErrorKind::unauthorized},
    {"INVALID_OAUTHTOKEN", ErrorKind::unauthorized},
    {"AUTHENTICATION_FAILURE", ErrorKind::unauthorized},
    {"OAUTH_SCOPE_MISMATCH", ErrorKind::denied},
    {"NO_PERMISSION", ErrorKind::denied},
    {"AUTHORIZATION_FAILED", ErrorKind::denied},
    {"FEATURE_NOT_ENABLED", ErrorKind::denied},
    {"FEATURE_NOT_SUPPORTED", ErrorKind::denied},
    {"NOT_SUPPORTED", ErrorKind::denied},
    {"INVALID_MODULE", ErrorKind::unknown_module},
    {"TOO_MANY_REQUESTS", ErrorKind::rate_limited},
    {"API_LIMIT_EXCEEDED", ErrorKind::rate_limited},
    {"TOKEN_BOUND_DATA_MISMATCH", ErrorKind::token_expired_page},
    {"EXPIRED_VALUE", ErrorKind::token_expired_page},
    {"INTERNAL_ERROR", ErrorKind::server_error},
    {"INTERNAL_SERVER_ERROR", ErrorKind::server_error},
    {"INVALID_URL_PATTERN", ErrorKind::bad_response},
    {"INVALID_REQUEST_METHOD", ErrorKind::bad_response},
}};

} // namespace

ApiErrorBody read_error_body(const std::string& body) {
    const auto json = nlohmann::json::parse(body, nullptr, false);
    if (!json.is_object()) {
        return {};
    }
    const nlohmann::json* error = &json;
    const auto data = json.find("data");
    if (data != json.end() && data->is_array() && !data->empty() && data->front().is_object()) {
        error = &data->front();
    }
    return {text_at(*error, "code"), text_at(*error, "message")};
}

std::optional<ErrorKind> classify(long status, const std::string& code) {
    if (status == 200 || status == 204 || status == 304) {
        return std::nullopt;
    }
    for (const auto& [known, kind] : by_code) {
        if (known == code) {
            return kind;
        }
    }
    if (status == 401) {
        return ErrorKind::unauthorized;
    }
    if (status == 403) {
        return ErrorKind::denied;
    }
    if (status == 429) {
        return ErrorKind::rate_limited;
    }
    if (status >= 500) {
        return ErrorKind::server_error;
    }
    return ErrorKind::bad_response;
}

bool says_gone(const SyncError& error) {
    return error.zoho_code() == "INVALID_DATA" ||
           (error.http_status() == 404 && error.zoho_code().empty());
}

} // namespace zohosyncd
