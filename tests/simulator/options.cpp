#include "tests/simulator/options.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace zohosim {

namespace {

using Setter = std::function<void(Options&, const std::string&)>;

struct Flag {
    const char* name;
    const char* help;
    Setter set;
};

using Counts = std::map<std::string, std::size_t>;

/// Parses `leads=5000,contacts=300`.
void parse_counts(const std::string& text,
                  const std::function<void(std::string, std::size_t)>& add) {
    std::istringstream parts{text};
    for (std::string part; std::getline(parts, part, ',');) {
        const auto equals = part.find('=');
        if (equals == std::string::npos) {
            throw std::invalid_argument("expected name=number, got " + part);
        }
        add(part.substr(0, equals), std::stoul(part.substr(equals + 1)));
    }
}

Setter counts(Counts Options::* member) {
    return [member](Options& options, const std::string& text) {
        parse_counts(text, [&](const std::string& name, std::size_t count) {
            (options.*member)[module_name_of(name)] = count;
        });
    };
}

Setter string(std::string Options::* member) {
    return [member](Options& options, const std::string& text) { options.*member = text; };
}

template <typename Number> Setter number(Number Options::* member) {
    return [member](Options& options, const std::string& text) {
        options.*member = static_cast<Number>(std::stod(text));
    };
}

/// `deals=1000000,fields=45`: `fields` widens the module named before it.
void set_bench(Options& options, const std::string& text) {
    std::string last;
    parse_counts(text, [&](const std::string& name, std::size_t count) {
        if (name == "fields") {
            options.fields[last] = count;
            return;
        }
        last = module_name_of(name);
        options.bench[last] = count;
    });
}

void read_modules(Options& options, const std::string& file) {
    std::ifstream in{file};
    if (!in) {
        throw std::invalid_argument("can not read " + file);
    }
    options.modules = nlohmann::json::parse(in);
}

const std::vector<Flag>& flags() {
    static const std::vector<Flag> table{
        {"--port", "port to listen on; 0 picks one", number(&Options::port)},
        {"--seed", "seed of all data", number(&Options::seed)},
        {"--records", "leads=5000,contacts=300 …", counts(&Options::records)},
        {"--scale", "factor on the default record counts", number(&Options::scale)},
        {"--fields", "deals=120: widen a module by custom fields", counts(&Options::fields)},
        {"--tie", "leads=1000: so many records share one second", counts(&Options::ties)},
        {"--per-second", "records per second of the past, at most", number(&Options::per_second)},
        {"--days", "how many days the seed data span", number(&Options::days)},
        {"--modules", "a file of further modules, as JSON", read_modules},
        {"--users", "number of users", number(&Options::users)},
        {"--bench", "deals=1000000,fields=45[,leads=…]: pre-serialised modules", set_bench},
        {"--client-id", "", string(&Options::client_id)},
        {"--client-secret", "", string(&Options::client_secret)},
        {"--soid", "", string(&Options::soid)},
        {"--refresh-token", "", string(&Options::refresh_token)},
        {"--api-domain",
         "what the token reply names instead of ourselves",
         string(&Options::api_domain)},
        {"--time-zone", "of the token's user", string(&Options::time_zone)},
        {"--paid-type", "edition in /org", string(&Options::paid_type)},
        {"--users-licence", "licences in /org", number(&Options::users_licence)},
        {"--token-life", "seconds", number(&Options::token_life)},
        {"--token-limit", "issues per window", number(&Options::token_limit)},
        {"--token-window", "seconds", number(&Options::token_window)},
        {"--throttle-status", "200 or 400", number(&Options::throttle_status)},
        {"--threads", "connections served at once", number(&Options::threads)},
    };
    return table;
}

} // namespace

std::string module_name_of(const std::string& name) {
    if (name == "meetings") {
        return "Events";
    }
    std::string result = name;
    if (!result.empty()) {
        result[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(result[0])));
    }
    return result;
}

Options parse_options(const std::vector<std::string>& arguments) {
    Options options;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        auto name = arguments[i];
        if (name == "--no-gzip") {
            options.gzip = false;
            continue;
        }
        if (name == "--print-port") { // The ready line always names the port.
            continue;
        }
        std::optional<std::string> value;
        if (const auto equals = name.find('='); equals != std::string::npos) {
            value = name.substr(equals + 1);
            name.resize(equals);
        }
        const auto& table = flags();
        const auto flag = std::find_if(
            table.begin(), table.end(), [&](const Flag& known) { return name == known.name; });
        if (flag == table.end()) {
            throw std::invalid_argument("unknown flag " + name + "\n" + usage());
        }
        if (!value) {
            if (++i == arguments.size()) {
                throw std::invalid_argument(name + " needs a value");
            }
            value = arguments[i];
        }
        flag->set(options, *value);
    }
    return options;
}

std::string usage() {
    std::string text = "zoho_simulator [flags]\n  --no-gzip, --print-port\n";
    for (const auto& flag : flags()) {
        text += std::string{"  "} + flag.name + "  " + flag.help + "\n";
    }
    return text;
}

} // namespace zohosim
