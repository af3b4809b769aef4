#include "daemon/status/answers.hpp"

#include "daemon/core/time.hpp"
#include "daemon/status/gauges.hpp"
#include "daemon/status/judgement.hpp"
#include "daemon/status/page_files.hpp"
#include "daemon/status/status_json.hpp"

#include <nlohmann/json.hpp>

#include <charconv>

namespace zohosyncd {
namespace {

using nlohmann::json;

constexpr const char* json_type = "application/json; charset=utf-8";

bool is_allowed(const StatusAccess& access, const std::string& authorization) {
    constexpr std::string_view scheme = "Bearer ";
    return access.token.empty() ||
           (authorization.starts_with(scheme) &&
            access.token.matches(std::string_view(authorization).substr(scheme.size())));
}

bool is_digits_and_dots(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

/// Names that only this machine can have. A request without Host is from no browser.
bool is_loopback_name(std::string_view host) {
    const auto colon = host.rfind(':');
    const bool has_port = colon != std::string_view::npos && host.find(']', colon) == host.npos;
    const auto name = has_port ? host.substr(0, colon) : host;
    return name.empty() || name == "localhost" || name == "[::1]" ||
           (name.starts_with("127.") && is_digits_and_dots(name));
}

StatusAnswer verdict_answer(const Verdict& verdict) {
    std::string text = verdict.is_good ? "ok\n" : "";
    for (const auto& reason : verdict.reasons) {
        text += reason + "\n";
    }
    return {verdict.is_good ? 200 : 503, "text/plain; charset=utf-8", text, {}};
}

StatusAnswer refusal(int code, const std::string& text) {
    return {code, "text/plain; charset=utf-8", text + "\n", {}};
}

std::vector<std::string> names_in(const std::string& list) {
    std::vector<std::string> names;
    for (std::size_t begin = 0; begin < list.size();) {
        const auto end = std::min(list.find(',', begin), list.size());
        if (end > begin) {
            names.push_back(list.substr(begin, end - begin));
        }
        begin = end + 1;
    }
    return names;
}

/// 600 or 10m.
std::optional<std::chrono::seconds> age_in(const std::string& text) {
    unsigned seconds = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, seconds);
    if (error == std::errc{} && stop == end) {
        return std::chrono::seconds(seconds);
    }
    return parse_duration(text);
}

void add_safety(StatusAnswer& answer) {
    for (const auto& [name, value] :
         {std::pair{"Content-Security-Policy",
                    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
          std::pair{"X-Content-Type-Options", "nosniff"},
          std::pair{"X-Frame-Options", "DENY"},
          std::pair{"Referrer-Policy", "no-referrer"},
          std::pair{"Cross-Origin-Resource-Policy", "same-origin"},
          std::pair{"Cache-Control", "no-store"}}) {
        answer.headers.emplace_back(name, value);
    }
}

} // namespace

StatusAnswers::StatusAnswers(const StatusStore& store, StatusAccess access, std::string version)
    : store_(store), access_(std::move(access)), version_(std::move(version)) {}

StatusAnswer StatusAnswers::answer(const StatusRequest& request) const {
    StatusAnswer answer;
    if (request.method != "GET") {
        answer = refusal(405, "only GET");
        answer.headers.emplace_back("Allow", "GET");
    } else if (access_.is_loopback && !is_loopback_name(request.host)) {
        answer = refusal(421,
                         "this address answers to localhost and 127.0.0.1 only; a proxy in front "
                         "has to send such a Host header");
    } else if (const auto* file = page_file(request.path)) {
        answer = {200, file->content_type, std::string(file->content), {}};
    } else if (request.path == "/livez") {
        answer = verdict_answer(is_live(store_.view()));
    } else if (!is_allowed(access_, request.authorization)) {
        answer = refusal(401, "send the header: Authorization: Bearer and the token");
        answer.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"zohosyncd\"");
    } else {
        answer = answer_data(request);
    }
    add_safety(answer);
    return answer;
}

StatusAnswer StatusAnswers::answer_data(const StatusRequest& request) const {
    if (request.path == "/readyz") {
        return verdict_answer(is_ready(store_.view()));
    }
    if (request.path == "/freshz") {
        return answer_fresh(request);
    }
    if (request.path == "/metrics") {
        const auto gauges = gauges_of(store_.view(), version_);
        return {200, "text/plain; version=0.0.4; charset=utf-8", metrics::text(gauges), {}};
    }
    if (request.path == "/api/status") {
        return {200, json_type, status_json(store_.view(), version_), {}};
    }
    return refusal(404, "there are /, /metrics, /livez, /readyz, /freshz?max=600 and /api/status");
}

StatusAnswer StatusAnswers::answer_fresh(const StatusRequest& request) const {
    std::optional<std::chrono::seconds> most;
    if (const auto max = request.query.find("max"); max != request.query.end()) {
        most = age_in(max->second);
        if (!most) {
            return refusal(400, "max: expected seconds or a duration, such as 600 or 10m");
        }
    }
    const auto chosen = request.query.find("streams");
    const auto only =
        chosen == request.query.end() ? std::vector<std::string>{} : names_in(chosen->second);
    const auto view = store_.view();
    const auto verdict = is_fresh(view, most, only);
    json ages = json::object();
    for (const auto& line : lines_of(view)) {
        const auto age = freshness(line, view);
        ages[line.plan->stream] = age ? json(age->count()) : json();
    }
    const json body{{"fresh", verdict.is_good},
                    {"max_seconds", most ? json(most->count()) : json()},
                    {"freshness_seconds", ages},
                    {"reasons", verdict.reasons}};
    return {verdict.is_good ? 200 : 503,
            json_type,
            body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n",
            {}};
}

} // namespace zohosyncd
