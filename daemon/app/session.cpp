#include "daemon/app/session.hpp"

#include "daemon/app/run_recorder.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/net/curl_transport.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/zoho/metadata.hpp"
#include "sinks/postgres/postgres_sink.hpp"
#include "sinks/sqlite/sqlite_sink.hpp"

#include <algorithm>
#include <cctype>
#include <set>

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

std::string without_trailing_slash(std::string url) {
    while (!url.empty() && url.back() == '/') {
        url.pop_back();
    }
    return url;
}

/// "ZohoCRM.808232144" names the organisation by itself.
std::string organisation_in(const std::string& soid) {
    const auto dot = soid.find('.');
    return dot == std::string::npos ? soid : soid.substr(dot + 1);
}

/// The token of one connection; another connection in the same directory has its own file.
std::string token_file(const ZohoConnection& source, const DaemonConfig& daemon) {
    return daemon.state_dir.empty() ? std::string{}
                                    : daemon.state_dir + "/token-" + source.name + ".json";
}

HttpLimits http_limits() {
    HttpLimits limits;
    limits.connect = failpoint::deadline(limits.connect);
    limits.total = failpoint::deadline(limits.total);
    limits.stall = std::chrono::ceil<std::chrono::seconds>(failpoint::deadline(limits.stall));
    return limits;
}

/// Whether it is a module that fails, and not the connection or the organisation.
bool concerns_one_stream(const SyncError& error) {
    const auto reaction = reaction_to(error.kind());
    return error.kind() != ErrorKind::stopped &&
           (reaction == Reaction::deny_stream || reaction == Reaction::block_stream ||
            reaction == Reaction::back_off_stream);
}

void say_left_out(const std::string& module, const std::string& why, Level level) {
    log::event(level, "module_left_out", {kv("stream", module), kv("error", why)});
}

/// Nobody asked for the modules of 'module:*' by name: one whose fields Zoho refuses, or that has
/// none, such as Visits (zoho-api-facts §5.2), is left out. What fails in another way may be mended
/// by the time that its stream runs.
bool has_fields(ApiClient& client,
                FieldCatalog& fields,
                const std::string& module,
                const std::stop_token& stop) {
    try {
        (void)fields.get(client, module, stop);
        return true;
    } catch (const SyncError& error) {
        if (!concerns_one_stream(error)) {
            throw;
        }
        if (reaction_to(error.kind()) != Reaction::deny_stream) {
            return true;
        }
        say_left_out(module, error.what(), error.zoho_code().empty() ? Level::info : Level::warn);
        return false;
    }
}

/// Names of tables, for a target that may fold their case.
std::string folded(const TableName& table) {
    std::string text = table.text();
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return text;
}

} // namespace

ZohoSettings zoho_settings(const ZohoConnection& source, const DaemonConfig& daemon) {
    ZohoSettings settings;
    settings.connection = source.name;
    settings.accounts_url = without_trailing_slash(source.accounts_url);
    settings.api_domain = without_trailing_slash(source.api_domain);
    settings.api_version = source.api_version;
    settings.scopes = source.scopes;
    settings.client_id = source.client_id;
    settings.client_secret = source.client_secret;
    settings.soid = source.soid;
    settings.refresh_token = source.refresh_token;
    settings.token_file = token_file(source, daemon);
    // A Date that is wrong by less than the overlap costs nothing; beyond, marks fall back on
    // Modified_Time.
    settings.date_tolerance =
        std::max<std::chrono::seconds>(daemon.overlap, std::chrono::minutes(1));
    return settings;
}

SqliteOptions sqlite_options(const TargetConnection& target, const std::string& state_schema) {
    SqliteOptions options;
    options.path = target.path;
    options.busy_timeout = target.busy_timeout;
    options.state_prefix = state_schema;
    return options;
}

PostgresOptions postgres_options(const TargetConnection& target, const std::string& state_schema) {
    PostgresOptions options;
    options.conninfo = target.conninfo.reveal();
    options.role = target.role;
    options.state_schema = state_schema;
    return options;
}

std::unique_ptr<Sink> make_sink(const TargetConnection& target, const std::string& state_schema) {
    return target.kind == TargetKind::sqlite
               ? make_sqlite_sink(sqlite_options(target, state_schema))
               : make_postgres_sink(postgres_options(target, state_schema));
}

RequestGate::Limits gate_limits(const ZohoConnection& source) {
    return {source.requests_per_second, source.concurrency};
}

ZohoSession::ZohoSession(const ZohoConnection& source,
                         const DaemonConfig& daemon,
                         RequestGate& gate,
                         Clock& clock)
    : settings_(zoho_settings(source, daemon)), clock_(clock), gate_(gate),
      tokens_(settings_, gate_, clock) {
    const auto proxy = proxy_in_environment();
    if (!proxy.empty() && settings_.api_domain.starts_with("https://")) {
        log::event(Level::info,
                   "proxy_in_use",
                   {kv("host", proxy), kv("hint", "from the environment; NO_PROXY excepts hosts")});
    }
}

std::unique_ptr<ApiClient> ZohoSession::make_client() {
    return std::make_unique<ApiClient>(
        settings_, tokens_, gate_, clock_, make_curl_transport(http_limits()));
}

void meet_organisation(ApiClient& client,
                       const ZohoConnection& source,
                       const DaemonConfig& daemon,
                       Clock& clock,
                       Organisation& organisation,
                       const std::stop_token& stop) {
    ZohoOrganisation answer;
    try {
        answer = read_organisation(client, stop);
    } catch (const SyncError& error) {
        if (error.kind() != ErrorKind::denied || source.soid.empty()) {
            throw;
        }
        log::event(Level::warn,
                   "organisation_unknown",
                   {kv("zoho_code", error.zoho_code()),
                    kv("hint", "add the scope ZohoCRM.org.READ, or set daemon.credits.daily")});
    }
    ZOHOSYNCD_FAILPOINT("organisation.read");
    organisation.id = answer.id.empty() ? organisation_in(source.soid) : answer.id;
    const std::string named = organisation_in(source.soid);
    if (!named.empty() && named != organisation.id) {
        throw SyncError(ErrorKind::auth_refused,
                        "soid names organisation " + named + ", but the token is of organisation " +
                            organisation.id + ": correct soid in the connection");
    }
    organisation.first_contact = answer.date.value_or(clock.wall_seconds());
    organisation.edition = answer.edition;
    organisation.credits_allowed = allowed_credits(daemon.credits, answer);
    organisation.credits_reserved =
        daemon.credits.daily.value_or(daily_credits(answer)) - organisation.credits_allowed;
}

void meet_organisation_within_credits(ApiClient& client,
                                      Sink& sink,
                                      RequestGate& gate,
                                      const Config& config,
                                      Clock& clock,
                                      Organisation& organisation,
                                      const std::stop_token& stop) {
    organisation.credits_allowed = allowed_credits(config.daemon.credits, ZohoOrganisation{});
    const auto left = settle_credits(sink, gate, config.source.name, organisation.credits_allowed);
    gate.set_credits_left(credits_to_begin_with(config.daemon.credits, left));
    meet_organisation(client, config.source, config.daemon, clock, organisation, stop);
    gate.keep_reserve(organisation.credits_reserved);
}

std::uint64_t allowed_credits(const CreditsConfig& config, const ZohoOrganisation& organisation) {
    const auto daily = config.daily.value_or(daily_credits(organisation));
    return static_cast<std::uint64_t>(static_cast<double>(daily) * (1.0 - config.reserve));
}

std::int64_t credits_to_begin_with(const CreditsConfig& config, std::int64_t left) {
    return config.daily ? left : std::max<std::int64_t>(left, 1);
}

void require_modules(ApiClient& client, const Config& config, const std::stop_token& stop) {
    std::vector<std::string> extra;
    for (const auto& stream : config.streams) {
        if (!find_endpoint(stream.endpoint.stream)) {
            extra.push_back(stream.endpoint.module);
        }
    }
    if (extra.empty()) {
        return;
    }
    std::set<std::string> known;
    for (const auto& module : read_modules(client, stop)) {
        known.insert(module.api_name);
    }
    std::string missing;
    for (const auto& module : extra) {
        if (!known.contains(module)) {
            missing += (missing.empty() ? "" : ", ") + module;
        }
    }
    if (!missing.empty()) {
        throw SyncError(ErrorKind::bad_config,
                        config.file + ": streams: the organisation has no module " + missing +
                            "; `zohosyncd discover` lists what there is");
    }
}

void expand_every_module(ApiClient& client,
                         FieldCatalog& fields,
                         Config& config,
                         const std::stop_token& stop) {
    if (!config.every_module) {
        return;
    }
    std::set<std::string> taken;
    std::set<std::string> tables;
    for (const auto& stream : config.streams) {
        taken.insert(stream.endpoint.module);
        tables.insert(folded(stream.target));
    }
    taken.insert(config.excluded_modules.begin(), config.excluded_modules.end());
    for (const auto& module : read_modules(client, stop)) {
        if (taken.contains(module.api_name)) {
            continue;
        }
        if (const auto why = why_not_listed(module); !why.empty()) {
            say_left_out(module.api_name, why, Level::debug); // Dozens in every organisation.
            continue;
        }
        auto stream = stream_for_module(config, module.api_name);
        if (!has_fields(client, fields, module.api_name, stop)) {
            continue;
        }
        if (!tables.insert(folded(stream.target)).second) {
            say_left_out(module.api_name,
                         "its table would be " + stream.target.text() +
                             ", which another stream has: give it a stream with an `object` of "
                             "its own",
                         Level::warn);
            continue;
        }
        config.streams.push_back(std::move(stream));
    }
}

void choose_modes(ApiClient& client,
                  FieldCatalog& fields,
                  Config& config,
                  const std::stop_token& stop) {
    for (auto& stream : config.streams) {
        // Each of Zoho's own fourteen has the field; they need not wait for a request here.
        if (!keeps_equal(stream) || find_endpoint(stream.endpoint.stream)) {
            continue;
        }
        if (!is_full_walk(stream.mode) && stream.merge_strategy != MergeStrategy::update_insert) {
            continue; // A full refresh would not do: see require_whole_readable().
        }
        try {
            if (has_versions(*fields.get(client, stream.endpoint.module, stop))) {
                continue;
            }
        } catch (const SyncError& error) {
            if (!concerns_one_stream(error)) {
                throw;
            }
            continue;
        }
        stream.mode = StreamMode::full_refresh;
        stream.mode_reason = why_read_whole;
        if (stream.has_default_schedule) {
            stream.schedule = default_schedule(stream.mode);
        }
    }
}

} // namespace zohosyncd
