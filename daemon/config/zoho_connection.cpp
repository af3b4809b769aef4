#include "daemon/config/connections.hpp"
#include "daemon/config/files.hpp"
#include "daemon/config/keys.hpp"
#include "daemon/config/web_address.hpp"
#include "daemon/config/words.hpp"
#include "daemon/core/time.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace zohosyncd {
namespace {

struct DataCentre {
    std::string_view name;
    std::string_view accounts_host;
    std::string_view api_suffix; ///< After "www.zohoapis."
};

constexpr DataCentre data_centres[] = {
    {"us", "accounts.zoho.com", "com"},
    {"eu", "accounts.zoho.eu", "eu"},
    {"in", "accounts.zoho.in", "in"},
    {"au", "accounts.zoho.com.au", "com.au"},
    {"jp", "accounts.zoho.jp", "jp"},
    {"ca", "accounts.zohocloud.ca", "ca"},
    {"cn", "accounts.zoho.com.cn", "com.cn"},
    {"sa", "accounts.zoho.sa", "sa"},
    {"uk", "accounts.zoho.uk", "uk"},
    {"ae", "accounts.zoho.ae", "ae"},
};

constexpr std::uint64_t most_requests_per_second = 100'000; // Benchmarks open it fully.
constexpr std::uint64_t most_concurrent = 256;

const DataCentre* find_data_centre(std::string_view name) {
    const auto* found = std::ranges::find_if(data_centres, [&](const DataCentre& centre) {
        return equal_ignoring_case(centre.name, name);
    });
    return found != std::end(data_centres) ? found : nullptr;
}

const DataCentre* data_centre_of_accounts(std::string_view host) {
    const auto* found = std::ranges::find(data_centres, host, &DataCentre::accounts_host);
    return found != std::end(data_centres) ? found : nullptr;
}

const DataCentre* data_centre_of_api(std::string_view host) {
    const auto* found = std::ranges::find_if(data_centres, [&](const DataCentre& centre) {
        const std::string domain = "zohoapis." + std::string(centre.api_suffix);
        return host == domain || host == "www." + domain || host == "sandbox." + domain ||
               host == "developer." + domain;
    });
    return found != std::end(data_centres) ? found : nullptr;
}

class ZohoReader {
public:
    ZohoReader(const RawConnection& raw, const Environment& environment, Problems& problems)
        : empty_(empty_at(raw.properties.line)),
          root_(raw.properties, raw.name, raw.file, problems),
          secrets_(root_.block("secrets").value_or(empty_block(raw, problems, "secrets"))),
          inputs_(root_.block("inputs").value_or(empty_block(raw, problems, "inputs"))),
          environment_(environment) {
        result_.name = raw.name;
    }

    ZohoConnection read() {
        root_.check(zoho_keys());
        secrets_.check(zoho_secret_keys());
        inputs_.check(zoho_input_keys());
        check_spec();
        result_.client_id = Secret(required("client_id"));
        result_.client_secret = Secret(required("client_secret"));
        read_grant();
        read_extra_hosts();
        read_addresses();
        read_anchor();
        result_.requests_per_second =
            positive("rate", result_.requests_per_second, most_requests_per_second);
        result_.concurrency = positive("concurrency", result_.concurrency, most_concurrent);
        read_version();
        if (const auto scopes = list("scopes"); !scopes.empty()) {
            result_.scopes = join(scopes, ",");
        }
        return std::move(result_);
    }

private:
    /// What is missing is told with the line of the connection.
    static Node empty_at(int line) {
        Node node;
        node.line = line;
        return node;
    }

    Block empty_block(const RawConnection& raw, Problems& problems, const char* name) const {
        return {empty_, raw.name + "." + name, raw.file, problems};
    }

    void check_spec() {
        const auto* spec = root_.find("spec");
        if (spec == nullptr || !spec->value.is_scalar()) {
            root_.error("spec", "Property value not provided: spec (only zoho_crm is supported)");
        } else if (trim(spec->value.text) != "zoho_crm") {
            root_.error("spec", "only spec zoho_crm is supported");
        }
    }

    /// The value of a secret with references followed; empty when there is none.
    std::string secret(std::string_view key) {
        const auto* entry = secrets_.find(key);
        if (entry == nullptr || !entry->value.is_scalar()) {
            return {};
        }
        const auto value = resolve_secret(entry->value.text,
                                          root_.file(),
                                          entry->line,
                                          secrets_.path_of(key),
                                          environment_,
                                          root_.problems());
        has_failed_ = has_failed_ || !value;
        return std::string(trim(value.value_or("")));
    }

    std::string required(std::string_view key) {
        has_failed_ = false;
        auto value = secret(key);
        if (value.empty() && !has_failed_) {
            secrets_.error(
                key, "connection " + result_.name + " has no secret `" + std::string(key) + "`");
        }
        return value;
    }

    void read_grant() {
        has_failed_ = false;
        result_.soid = secret("soid");
        result_.refresh_token = Secret(secret("refresh_token"));
        if (result_.soid.empty() && result_.refresh_token.empty() && !has_failed_) {
            secrets_.error("soid",
                           "connection " + result_.name +
                               " has neither the secret `soid` nor `refresh_token`");
        }
        if (!result_.soid.empty() && !result_.soid.starts_with("ZohoCRM.")) {
            secrets_.warn("soid", "`soid` usually has the form ZohoCRM.12345678");
        }
    }

    /// The scalar from the first of secrets, inputs and the connection itself.
    [[nodiscard]] std::optional<std::string> option(std::string_view key) const {
        for (const Block* block : {&secrets_, &inputs_, &root_}) {
            if (const auto value = block->text(key); value && !trim(*value).empty()) {
                return std::string(trim(*value));
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] const Block& holder(std::string_view key) const {
        return inputs_.find(key) != nullptr ? inputs_ : root_;
    }

    void read_addresses() {
        const DataCentre* centre = &data_centres[0];
        if (const auto name = option("data_center")) {
            centre = find_data_centre(*name);
            if (centre == nullptr) {
                holder("data_center")
                    .error("data_center", "expected one of us eu in au jp ca cn sa uk ae");
                return;
            }
        }
        std::string prefix = "www";
        if (const auto environment = option("environment")) {
            prefix = lower(*environment);
            if (prefix == "production") {
                prefix = "www";
            } else if (prefix != "sandbox" && prefix != "developer") {
                holder("environment")
                    .error("environment", "expected production, sandbox or developer");
                return;
            }
        }
        result_.accounts_url =
            address("accounts_url", "https://" + std::string(centre->accounts_host));
        result_.api_domain = address(
            "api_domain", "https://" + prefix + ".zohoapis." + std::string(centre->api_suffix));
        check_same_data_centre();
    }

    std::string address(std::string_view key, const std::string& fallback) {
        const auto given = secrets_.text(key);
        if (!given || trim(*given).empty()) {
            return fallback;
        }
        const auto parsed = parse_web_address(trim(*given));
        if (!parsed) {
            secrets_.error(key, "expected https:// and a host, without a path");
            return {};
        }
        const std::string where = parsed->host + parsed->port;
        const bool is_extra =
            std::ranges::find(result_.extra_hosts, where) != result_.extra_hosts.end() ||
            std::ranges::find(result_.extra_hosts, parsed->host) != result_.extra_hosts.end();
        const bool is_zoho =
            (parsed->port.empty() || parsed->port == ":443") &&
            (key == "api_domain" ? data_centre_of_api(parsed->host) != nullptr
                                 : data_centre_of_accounts(parsed->host) != nullptr);
        if (!is_loopback(parsed->host) && !parsed->is_https) {
            secrets_.error(key, "http:// is accepted for loopback addresses only");
        } else if (!is_loopback(parsed->host) && !is_zoho && !is_extra) {
            const bool is_canada = parsed->host == "accounts.zoho.ca";
            secrets_.error(key,
                           parsed->host +
                               " is none of Zoho's hosts; list it in inputs.extra_hosts "
                               "if it is meant" +
                               (is_canada ? " (Canada's is accounts.zohocloud.ca)" : ""));
        }
        return (parsed->is_https ? "https://" : "http://") + where;
    }

    void check_same_data_centre() const {
        const auto accounts = parse_web_address(result_.accounts_url);
        const auto api = parse_web_address(result_.api_domain);
        const auto* first = accounts ? data_centre_of_accounts(accounts->host) : nullptr;
        const auto* second = api ? data_centre_of_api(api->host) : nullptr;
        if (first != nullptr && second != nullptr && first != second) {
            secrets_.warn("api_domain",
                          result_.accounts_url + " and " + result_.api_domain +
                              " belong to different data centres");
        }
    }

    void read_extra_hosts() {
        for (auto host : list("extra_hosts")) {
            host = lower(host);
            if (!parse_web_address("https://" + host) || host.ends_with('/')) {
                inputs_.error("extra_hosts", "expected host names without scheme or path");
                return;
            }
            result_.extra_hosts.push_back(host);
        }
    }

    void read_anchor() {
        const auto text = inputs_.text("anchor_date");
        if (!text || trim(*text).empty()) {
            return;
        }
        const std::string date(trim(*text));
        if (equal_ignoring_case(date, "all")) {
            result_.read_everything = true;
        } else if (is_calendar_date(date)) {
            result_.anchor_date = parse_zoho_time(date + "T00:00:00Z");
        } else {
            inputs_.error("anchor_date", "`anchor_date` must be a date YYYY-MM-DD or `all`");
        }
    }

    std::size_t positive(std::string_view key, std::size_t fallback, std::uint64_t most) {
        const auto text = inputs_.text(key);
        if (!text) {
            return fallback;
        }
        std::uint64_t number = 0;
        const auto [end, error] =
            std::from_chars(text->data(), text->data() + text->size(), number);
        if (error != std::errc{} || end != text->data() + text->size() || number == 0 ||
            number > most) {
            inputs_.error(key, "expected a whole number from 1 to " + std::to_string(most));
            return fallback;
        }
        return static_cast<std::size_t>(number);
    }

    void read_version() {
        const auto text = inputs_.text("api_version");
        if (!text || *text == result_.api_version) {
            return;
        }
        const bool is_version = text->size() > 1 && text->size() < 5 && text->front() == 'v' &&
                                text->find_first_not_of("0123456789", 1) == std::string::npos;
        if (!is_version) {
            inputs_.error("api_version", "expected v6");
            return;
        }
        inputs_.warn("api_version", "only v6 is tested");
        result_.api_version = *text;
    }

    /// A list, or one text with commas.
    [[nodiscard]] std::vector<std::string> list(std::string_view key) const {
        const auto* entry = inputs_.find(key);
        if (entry == nullptr || entry->value.is_null()) {
            return {};
        }
        const auto values = inputs_.strings(key);
        if (!values) {
            inputs_.error(key, "expected a list of strings, found " + found(entry->value));
            return {};
        }
        return split(join(*values, ","), ',');
    }

    const Node empty_;
    Block root_;
    Block secrets_;
    Block inputs_;
    const Environment& environment_;
    ZohoConnection result_;
    bool has_failed_ = false;
};

} // namespace

std::optional<ZohoConnection>
read_zoho_connection(const RawConnection& raw, const Environment& environment, Problems& problems) {
    if (connection_type(raw) != "api") {
        problems.error(raw.file,
                       raw.properties.line,
                       raw.name,
                       "connection " + raw.name +
                           " can not be a source: expected type api, spec zoho_crm");
        return std::nullopt;
    }
    Problems own;
    auto connection = ZohoReader(raw, environment, own).read();
    connection.lines = key_lines(raw.properties, raw.file, raw.name);
    problems.append(own);
    return own.has_errors() ? std::nullopt : std::optional(std::move(connection));
}

} // namespace zohosyncd
