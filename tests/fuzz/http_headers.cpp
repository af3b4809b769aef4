// A reply of the API as it comes over the wire: status line, header lines, an empty line, the body.

#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/zoho/api_errors.hpp"
#include "tests/fakes/zoho_client.hpp"
#include "tests/fuzz/properties.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <string>

namespace zohosyncd::fuzz {
namespace {

using namespace std::chrono_literals;

struct Reply {
    long status = 200;
    HttpResponse response;
};

Reply read_reply(std::string_view text) {
    Reply reply;
    const std::string first(take_line(text));
    const auto blank = std::min(first.find(' '), first.size());
    const long status = std::strtol(first.c_str() + blank, nullptr, 10);
    reply.status = status >= 100 && status <= 999 ? status : 200;
    add_header_line(reply.response, first);
    while (!text.empty()) {
        const auto line = take_line(text);
        if (line.empty() || line == "\r") {
            break;
        }
        add_header_line(reply.response, line);
    }
    reply.response.body = text;
    return reply;
}

/// By the C library, which writes the date that the text must be.
std::optional<std::chrono::sys_seconds> reference_date(const std::string& text) {
    std::tm civil{};
    if (::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &civil) == nullptr) {
        return std::nullopt;
    }
    const std::time_t time = timegm(&civil);
    char written[64];
    std::tm again{};
    gmtime_r(&time, &again);
    std::strftime(written, sizeof written, "%a, %d %b %Y %H:%M:%S GMT", &again);
    if (text != written) {
        return std::nullopt;
    }
    return std::chrono::sys_seconds(std::chrono::seconds(time));
}

void check_date(const std::optional<std::chrono::sys_seconds>& date, const std::string& header) {
    const auto wanted = reference_date(header);
    const bool is_near =
        wanted && std::chrono::abs(*wanted - fakes::ManualClock::wall_begin) <= 300s;
    if (date) {
        ensure(std::chrono::abs(*date - fakes::ManualClock::wall_begin) <= 300s,
               "a date far from our clock is not believed");
        ensure(header.substr(23, 2) == "60" || date == wanted, "a date is the one in the header");
    } else {
        ensure(!is_near, "a date near our clock is believed");
    }
}

void check_kind(long status, const std::string& body, ErrorKind kind) {
    const auto code = read_error_body(body).code;
    ensure(status != 200 || kind == ErrorKind::bad_response, "200 fails for its body only");
    ensure(status != 204 && status != 304, "204 and 304 never fail");
    if (!code.empty() || status == 200) {
        return;
    }
    const auto wanted = status == 401   ? ErrorKind::unauthorized
                        : status == 403 ? ErrorKind::denied
                        : status == 429 ? ErrorKind::rate_limited
                        : status >= 500 ? ErrorKind::server_error
                                        : ErrorKind::bad_response;
    ensure(kind == wanted, "without a code the status decides");
}

void check_wait(const SyncError& error, const std::string& header) {
    ensure(error.retry_after() >= 0ms && error.retry_after() <= 1h, "a wait is at most an hour");
    const bool is_small = !header.empty() && header.size() <= 3 &&
                          header.find_first_not_of("0123456789") == std::string::npos;
    ensure(!is_small || error.http_status() == 200 ||
               error.retry_after() == std::chrono::seconds(std::stol(header)),
           "Retry-After is honoured");
}

void check_reply(const Reply& reply) {
    const auto& headers = reply.response.headers;
    for (const auto& [name, value] : headers) {
        ensure(std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }),
               "a header's name is in lower case");
        ensure(value.empty() ||
                   (value.front() != ' ' && value.back() != ' ' && value.back() != '\r'),
               "a header's value has no white space around it");
    }
    fakes::ZohoClient zoho;
    zoho.script.reply(reply.status, reply.response.body, headers);
    zoho.script.reply(reply.status, reply.response.body, headers);
    try {
        const auto got = zoho.api.get({"/Leads", {}, {}}, zoho.stop.get_token());
        ensure(got.status == 200 || got.status == 204 || got.status == 304,
               "only these are answers");
        ensure(!got.has_body() || got.body->find('{') != std::string::npos, "a body is an object");
        check_date(got.date, reply.response.header("date"));
        ensure(zoho.script.replies_left() == 1, "an answer is asked for once");
    } catch (const SyncError& error) {
        check_kind(reply.status, reply.response.body, error.kind());
        check_wait(error, reply.response.header("retry-after"));
        ensure(zoho.script.replies_left() == (error.kind() == ErrorKind::unauthorized ? 0 : 1),
               "only a refused token is tried again, once");
        ensure(std::string(error.what()).size() < 1000, "an error is a sentence or two");
    }
}

} // namespace
} // namespace zohosyncd::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    zohosyncd::log::configure(zohosyncd::log::Level::off, zohosyncd::log::Format::text);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    zohosyncd::fuzz::check_reply(zohosyncd::fuzz::read_reply(zohosyncd::fuzz::as_text(data, size)));
    return 0;
}
