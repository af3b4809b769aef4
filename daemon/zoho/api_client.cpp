#include "daemon/zoho/api_client.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/text.hpp"
#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/metrics.hpp"
#include "daemon/runtime/pulse.hpp"
#include "daemon/zoho/api_errors.hpp"
#include "daemon/zoho/auth_state.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

namespace zohosyncd {
namespace {

constexpr long too_many_requests = 429;
constexpr std::chrono::seconds longest_retry_after = std::chrono::hours(1);

std::chrono::milliseconds retry_after_of(const HttpResponse& response) {
    const std::string header = response.header("retry-after");
    const long seconds = std::atol(header.c_str());
    return std::clamp(std::chrono::seconds(seconds), std::chrono::seconds(0), longest_retry_after);
}

std::string advice_for(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::unauthorized:
        return "a new token was refused too: check the data centre and the Self Client's scopes";
    case ErrorKind::denied:
        return "give the Self Client's user and scopes access to it, or disable the stream";
    case ErrorKind::unknown_module:
        return "check the stream's name, and that the user may see the module";
    case ErrorKind::rate_limited:
        return "waiting; if it lasts, lower inputs.rate or inputs.concurrency";
    default:
        return "trying again later";
    }
}

/// A label: what is asked for, never of whom.
const char* class_of(std::string_view path) {
    const auto last = path.substr(path.rfind('/') + 1);
    const bool ends_in_number = !last.empty() && std::all_of(last.begin(), last.end(), [](char c) {
        return c >= '0' && c <= '9';
    });
    if (path.starts_with("/settings/") || path == "/org") {
        return "metadata";
    }
    if (path == "/users") {
        return "users";
    }
    if (last == "deleted") {
        return "deleted";
    }
    if (last == "count") {
        return "count";
    }
    return ends_in_number ? "record" : "list";
}

void count_request(const ApiRequest& request,
                   std::string outcome,
                   std::chrono::duration<double> took) {
    const char* endpoint = class_of(request.path);
    metrics::count(metrics::Metric::http_requests_total,
                   {{"endpoint", endpoint}, {"outcome", std::move(outcome)}});
    metrics::observe(metrics::Metric::http_request_seconds, {{"endpoint", endpoint}}, took);
}

std::string outcome_of(const HttpResponse& response) {
    const auto kind = response.status == 200
                          ? std::nullopt
                          : classify(response.status, read_error_body(response.body).code);
    return kind ? to_string(*kind) : std::to_string(response.status);
}

} // namespace

std::string query_encoded(const std::string& text) {
    static constexpr char hex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 ||
            std::string_view("-_.~,").find(c) != std::string_view::npos) {
            out += c;
        } else {
            out += {'%', hex[byte >> 4U], hex[byte & 15U]};
        }
    }
    return out;
}

ApiClient::ApiClient(const ZohoSettings& settings,
                     TokenProvider& tokens,
                     RequestGate& gate,
                     Clock& clock,
                     std::unique_ptr<HttpTransport> transport)
    : settings_(settings), tokens_(tokens), gate_(gate), clock_(clock),
      transport_(std::move(transport)) {}

void ApiClient::send(const ApiRequest& request,
                     const std::string& token,
                     const std::stop_token& stop) {
    HttpRequest http;
    http.url = settings_.api_domain + "/crm/" + settings_.api_version + request.path;
    char separator = '?';
    for (const auto& [name, value] : request.query) {
        http.url += separator + name + "=" + query_encoded(value);
        separator = '&';
    }
    http.headers = {"Authorization: Zoho-oauthtoken " + token, "Accept: application/json"};
    if (request.modified_since) {
        http.headers.push_back("If-Modified-Since: " + format_header(*request.modified_since));
    }
    const auto permit = gate_.acquire(true, stop);
    ++requests_sent_;
    const auto begun = clock_.now();
    try {
        ZOHOSYNCD_FAILPOINT("request.permitted");
        transport_->send(http, response_, stop);
        ZOHOSYNCD_FAILPOINT("request.sent");
    } catch (const SyncError& error) {
        count_request(request, to_string(error.kind()), clock_.now() - begun);
        if (reaction_to(error.kind()) == Reaction::pause_organisation) {
            gate_.pause({}); // Before the permit goes back, or others would still be let out.
        }
        throw;
    }
    count_request(request, outcome_of(response_), clock_.now() - begun);
    note_credits_remaining();
    if (response_.status == too_many_requests) {
        gate_.pause(retry_after_of(response_));
    }
}

/// Zoho sends it once half of the day's credits are spent, and not with a 401 (zoho-api-facts
/// §11.4).
void ApiClient::note_credits_remaining() {
    constexpr long unauthorized = 401;
    const std::string header = response_.header("x-api-credits-remaining");
    std::uint64_t remaining = 0;
    const auto [end, error] =
        std::from_chars(header.data(), header.data() + header.size(), remaining);
    const bool is_number = error == std::errc{} && end == header.data() + header.size();
    if (is_number) {
        gate_.believe_remaining(remaining);
    } else if (header.empty() && response_.status < 500 && response_.status != unauthorized) {
        gate_.believe_remaining(std::nullopt);
    }
}

ApiReply ApiClient::get(const ApiRequest& request, const std::stop_token& stop) {
    before_each_();
    for (int attempt = 1;; ++attempt) {
        const std::string token = tokens_.get(*transport_, stop);
        send(request, token, stop);
        pulse::sign();
        const auto kind = response_.status == 200
                              ? std::nullopt
                              : classify(response_.status, read_error_body(response_.body).code);
        if (!kind) {
            break;
        }
        if (*kind != ErrorKind::unauthorized || attempt == 2) {
            if (reaction_to(*kind) != Reaction::pause_organisation) {
                gate_.succeeded(); // Zoho answers; only this request is wrong.
            }
            if (*kind == ErrorKind::unauthorized) {
                note_auth(AuthState::failed);
            }
            fail(request);
        }
        metrics::count(metrics::Metric::retries_total, {{"reason", "token_refused"}});
        log::event(log::Level::info,
                   "token_refused",
                   {log::kv("http_status", response_.status),
                    log::kv("zoho_code", read_error_body(response_.body).code)});
        tokens_.forget(token);
    }
    gate_.succeeded();
    note_auth(AuthState::ok);
    ZOHOSYNCD_FAILPOINT("request.answered");
    ApiReply reply{
        response_.status, parse_http_date(response_.header("date")), {}, &response_.body};
    const auto wall = clock_.wall_seconds();
    if (reply.date) {
        reply.skew = *reply.date - wall;
    }
    if (!reply.date) {
        warn_of_missing_date();
    } else if (gate_.note_clock_skew(*reply.date - wall);
               std::chrono::abs(*reply.date - wall) > settings_.date_tolerance) {
        warn_of_skew(*reply.date - wall);
        reply.date.reset();
    }
    if (reply.has_body()) {
        require_json();
    }
    return reply;
}

void ApiClient::warn_of_skew(std::chrono::seconds skew) {
    if (has_warned_of_skew_) {
        return;
    }
    has_warned_of_skew_ = true;
    log::event(
        log::Level::warn,
        "clock_skew",
        {log::kv("seconds", skew.count()),
         log::kv("hint",
                 "Zoho's Date is too far from this machine's clock to be believed: marks fall "
                 "back on Modified_Time; check NTP")});
}

void ApiClient::warn_of_missing_date() {
    if (has_warned_of_missing_date_) {
        return;
    }
    has_warned_of_missing_date_ = true;
    log::event(log::Level::warn,
               "date_missing",
               {log::kv("hint",
                        "a reply has no Date header that can be read: marks fall back on "
                        "Modified_Time; is a proxy in between?")});
}

/// A login page or a proxy's notice also comes with 200.
void ApiClient::require_json() const {
    const auto begin = response_.body.find_first_not_of(" \t\r\n");
    if (begin == std::string::npos || response_.body[begin] != '{') {
        throw SyncError(
            ErrorKind::bad_response,
            settings_.api_domain + " answered 200 with something that is no JSON object (" +
                std::to_string(response_.body.size()) + " bytes, content type \"" +
                response_.header("content-type").substr(0, 60) + "\"): is a proxy in between?")
            .with_http_status(200);
    }
}

void ApiClient::fail(const ApiRequest& request) const {
    const ApiErrorBody error = read_error_body(response_.body);
    const ErrorKind kind = classify(response_.status, error.code).value_or(ErrorKind::bad_response);
    std::string message =
        "GET " + request.path + " was answered with " + std::to_string(response_.status);
    if (!error.code.empty()) {
        message += " " + std::string(cut_utf8(error.code, 60));
        if (!error.message.empty()) {
            message += " (" + std::string(cut_utf8(error.message, 160)) + ")";
        }
    }
    throw SyncError(kind, message + ": " + advice_for(kind))
        .with_http_status(response_.status)
        .with_zoho_code(error.code)
        .with_retry_after(retry_after_of(response_));
}

} // namespace zohosyncd
