// Token replies and the token file. The first line is the reply's status, or "file": then the rest
// is what the token file held when the process started.

#include "daemon/core/errors.hpp"
#include "daemon/zoho/token_provider.hpp"
#include "tests/fakes/zoho_client.hpp"
#include "tests/fuzz/properties.hpp"
#include "tests/fuzz/work_directory.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>

namespace zohosyncd::fuzz {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

struct Outcome {
    std::optional<std::string> token;
    std::optional<ErrorKind> kind;
};

Outcome get(TokenProvider& tokens, fakes::ZohoClient& zoho) {
    fakes::ScriptedTransport transport(zoho.script);
    try {
        return {tokens.get(transport, zoho.stop.get_token()), {}};
    } catch (const SyncError& error) {
        const std::string message = error.what();
        ensure(!message.empty() && message.size() < 1000, "a refusal says so in a sentence or two");
        ensure(message.find("hush&secret") == std::string::npos, "a refusal shows no secret");
        ensure(error.retry_after() >= 0ms && error.retry_after() <= 1h, "a wait is bounded");
        return {{}, error.kind()};
    }
}

/// It goes into a header line.
bool is_header_text(const std::string& token) {
    return !token.empty() &&
           std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

void check_reply(long status, const std::string& body) {
    fakes::ZohoClient zoho;
    zoho.script.reply_to_token(status, body);
    const auto outcome = get(zoho.tokens, zoho);
    const auto reply = json::parse(body, nullptr, false);
    const auto said = [&reply](const char* key) {
        const auto found = reply.is_object() ? reply.find(key) : reply.end();
        return reply.is_object() && found != reply.end() && found->is_string()
                   ? found->get<std::string>()
                   : std::string{};
    };
    if (outcome.token) {
        ensure(*outcome.token == said("access_token"), "the token is the one in the reply");
        ensure(is_header_text(*outcome.token), "a token can stand in a header");
        ensure(status >= 500 || said("error").empty(), "an error is no token");
        const auto host = said("api_domain");
        ensure(host.empty() || host.starts_with(zoho.settings.api_domain),
               "no other host is taken");
    } else {
        ensure(outcome.kind == ErrorKind::auth_refused ||
                   outcome.kind == ErrorKind::token_throttled ||
                   outcome.kind == ErrorKind::token_failed ||
                   outcome.kind == ErrorKind::wrong_data_center,
               "a refusal has the kind of one");
        ensure(outcome.kind != ErrorKind::auth_refused || !said("error").empty(),
               "credentials are refused only where the reply says so");
    }
    // However long the reply says that it lives.
    zoho.clock.advance(24h);
    const auto requests = zoho.script.token_requests().size();
    (void)get(zoho.tokens, zoho);
    ensure(zoho.script.token_requests().size() == requests + 1, "no token is used for a day");
}

/// Who the file belongs to is a hash of the credentials; a first provider tells it.
const std::string& client_of_file(const WorkDirectory& work) {
    static const std::string client = [&work] {
        fakes::ZohoClient zoho;
        zoho.settings.token_file = work.path("token-of-first.json");
        (void)get(zoho.tokens, zoho);
        return json::parse(work.read("token-of-first.json")).at("client").get<std::string>();
    }();
    return client;
}

void check_file(std::string text) {
    static const WorkDirectory work;
    auto content = json::parse(text, nullptr, false);
    if (content.is_object()) {
        content["client"] = client_of_file(work);
        text = content.dump();
    }
    work.write("token.json", text);
    fakes::ZohoClient zoho;
    zoho.settings.token_file = work.path("token.json");
    const auto outcome = get(zoho.tokens, zoho);
    const auto asked = zoho.script.token_requests().size();
    ensure(asked <= 1, "one token is asked for once");
    if (outcome.token) {
        ensure(is_header_text(*outcome.token), "a token of the file can stand in a header");
        ensure(asked == 1 || (content.is_object() && content["access_token"] == *outcome.token),
               "a token comes from the file or from Zoho");
    } else {
        ensure(outcome.kind == ErrorKind::token_throttled, "a bad file is as good as none");
        ensure(content.at("requested_at").size() >= 5, "only five noted requests hold up the next");
    }
    zoho.clock.advance(24h);
    (void)get(zoho.tokens, zoho);
    ensure(zoho.script.token_requests().size() == asked + 1,
           "no token of a file is used for a day");
}

} // namespace
} // namespace zohosyncd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace zohosyncd::fuzz;
    auto text = as_text(data, size);
    const std::string first(take_line(text));
    if (first == "file") {
        check_file(std::string(text));
    } else {
        const long status = std::strtol(first.c_str(), nullptr, 10);
        check_reply(status >= 100 && status <= 599 ? status : 200, std::string(text));
    }
    return 0;
}
