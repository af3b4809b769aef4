#include "daemon/config/connections.hpp"
#include "daemon/config/files.hpp"
#include "daemon/config/keys.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>

namespace zohosyncd {
namespace {

std::optional<std::uint64_t> number_from(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(number)
                                                                    : std::nullopt;
}

/// The first of several spellings that holds something.
std::string first_of(const Block& block, std::initializer_list<std::string_view> keys) {
    for (const auto key : keys) {
        if (const auto value = block.text(key); value && !value->empty()) {
            return *value;
        }
    }
    return {};
}

/// A socket, this machine, or a name without a dot, as containers have in a network of their own.
bool is_nearby(std::string_view host) {
    return host.starts_with('/') || host.starts_with('@') || host.starts_with("127.") ||
           host == "::1" || host.find_first_of(".:") == std::string_view::npos;
}

/// Explicit properties win over the URL's parts.
std::optional<Node>
with_url_parts(const RawConnection& raw, const Environment& environment, Problems& problems) {
    const auto* url = raw.properties.find("url");
    if (url == nullptr || is_nothing(url->value)) {
        return raw.properties;
    }
    const std::string key = raw.name + ".url";
    const auto value = resolve_secret(
        std::string(trim(url->value.text)), raw.file, url->line, key, environment, problems);
    if (!value) {
        return std::nullopt;
    }
    auto parts = is_connection_url(*value) ? properties_from_url(*value, url->line) : std::nullopt;
    if (!parts) {
        problems.error(raw.file,
                       url->line,
                       key,
                       "the URL could not be read; special characters in user and password must "
                       "be percent-encoded");
        return std::nullopt;
    }
    Node result = raw.properties;
    for (auto& entry : parts->entries) {
        const auto* own = result.find(entry.key);
        if (own == nullptr || is_nothing(own->value)) {
            std::erase_if(result.entries, [&](const auto& other) {
                return equal_ignoring_case(other.key, entry.key);
            });
            result.entries.push_back(std::move(entry));
        }
    }
    return result;
}

class PostgresReader {
public:
    PostgresReader(const Block& block, const Environment& environment, bool has_url)
        : block_(block), environment_(environment), has_url_(has_url) {}

    TargetConnection read(const std::string& name) {
        block_.check(postgres_keys());
        result_.name = name;
        result_.kind = TargetKind::postgres;
        const auto host = required("host", {"host"});
        const auto port = read_port();
        const auto user = has_url_ ? first_of(block_, {"user", "username"})
                                   : required("user", {"user", "username"});
        const auto database = required("database", {"database", "dbname"});
        result_.role = first_of(block_, {"role"});
        result_.default_schema = first_of(block_, {"schema"});
        result_.described = "postgres://" + host + ":" + port + "/" + database;
        std::string conninfo;
        append_conninfo(conninfo, "host", host);
        append_conninfo(conninfo, "port", port);
        append_conninfo(conninfo, "user", user);
        append_conninfo(conninfo, "password", password());
        append_conninfo(conninfo, "dbname", database);
        const auto mode = ssl_mode();
        append_conninfo(conninfo, "sslmode", mode);
        warn_of_clear_text(host, mode);
        append_file(conninfo, "sslcert", "cert_file");
        append_file(conninfo, "sslkey", "cert_key_file");
        append_file(conninfo, "sslrootcert", "cert_ca_file");
        for (const char* key : {"connect_timeout", "target_session_attrs", "channel_binding"}) {
            append_conninfo(conninfo, key, first_of(block_, {key}));
        }
        append_conninfo(conninfo, "options", statement_timeout());
        result_.conninfo = Secret(std::move(conninfo));
        return std::move(result_);
    }

private:
    std::string required(std::string_view key, std::initializer_list<std::string_view> spellings) {
        auto value = first_of(block_, spellings);
        if (value.empty()) {
            block_.error(key, "Property value not provided: " + std::string(key));
        }
        return value;
    }

    std::string read_port() {
        const auto text = first_of(block_, {"port"});
        const auto port = number_from(text);
        if (!text.empty() && (!port || *port == 0 || *port > 65535)) {
            block_.error("port", "expected a port from 1 to 65535");
        }
        return port ? std::to_string(*port) : "5432";
    }

    std::string password() {
        const auto* entry = block_.find("password");
        if (entry == nullptr || !entry->value.is_scalar()) {
            return {};
        }
        return resolve_secret(entry->value.text,
                              block_.file(),
                              entry->line,
                              block_.path_of("password"),
                              environment_,
                              block_.problems())
            .value_or("");
    }

    std::string ssl_mode() {
        constexpr std::string_view modes[] = {
            "disable", "allow", "prefer", "require", "verify-ca", "verify-full"};
        const auto mode = first_of(block_, {"sslmode"});
        if (!mode.empty() && std::ranges::find(modes, mode) == std::end(modes)) {
            block_.error("sslmode",
                         "expected disable, allow, prefer, require, verify-ca or verify-full");
        }
        return mode.empty() ? "disable" : mode;
    }

    /// Sling's default is as quiet about it as it is unsafe.
    void warn_of_clear_text(const std::string& host, std::string_view mode) {
        if (!host.empty() && !is_nearby(host) &&
            (mode == "disable" || mode == "allow" || mode == "prefer")) {
            block_.warn("sslmode",
                        "with `" + std::string(mode) +
                            "` the connection to a remote server is not encrypted or may come to "
                            "be; set `sslmode: require` or `verify-full`");
        }
    }

    void append_file(std::string& conninfo, std::string_view keyword, std::string_view key) {
        if (const auto path = first_of(block_, {key}); !path.empty()) {
            append_conninfo(conninfo, keyword, absolute_path(path, environment_.working_directory));
        }
    }

    std::string statement_timeout() {
        const auto text = first_of(block_, {"statement_timeout"});
        if (text.empty()) {
            return {};
        }
        const auto unit = std::min(text.find_first_not_of("0123456789"), text.size());
        constexpr std::string_view units[] = {"", "ms", "s", "min", "h"};
        if (unit == 0 || std::ranges::find(units, text.substr(unit)) == std::end(units)) {
            block_.error("statement_timeout", "expected milliseconds, or such as 30s or 5min");
        }
        return "-c statement_timeout=" + text;
    }

    Block block_;
    const Environment& environment_;
    bool has_url_;
    TargetConnection result_;
};

TargetConnection
read_sqlite(const Block& block, const std::string& name, const Environment& environment) {
    block.check(sqlite_keys());
    TargetConnection result;
    result.name = name;
    result.kind = TargetKind::sqlite;
    const auto instance = first_of(block, {"instance"});
    if (instance.empty()) {
        block.error("instance", "Property value not provided: instance");
    } else if (instance.find(":memory:") != std::string::npos) {
        block.error("instance", "a database in memory would be lost at the end; give a file");
    }
    result.path = absolute_path(instance, environment.working_directory);
    result.described = "sqlite://" + result.path;
    const auto schema = first_of(block, {"schema"});
    if (!schema.empty() && schema != "main") {
        block.error("schema", "SQLite only knows the schema main");
    }
    if (const auto text = first_of(block, {"busy_timeout"}); !text.empty()) {
        const auto milliseconds = number_from(text);
        constexpr std::uint64_t longest = 600'000;
        if (!milliseconds || *milliseconds > longest) {
            block.error("busy_timeout", "expected milliseconds, 600000 at most");
        } else {
            result.busy_timeout =
                std::chrono::milliseconds(static_cast<std::int64_t>(*milliseconds));
        }
    }
    return result;
}

} // namespace

void append_conninfo(std::string& conninfo, std::string_view key, std::string_view value) {
    if (value.empty()) {
        return;
    }
    conninfo += conninfo.empty() ? "" : " ";
    conninfo += std::string(key) + "='";
    for (const char c : value) {
        if (c == '\'' || c == '\\') {
            conninfo += '\\';
        }
        conninfo += c;
    }
    conninfo += '\'';
}

std::optional<TargetConnection> read_target_connection(const RawConnection& raw,
                                                       const Environment& environment,
                                                       Problems& problems) {
    const auto type = connection_type(raw);
    if (type != "postgres" && type != "sqlite") {
        problems.error(raw.file,
                       raw.properties.line,
                       raw.name,
                       "connection " + raw.name +
                           " can not be a target: expected type postgres "
                           "or sqlite");
        return std::nullopt;
    }
    Problems own;
    std::optional<TargetConnection> result;
    if (const auto properties = with_url_parts(raw, environment, own)) {
        const Block block(*properties, raw.name, raw.file, own);
        const bool has_url = raw.properties.find("url") != nullptr;
        result = type == "postgres" ? PostgresReader(block, environment, has_url).read(raw.name)
                                    : read_sqlite(block, raw.name, environment);
        if (result) {
            result->lines = key_lines(raw.properties, raw.file, raw.name);
        }
    }
    problems.append(own);
    return own.has_errors() ? std::nullopt : result;
}

} // namespace zohosyncd
