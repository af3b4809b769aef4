#include "daemon/config/connections.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace zohosyncd {
namespace {

/// Nothing for a `%` that two hex digits do not follow.
std::optional<std::string> percent_decode(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            result += text[i];
            continue;
        }
        unsigned value = 0;
        const auto digits = text.substr(i + 1, 2);
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) {
            return std::nullopt;
        }
        result += static_cast<char>(value);
        i += 2;
    }
    return result;
}

/// Collects the decoded parts of a URL; remembers whether one of them could not be decoded.
class Parts {
public:
    explicit Parts(int line) : line_(line) {
        properties_.kind = Node::Kind::map;
        properties_.line = line;
    }

    void add(std::string_view key, std::string_view encoded) {
        const auto value = percent_decode(encoded);
        is_valid_ = is_valid_ && value.has_value();
        if (value && !value->empty()) {
            properties_.entries.push_back({std::string(key), line_, make_scalar(*value, line_)});
        }
    }

    std::optional<Node> take() {
        return is_valid_ ? std::optional(std::move(properties_)) : std::nullopt;
    }

private:
    int line_;
    bool is_valid_ = true;
    Node properties_;
};

void add_query(Parts& parts, std::string_view query) {
    for (const auto& pair : split(query, '&')) {
        const auto equals = pair.find('=');
        if (equals != std::string::npos) {
            parts.add(lower(pair.substr(0, equals)), std::string_view(pair).substr(equals + 1));
        }
    }
}

void add_authority(Parts& parts, std::string_view authority) {
    const auto at = authority.rfind('@');
    if (at != std::string_view::npos) {
        const auto user = authority.substr(0, at);
        const auto colon = user.find(':');
        parts.add("user", user.substr(0, colon));
        if (colon != std::string_view::npos) {
            parts.add("password", user.substr(colon + 1));
        }
        authority.remove_prefix(at + 1);
    }
    const auto bracket = authority.find(']');
    const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
    auto host = authority.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2); // libpq takes the bare address.
    }
    parts.add("host", host);
    if (colon != std::string_view::npos) {
        parts.add("port", authority.substr(colon + 1));
    }
}

} // namespace

std::optional<Node> properties_from_url(const std::string& url, int line) {
    Parts parts(line);
    std::string_view rest = std::string_view(url).substr(url.find("://") + 3);
    if (lower(url).starts_with("sqlite")) {
        const auto question = rest.find('?');
        parts.add("type", "sqlite");
        parts.add("instance", rest.substr(0, question));
        add_query(parts, question == std::string_view::npos ? "" : rest.substr(question + 1));
        return parts.take();
    }
    const auto end = std::min(rest.find_first_of("/?#"), rest.size());
    const auto authority = rest.substr(0, end);
    rest.remove_prefix(end);
    const auto question = std::min(rest.find('?'), rest.size());
    // An `@` or `#` out here is the rest of a password with a slash in it, which must not be taken
    // for the database's name and printed.
    if (rest.substr(0, question).find('@') != std::string_view::npos ||
        rest.find('#') != std::string_view::npos) {
        return std::nullopt;
    }
    parts.add("type", "postgres");
    add_authority(parts, authority);
    parts.add(
        "database",
        rest.substr(rest.starts_with('/') ? 1 : 0, question - (rest.starts_with('/') ? 1 : 0)));
    add_query(parts, question == rest.size() ? "" : rest.substr(question + 1));
    return parts.take();
}

RawConnection connection_from_url(const std::string& url, const std::string& file, int line) {
    RawConnection connection;
    connection.file = file;
    connection.properties.kind = Node::Kind::map;
    connection.properties.line = line;
    connection.properties.entries.push_back({"url", line, make_scalar(url, line)});
    connection.name = upper(connection_type(connection));
    return connection;
}

} // namespace zohosyncd
