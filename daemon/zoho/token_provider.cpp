#include "daemon/zoho/token_provider.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/identifiers.hpp"
#include "daemon/core/text.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/metrics.hpp"
#include "daemon/runtime/pulse.hpp"
#include "daemon/zoho/auth_state.hpp"
#include "daemon/zoho/json_text.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

// Half of what Zoho allows, so that a second program with the same client still gets one (contract
// §9).
constexpr std::size_t max_token_requests = 5;
constexpr std::chrono::minutes token_window{10};
// Zoho counts when they arrive, and our file keeps whole seconds.
constexpr std::chrono::seconds counted_window = token_window + 2s;
// Renewed this long before the end, or after nine tenths of a short life.
constexpr std::chrono::seconds renew_before = 5min;
// What a life outside these bounds is taken for: some servers have mixed up seconds and
// milliseconds.
constexpr std::chrono::seconds shortest_life = 60s;
constexpr std::chrono::seconds longest_life = 24h;
constexpr std::chrono::seconds assumed_life = 10min;

std::string url_encoded(const std::string& text) {
    static constexpr char hex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
            out += c;
        } else {
            out += {'%', hex[byte >> 4U], hex[byte & 15U]};
        }
    }
    return out;
}

std::int64_t unix_seconds(std::chrono::system_clock::time_point time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

/// The nearest time that the clock can hold, since the number comes from a file.
std::chrono::system_clock::time_point from_unix(std::int64_t seconds) {
    constexpr std::int64_t last = 9'000'000'000; // In 2255; nanoseconds end in 2262.
    return std::chrono::system_clock::time_point(
        std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, last)));
}

/// Whether it can stand in a header: a line break would end that and begin another.
bool is_visible_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

/// "expires_in": a number or a number in quotes, in seconds.
std::chrono::seconds life_of(const nlohmann::json& reply) {
    const auto found = reply.find("expires_in");
    long long seconds = 0;
    if (found != reply.end() && found->is_number_integer()) {
        seconds = found->get<long long>();
    } else if (found != reply.end() && found->is_string()) {
        seconds = std::atoll(found->get<std::string>().c_str());
    }
    const std::chrono::seconds life{seconds};
    if (life >= shortest_life && life <= longest_life) {
        return life;
    }
    log::event(log::Level::warn,
               "token_life_implausible",
               {log::kv("error",
                        found == reply.end() ? "expires_in is missing"
                                             : "expires_in is not between a minute and a day"),
                log::kv("seconds", std::chrono::milliseconds(assumed_life))});
    return assumed_life;
}

std::string without_trailing_slash(std::string url) {
    while (!url.empty() && url.back() == '/') {
        url.pop_back();
    }
    return url;
}

bool is_loopback(const std::string& url) {
    constexpr std::string_view scheme = "http://";
    if (!url.starts_with(scheme)) {
        return false;
    }
    const std::string_view rest = std::string_view(url).substr(scheme.size());
    if (rest.starts_with("[::1]")) {
        return true;
    }
    const auto host = rest.substr(0, rest.find_first_of(":/"));
    // Only digits and dots: 127.example.com is somebody else's name.
    return host == "localhost" || (host.starts_with("127.") &&
                                   host.find_first_not_of("0123456789.") == std::string_view::npos);
}

constexpr std::array<std::pair<const char*, const char*>, 10> data_centers{{
    {"https://www.zohoapis.com", "us"},
    {"https://www.zohoapis.eu", "eu"},
    {"https://www.zohoapis.in", "in"},
    {"https://www.zohoapis.com.au", "au"},
    {"https://www.zohoapis.jp", "jp"},
    {"https://www.zohoapis.ca", "ca"},
    {"https://www.zohoapis.com.cn", "cn"},
    {"https://www.zohoapis.sa", "sa"},
    {"https://www.zohoapis.uk", "uk"},
    {"https://www.zohoapis.ae", "ae"},
}};

std::string advice_for(const std::string& api_domain) {
    for (const auto& [url, name] : data_centers) {
        if (api_domain == url) {
            return std::string("set `data_center: ") + name + "` in the connection";
        }
    }
    return "set accounts_url and api_domain of your organisation's data centre in the connection";
}

[[noreturn]] void refuse(const std::string& error, const std::string& accounts_url) {
    if (error == "Access Denied" || error == "access_denied") {
        throw SyncError(ErrorKind::token_throttled,
                        accounts_url + " gives no more access tokens for now (" + error +
                            "); waiting ten minutes")
            .with_zoho_code(error)
            .with_retry_after(token_window);
    }
    std::string advice = "check client_id, client_secret and soid";
    if (error == "invalid_client") {
        advice =
            "the client_id is unknown there: check it, and that accounts_url is the data centre of "
            "the Self Client";
    } else if (error == "invalid_client_secret") {
        advice = "check client_secret";
    } else if (error == "invalid_code") {
        advice = "the refresh_token is wrong or revoked: make a new one";
    } else if (error == "missing_org_info") {
        advice = "check soid: it reads ZohoCRM.<organisation id>";
    } else if (error == "invalid_scope") {
        advice = "the Self Client may not ask for these scopes: check inputs.scopes";
    }
    throw SyncError(ErrorKind::auth_refused,
                    accounts_url + " refused the credentials with \"" + error + "\": " + advice)
        .with_zoho_code(error);
}

/// A request that failed: what became of it, and how we stand now.
void note_failure(ErrorKind kind) {
    const bool is_refused = kind == ErrorKind::auth_refused || kind == ErrorKind::wrong_data_center;
    metrics::count(metrics::Metric::token_requests_total,
                   {{"outcome", is_refused ? "refused" : "failed"}});
    note_auth(is_refused ? AuthState::failed : AuthState::degraded);
}

} // namespace

TokenProvider::TokenProvider(const ZohoSettings& settings, RequestGate& gate, Clock& clock)
    : settings_(settings), gate_(gate), clock_(clock) {}

bool TokenProvider::is_usable() const {
    const auto margin = std::min(renew_before, life_ / 10);
    const auto now = clock_.wall_now();
    // A clock that was set back makes the token look unborn: then it is not trusted either.
    return !token_.empty() && now < obtained_ + life_ - margin && now >= obtained_ - 1min;
}

TokenProvider::Turn::Turn(TokenProvider& provider, const std::stop_token& stop)
    : provider_(provider) {
    const pulse::Rest rest;
    std::unique_lock lock(provider.mutex_);
    // Whoever has the turn may be in a token call of up to two minutes.
    if (!provider.turn_ended_.wait(lock, stop, [&provider] { return !provider.turn_is_taken_; })) {
        throw SyncError(ErrorKind::stopped, "stopped while waiting for an access token");
    }
    provider.turn_is_taken_ = true;
}

TokenProvider::Turn::~Turn() {
    const std::lock_guard lock(provider_.mutex_);
    provider_.turn_is_taken_ = false;
    provider_.turn_ended_.notify_one();
}

std::string TokenProvider::get(HttpTransport& transport, const std::stop_token& stop) {
    const Turn turn(*this, stop);
    ZOHOSYNCD_FAILPOINT("token.load");
    if (!file_is_read_) {
        load_file();
        file_is_read_ = true;
    }
    if (!is_usable()) {
        fetch(transport, stop);
    }
    return token_;
}

void TokenProvider::forget(const std::string& refused) {
    const Turn turn(*this, {});
    if (token_ == refused) {
        token_.clear();
        note_auth(AuthState::degraded);
        save_file();
    }
}

void TokenProvider::require_token_quota() {
    const auto now = clock_.wall_now();
    std::erase_if(requested_at_,
                  [&](WallTime time) { return time + counted_window <= now || time > now; });
    if (requested_at_.size() >= max_token_requests) {
        const auto wait = requested_at_.front() + counted_window - now;
        note_auth(AuthState::degraded);
        throw SyncError(
            ErrorKind::token_throttled,
            "five access tokens were asked for within ten minutes; waiting, because Zoho blocks "
            "a client after ten")
            .with_retry_after(std::chrono::duration_cast<std::chrono::milliseconds>(wait));
    }
}

HttpRequest TokenProvider::token_request() const {
    HttpRequest request;
    request.method = "POST";
    request.url = settings_.accounts_url + "/oauth/v2/token";
    request.headers = {"Content-Type: application/x-www-form-urlencoded",
                       "Accept: application/json"};
    // In the body, not in the query as Zoho's examples do: a URL ends up in access logs.
    request.body = "client_id=" + url_encoded(settings_.client_id.reveal()) +
                   "&client_secret=" + url_encoded(settings_.client_secret.reveal());
    if (!settings_.refresh_token.empty()) {
        request.body += "&grant_type=refresh_token&refresh_token=" +
                        url_encoded(settings_.refresh_token.reveal());
    } else {
        request.body += "&grant_type=client_credentials&scope=" + url_encoded(settings_.scopes) +
                        "&soid=" + url_encoded(settings_.soid);
    }
    return request;
}

void TokenProvider::fetch(HttpTransport& transport, const std::stop_token& stop) {
    require_token_quota();
    HttpResponse response;
    const auto permit = gate_.acquire(false, stop);
    requested_at_.push_back(clock_.wall_now());
    save_file();
    try {
        ZOHOSYNCD_FAILPOINT("token.request");
        transport.send(token_request(), response, stop);
        ZOHOSYNCD_FAILPOINT("token.reply");
        accept_reply(response);
        ZOHOSYNCD_FAILPOINT("token.accepted");
    } catch (const SyncError& error) {
        if (error.kind() == ErrorKind::unreachable) {
            requested_at_.pop_back(); // It never left, so Zoho did not count it.
            save_file();
        }
        if (error.kind() == ErrorKind::stopped) {
            throw;
        }
        note_failure(error.kind());
        gate_.pause({}); // While the permit is held: the others would use up the five at once.
        if (error.kind() == ErrorKind::network || error.kind() == ErrorKind::bad_response) {
            throw SyncError(ErrorKind::token_failed, std::string("access token: ") + error.what());
        }
        throw;
    }
    save_file();
}

void TokenProvider::accept_reply(const HttpResponse& response) {
    // The body decides, not the status: Zoho answers 200 to refused credentials (zoho-api-facts
    // §1.3). Only what comes with a 5xx is no verdict on them.
    const auto reply = nlohmann::json::parse(response.body, nullptr, false);
    if (response.status < 500 && reply.is_object() && !text_at(reply, "error").empty()) {
        is_refused_ = true;
        refuse(std::string(cut_utf8(text_at(reply, "error"), 60)), settings_.accounts_url);
    }
    const std::string token = reply.is_object() ? text_at(reply, "access_token") : std::string{};
    if (token.empty() || !is_visible_ascii(token)) {
        throw SyncError(ErrorKind::token_failed,
                        settings_.accounts_url + " answered " + std::to_string(response.status) +
                            " without an access token to a token request; is accounts_url right?")
            .with_http_status(response.status);
    }
    check_api_domain(text_at(reply, "api_domain"));
    token_ = token;
    is_refused_ = false;
    obtained_ = clock_.wall_now();
    life_ = life_of(reply);
    metrics::count(metrics::Metric::token_requests_total, {{"outcome", "ok"}});
    note_life();
    log::event(log::Level::info,
               "token_obtained",
               {log::kv("seconds", std::chrono::milliseconds(life_)),
                log::kv("requests", requested_at_.size())});
}

void TokenProvider::note_life() const {
    metrics::set(metrics::Metric::token_expires_timestamp_seconds,
                 {},
                 static_cast<double>(unix_seconds(obtained_ + life_)));
}

void TokenProvider::check_api_domain(const std::string& named) const {
    const std::string host = without_trailing_slash(named);
    if (host.empty() || host == settings_.api_domain || is_loopback(settings_.api_domain)) {
        return;
    }
    throw SyncError(ErrorKind::wrong_data_center,
                    "wrong data centre: " + settings_.accounts_url +
                        " says the organisation's API is at " + std::string(cut_utf8(host, 100)) +
                        ", but the connection names " + settings_.api_domain + "; " +
                        advice_for(host));
}

std::string TokenProvider::fingerprint() const {
    return sha256_hex(settings_.accounts_url + "\n" + settings_.client_id.reveal() + "\n" +
                      settings_.client_secret.reveal() + "\n" + settings_.refresh_token.reveal() +
                      "\n" + settings_.soid + "\n" + settings_.scopes);
}

void TokenProvider::load_file() {
    if (settings_.token_file.empty()) {
        return;
    }
    const int descriptor =
        open(settings_.token_file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) {
        return;
    }
    struct stat status{};
    fstat(descriptor, &status);
    std::string text(16384, '\0');
    const auto bytes = S_ISREG(status.st_mode) ? read(descriptor, text.data(), text.size()) : 0;
    close(descriptor);
    if ((status.st_mode & 077U) != 0) {
        throw SyncError(ErrorKind::unsafe_file,
                        settings_.token_file +
                            " can be read by others: chmod 600 it, or delete it");
    }
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)));
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object() || text_at(json, "client") != fingerprint()) {
        // As if there were none.
        log::event(
            log::Level::warn,
            "token_file_ignored",
            {log::kv("file", settings_.token_file),
             log::kv("error", json.is_object() ? "it is of other credentials" : "it is damaged")});
        return;
    }
    for (const auto& time : json.value("requested_at", nlohmann::json::array())) {
        if (time.is_number_integer()) {
            requested_at_.push_back(from_unix(time.get<std::int64_t>()));
        }
    }
    const auto obtained = json.find("obtained_at");
    const auto life = json.find("life");
    if (obtained != json.end() && obtained->is_number_integer() && life != json.end() &&
        life->is_number_integer()) {
        token_ = text_at(json, "access_token");
        if (!is_visible_ascii(token_)) {
            token_.clear();
        }
        obtained_ = from_unix(obtained->get<std::int64_t>());
        life_ = std::clamp(std::chrono::seconds(life->get<std::int64_t>()), 0s, longest_life);
        note_life();
    }
}

/// Best effort: without a file the daemon works, it only asks for a token at each start.
void TokenProvider::save_file() const {
    if (!settings_.token_file.empty() && !write_file()) {
        const std::string reason = std::strerror(errno);
        log::event(
            log::Level::warn,
            "token_not_kept",
            {log::kv("file", settings_.token_file),
             log::kv("error", reason),
             log::kv("hint", "each start asks for a token, and Zoho gives ten in ten minutes")});
    }
}

bool TokenProvider::write_file() const {
    nlohmann::json times = nlohmann::json::array();
    for (const auto time : requested_at_) {
        times.push_back(unix_seconds(time));
    }
    const std::string text = nlohmann::json{
        {"client", fingerprint()},
        {"access_token", token_},
        {"obtained_at", unix_seconds(obtained_)},
        {"life", life_.count()},
        {"requested_at", times}}.dump();
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(settings_.token_file).parent_path(),
                                        ignored);
    ZOHOSYNCD_FAILPOINT_OR("token.file.open", return false);
    const std::string temporary = settings_.token_file + ".new";
    const int descriptor =
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        return false;
    }
    ZOHOSYNCD_FAILPOINT_OR("token.file.write", (void)!close(descriptor); return false);
    const bool is_written =
        fchmod(descriptor, 0600) == 0 && // One left behind by somebody else may be readable.
        write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        fsync(descriptor) == 0;
    const int reason = errno;
    close(descriptor);
    errno = reason; // Of what failed first.
    if (!is_written) {
        return false;
    }
    ZOHOSYNCD_FAILPOINT_OR("token.file.rename", return false);
    const bool is_kept = rename(temporary.c_str(), settings_.token_file.c_str()) == 0;
    ZOHOSYNCD_FAILPOINT_OR("token.file.renamed", return false);
    return is_kept;
}

} // namespace zohosyncd
