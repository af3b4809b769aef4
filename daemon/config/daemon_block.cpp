#include "daemon/config/daemon_block.hpp"

#include "daemon/config/files.hpp"
#include "daemon/config/stream_block.hpp"
#include "daemon/config/words.hpp"
#include "daemon/core/time.hpp"

#include <charconv>
#include <cmath>

namespace zohosyncd {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;

constexpr std::size_t longest_name = 63;         // PostgreSQL's NAMEDATALEN - 1.
constexpr std::size_t longest_socket_path = 107; // sockaddr_un::sun_path less its NUL.

/// The word for "not at all": YAML makes a boolean of an unquoted `off`, which is fine here.
bool is_off(std::string_view text) {
    const auto word = lower(trim(text));
    return word == "off" || word == "false" || word == "no";
}

bool is_loopback_host(std::string_view host) {
    return host == "localhost" || host == "[::1]" ||
           (host.starts_with("127.") &&
            host.find_first_not_of("0123456789.") == std::string_view::npos);
}

class DaemonReader {
public:
    DaemonReader(const Block& block, const Environment& environment)
        : block_(block), environment_(environment) {}

    DaemonConfig read() {
        block_.check(daemon_keys());
        read_token_file();
        read_listen();
        read_state_schema();
        result_.overlap = duration("overlap", result_.overlap, seconds(0), days(1));
        result_.metadata = duration("metadata", result_.metadata, seconds(1), days(7));
        read_details();
        if (const auto credits = block_.block("credits")) {
            credits->check(credits_keys());
            read_credits(*credits);
        }
        result_.verify = schedule_or_off("verify", result_.verify);
        result_.formulas = schedule_or_off("formulas", result_.formulas);
        if (const auto path = value("state_dir"); !path.empty()) {
            result_.state_dir = absolute_path(path, environment_.working_directory);
        }
        return std::move(result_);
    }

private:
    [[nodiscard]] std::string value(std::string_view key) const {
        return std::string(trim(block_.text(key).value_or("")));
    }

    void read_token_file() {
        if (const auto path = value("token_file"); !path.empty()) {
            result_.token_file = absolute_path(path, environment_.working_directory);
            const auto token = resolve_secret("file:" + result_.token_file,
                                              block_.file(),
                                              block_.find("token_file")->line,
                                              block_.path_of("token_file"),
                                              environment_,
                                              block_.problems());
            if (token && trim(*token).empty()) {
                block_.error("token_file", "the file is empty; it has to hold a token");
            }
            result_.status_token = Secret(std::string(trim(token.value_or(""))));
        }
    }

    void read_listen() {
        const auto text = value("listen");
        if (text.empty()) {
            return;
        }
        result_.listen = is_off(text) ? "off" : text;
        constexpr std::string_view unix_prefix = "unix:";
        if (result_.listen == "off") {
            return;
        }
        if (text.starts_with(unix_prefix)) {
            const auto path = text.substr(unix_prefix.size());
            if (!path.starts_with('/') || path.size() > longest_socket_path) {
                block_.error("listen", "expected unix: and an absolute path of up to 107 bytes");
            }
            return;
        }
        read_address(text);
    }

    void read_address(const std::string& text) {
        const auto colon = text.rfind(':');
        const auto host = text.substr(0, colon);
        unsigned port = 0;
        const char* begin = text.data() + (colon == std::string::npos ? 0 : colon + 1);
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(begin, end, port);
        const bool is_bare_ipv6 = host.find(':') != std::string::npos && !host.starts_with('[');
        if (colon == std::string::npos || host.empty() || begin == end || error != std::errc{} ||
            stop != end || port > 65535 || is_bare_ipv6 ||
            host.find_first_of("/ ") != std::string::npos) {
            block_.error("listen", "expected host:port, unix:/path or off");
        } else if (!is_loopback_host(host) && result_.token_file.empty()) {
            block_.error("listen",
                         "an address beyond loopback needs a bearer token: set daemon.token_file");
        }
    }

    void read_state_schema() {
        const auto name = value("state_schema");
        if (name.empty()) {
            return;
        }
        if (!is_plain_identifier(name) || name.size() > longest_name ||
            lower(name).starts_with("pg_")) {
            block_.error("state_schema",
                         "expected a name of letters, digits and _, up to 63, not pg_…");
        }
        result_.state_schema = name;
    }

    seconds duration(std::string_view key, seconds fallback, seconds least, seconds most) const {
        const auto text = value(key);
        if (text.empty()) {
            return fallback;
        }
        const auto result = parse_duration(text);
        if (!result || *result < least || *result > most) {
            block_.error(key,
                         "expected a duration such as 5m, from " + format_duration(least) + " to " +
                             format_duration(most));
            return fallback;
        }
        return *result;
    }

    void read_details() {
        const auto text = value("details");
        if (text == "line_items" || text == "all") {
            result_.details = text;
        } else if (!text.empty() && !is_off(text)) {
            block_.error("details", "expected off, line_items or all");
        }
    }

    [[nodiscard]] std::string schedule_or_off(std::string_view key, std::string fallback) const {
        const auto text = value(key);
        if (text.empty()) {
            return fallback;
        }
        if (is_off(text)) {
            return "off";
        }
        std::string reason;
        if (!parse_schedule(text, reason)) {
            block_.error(key, reason);
        }
        return text;
    }

    void read_credits(const Block& credits) {
        result_.credits.daily = credits.integer("daily");
        if (result_.credits.daily == 0U) {
            credits.error("daily", "expected a whole number from 1");
        }
        const std::string text(trim(credits.text("reserve").value_or("")));
        if (text.empty()) {
            return;
        }
        const bool is_percent = text.ends_with('%');
        double share = 0;
        const char* end = text.data() + text.size() - (is_percent ? 1 : 0);
        const auto [stop, error] = std::from_chars(text.data(), end, share);
        share = is_percent ? share / 100 : share;
        if (error != std::errc{} || stop != end || !std::isfinite(share) || share < 0 ||
            share >= 1) {
            credits.error("reserve", "expected a share such as 30% or 0.3, below 100%");
            return;
        }
        result_.credits.reserve = share;
    }

    Block block_;
    const Environment& environment_;
    DaemonConfig result_;
};

std::string default_state_dir(const Environment& environment) {
    const auto variable = [&](const char* name) -> std::string {
        const auto found = environment.variables.find(name);
        return found != environment.variables.end() ? found->second : "";
    };
    if (const auto directories = split(variable("STATE_DIRECTORY"), ':'); !directories.empty()) {
        return directories.front();
    }
    const auto home = variable("HOME");
    return home.empty() ? "" : home + "/.local/state/zohosyncd";
}

} // namespace

DaemonConfig
read_daemon_block(const Block* block, const Environment& environment, Problems& problems) {
    DaemonConfig result;
    if (block != nullptr) {
        result = DaemonReader(*block, environment).read();
    }
    if (result.state_dir.empty()) {
        result.state_dir = default_state_dir(environment);
    }
    if (result.state_dir.empty()) {
        problems.error("",
                       0,
                       "daemon.state_dir",
                       "neither $STATE_DIRECTORY nor $HOME is set; set `state_dir`");
    }
    return result;
}

} // namespace zohosyncd
