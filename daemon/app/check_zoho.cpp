#include "daemon/app/check_zoho.hpp"

#include "daemon/app/session.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/net/curl_transport.hpp"
#include "daemon/zoho/loose_lists.hpp"
#include "daemon/zoho/metadata.hpp"
#include "daemon/zoho/module_survey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

// Harmless, but a clock that is watched over is not so far off.
constexpr auto notable_skew = 30s;
// Less than so much of the allowance left is worth a word.
constexpr std::uint64_t few_credits_share = 10;

bool is_about_scopes(const SyncError& error) {
    return error.zoho_code() == "OAUTH_SCOPE_MISMATCH";
}

/// The scope that a path of the API needs (zoho-api-facts §1.4).
std::string scope_for(const std::string& path) {
    if (path.starts_with("/settings")) {
        return "ZohoCRM.settings.READ";
    }
    if (path.starts_with("/users")) {
        return "ZohoCRM.users.READ";
    }
    return path.starts_with("/org") ? "ZohoCRM.org.READ" : "ZohoCRM.modules.READ";
}

/// The key of the connection that the token endpoint's refusal is about.
std::string key_at_fault(const SyncError& error) {
    constexpr std::pair<std::string_view, const char*> keys[] = {
        {"invalid_client", "secrets.client_id"},
        {"invalid_client_secret", "secrets.client_secret"},
        {"missing_org_info", "secrets.soid"},
        {"invalid_scope", "inputs.scopes"},
        {"invalid_code", "secrets.refresh_token"},
    };
    for (const auto& [code, key] : keys) {
        if (error.zoho_code() == code) {
            return key;
        }
    }
    return "secrets";
}

class ZohoCheck {
public:
    ZohoCheck(const Config& config,
              const std::optional<TargetInspection>& target,
              Clock& clock,
              CheckReport& report,
              const std::stop_token& stop)
        : config_(config), target_(target), report_(report), stop_(stop),
          gate_(gate_limits(config.source), clock),
          session_(config.source, config.daemon, gate_, clock), client_(session_.make_client()) {}

    void run() {
        gate_.set_credits_left(credits_to_begin_with(
            config_.daemon.credits, left_of(allowed_credits(config_.daemon.credits, {}))));
        if (!organisation()) {
            return;
        }
        if (find_modules()) {
            for (const auto& stream : streams_) {
                if (!endpoint(stream)) {
                    break;
                }
            }
        }
        credits(); // Last, so that Zoho's own count is the newest.
    }

private:
    /// A check may not take what the daemon is not allowed to either.
    [[nodiscard]] std::int64_t left_of(std::uint64_t allowed) const {
        const auto spent = target_ ? target_->credits_spent : 0;
        return static_cast<std::int64_t>(allowed) - static_cast<std::int64_t>(spent);
    }

    std::string place(const std::string& key) const { return config_.source.lines.place(key); }

    /// What the organisation has of the modules that are asked for by name or by 'module:*'. False
    /// when that can not be told.
    bool find_modules() {
        streams_ = config_.streams;
        const bool has_extra =
            std::any_of(streams_.begin(), streams_.end(), [](const StreamConfig& stream) {
                return !find_endpoint(stream.endpoint.stream);
            });
        if (!has_extra && !config_.every_module) {
            return true;
        }
        path_ = "/settings/modules";
        try {
            modules_ = read_modules(*client_, stop_);
        } catch (const SyncError& error) {
            if (error.kind() == ErrorKind::stopped) {
                throw;
            }
            if (error.kind() == ErrorKind::credits_exhausted) {
                return false;
            }
            report_.fail("modules",
                         is_about_scopes(error) ? missing_scope() : std::string(error.what()),
                         is_about_scopes(error) ? place("inputs.scopes")
                                                : config_.lines.place("streams"));
            return false;
        }
        if (config_.every_module) {
            add_every_module();
        }
        return true;
    }

    void add_every_module() {
        std::set<std::string> taken(config_.excluded_modules.begin(),
                                    config_.excluded_modules.end());
        for (const auto& stream : config_.streams) {
            taken.insert(stream.endpoint.module);
        }
        for (const auto& module : modules_) {
            if (!taken.contains(module.api_name)) {
                streams_.push_back(stream_for_module(config_, module.api_name));
                unnamed_.insert(module.api_name);
            }
        }
    }

    /// Why Zoho's list of modules says that the stream can not be read; empty when it may be.
    [[nodiscard]] std::string why_not_listed(const StreamConfig& stream) const {
        if (find_endpoint(stream.endpoint.stream) && !unnamed_.contains(stream.endpoint.module)) {
            return {}; // Zoho's own fourteen are asked themselves.
        }
        const auto found = std::find_if(modules_.begin(), modules_.end(), [&](const auto& module) {
            return module.api_name == stream.endpoint.module;
        });
        return found == modules_.end()
                   ? "the organisation has no module " + stream.endpoint.module +
                         ": check the stream's name; `zohosyncd discover` lists what there is"
                   : zohosyncd::why_not_listed(*found);
    }

    [[nodiscard]] std::string missing_scope() const {
        return fmt::format("GET {} needs the scope {}: add it to inputs.scopes, and to the Self "
                           "Client",
                           path_,
                           scope_for(path_));
    }

    [[nodiscard]] std::string place_of(const StreamConfig& stream) const {
        const auto& name =
            unnamed_.contains(stream.endpoint.module) ? "module:*" : stream.endpoint.stream;
        return KeyLines{config_.file, "streams", stream.line, {}}.place(name);
    }

    /// False when nothing more can be asked.
    bool organisation() {
        try {
            zoho_ = read_organisation(*client_, stop_);
        } catch (const SyncError& error) {
            if (error.kind() == ErrorKind::stopped) {
                throw;
            }
            if (error.kind() != ErrorKind::denied) {
                no_way_in(error);
                return false;
            }
            report_.warn("organisation",
                         fmt::format("unknown ({}): add the scope ZohoCRM.org.READ, or set "
                                     "daemon.credits.daily",
                                     error.zoho_code()),
                         place("inputs.scopes"));
        }
        report_.ok("credentials", "accepted by " + session_.settings().accounts_url);
        report_.ok("data centre", session_.settings().api_domain);
        if (!zoho_.id.empty()) {
            clocks();
            identity();
            gate_.keep_reserve(daily() - allowed());
            gate_.set_credits_left(left_of(allowed()));
        }
        return true;
    }

    void no_way_in(const SyncError& error) {
        switch (error.kind()) {
        case ErrorKind::wrong_data_center:
            report_.fail("data centre", error.what(), place("secrets.accounts_url"));
            return;
        case ErrorKind::unreachable:
        case ErrorKind::network:
        case ErrorKind::server_error:
        case ErrorKind::bad_response:
            no_connection(error);
            return;
        case ErrorKind::unsafe_file:
            return; // The files were looked at before.
        case ErrorKind::credits_exhausted:
            report_.fail("credits", error.what(), config_.lines.place("daemon.credits"));
            return;
        case ErrorKind::rate_limited:
            report_.fail("credits", error.what(), place("inputs.rate"));
            return;
        default:
            report_.fail("credentials", error.what(), place(key_at_fault(error)));
        }
    }

    void no_connection(const SyncError& error) {
        const std::string_view text = error.what();
        const bool is_token_host = text.find(config_.source.accounts_url) != text.npos &&
                                   config_.source.accounts_url != config_.source.api_domain;
        std::string hint;
        if (text.find("SSL") != text.npos || text.find("certificate") != text.npos) {
            hint =
                " (TLS: check that the host speaks it, and the certificates this machine trusts)";
        } else if (const auto proxy = proxy_in_environment();
                   !proxy.empty() && text.find("https://") != text.npos) {
            hint = " (through the proxy " + proxy +
                   ": check HTTPS_PROXY, or except the host in NO_PROXY)";
        }
        report_.fail("network",
                     std::string(text) + hint,
                     place(is_token_host ? "secrets.accounts_url" : "secrets.api_domain"));
    }

    void clocks() {
        if (!zoho_.skew) {
            report_.warn("clock",
                         "Zoho's replies carry no Date: a proxy in between removes it, and marks "
                         "fall back on Modified_Time");
            return;
        }
        const auto off = std::chrono::abs(*zoho_.skew);
        const auto text =
            fmt::format("{} s {} Zoho's", off.count(), *zoho_.skew >= 0s ? "behind" : "ahead of");
        if (off > session_.settings().date_tolerance) {
            report_.fail("clock",
                         "this machine's clock is " + text +
                             ": let NTP set it (timedatectl set-ntp true)");
        } else if (off > notable_skew) {
            report_.warn("clock", "this machine's clock is " + text + ": let NTP set it");
        } else {
            report_.ok("clock", text);
        }
    }

    void identity() {
        const auto& soid = config_.source.soid;
        const std::string named = soid.substr(soid.find('.') + 1);
        if (!soid.empty() && named != zoho_.id) {
            report_.fail("organisation",
                         "soid names " + named + ", but the token is of organisation " + zoho_.id +
                             ": correct it",
                         place("secrets.soid"));
            return;
        }
        const auto foreign = foreign_organisation();
        if (!foreign.empty()) {
            report_.fail_with(ExitCode::wrong_org,
                              "organisation",
                              "the target holds organisation " + foreign +
                                  ", but the credentials are of organisation " + zoho_.id +
                                  ": use another target, or the right connection",
                              config_.lines.place("target"));
            return;
        }
        report_.ok("organisation",
                   zoho_.id + (target_ && !target_->states.empty() ? ", as in the target" : ""));
    }

    [[nodiscard]] std::string foreign_organisation() const {
        if (target_) {
            for (const auto& state : target_->states) {
                if (!state.org.empty() && state.org != zoho_.id) {
                    return state.org;
                }
            }
        }
        return {};
    }

    [[nodiscard]] std::uint64_t daily() const {
        return config_.daemon.credits.daily.value_or(daily_credits(zoho_));
    }

    [[nodiscard]] std::uint64_t allowed() const {
        return allowed_credits(config_.daemon.credits, zoho_);
    }

    void credits() {
        const auto where = config_.lines.place("daemon.credits");
        const auto spent = (target_ ? target_->credits_spent : 0) + gate_.credits_spent();
        const auto left = gate_.credits_left().value_or(0);
        const auto by_zoho = gate_.zoho_remaining();
        const std::string text =
            fmt::format("{} a day{}, {} for us, {} spent in the last 24 h{}",
                        daily(),
                        config_.daemon.credits.daily ? " (as configured)"
                        : zoho_.edition.empty()
                            ? " (edition unknown)"
                            : fmt::format(" ({}, {} licences)", zoho_.edition, zoho_.licences),
                        allowed(),
                        spent,
                        by_zoho ? fmt::format("; Zoho has {} left for everybody", *by_zoho) : "");
        if (left <= 0) {
            report_.fail(
                "credits", text + ": nothing is left; raise daemon.credits, or wait", where);
        } else if (static_cast<std::uint64_t>(left) * few_credits_share < allowed()) {
            report_.warn(
                "credits", text + ": little is left; raise daemon.credits, or wait", where);
        } else if (!zoho_.edition.empty() && daily() > daily_credits(zoho_)) {
            report_.warn("credits",
                         text +
                             fmt::format(": the edition has only {} a day", daily_credits(zoho_)),
                         where);
        } else {
            report_.ok("credits", text);
        }
    }

    /// False when it was the organisation that failed, not the endpoint.
    bool endpoint(const StreamConfig& stream) {
        const std::string check = "endpoint " + stream.endpoint.stream;
        path_.clear();
        if (const auto why = why_not_listed(stream); !why.empty()) {
            if (unnamed_.contains(stream.endpoint.module)) {
                report_.ok(check, "left out: " + why);
            } else {
                report_.fail(check, why, place_of(stream));
            }
            return true;
        }
        try {
            report_.ok(check, read(stream));
            return true;
        } catch (const SyncError& error) {
            if (error.kind() == ErrorKind::stopped) {
                throw;
            }
            if (error.kind() == ErrorKind::credits_exhausted) {
                return false; // Told with the credits.
            }
            if (is_about_scopes(error)) {
                report_.fail(check, missing_scope(), place("inputs.scopes"));
                return true;
            }
            if (unnamed_.contains(stream.endpoint.module) &&
                reaction_to(error.kind()) == Reaction::deny_stream) {
                say_left_out(check, stream, error);
                return true;
            }
            report_.fail(check, error.what(), place_of(stream));
            if (reaction_to(error.kind()) == Reaction::deny_stream ||
                error.kind() == ErrorKind::bad_response) {
                return true; // One module's list of fields, say: it hides no other.
            }
            report_.fail("endpoints", "the others were not looked at: mend this first");
            return false;
        }
    }

    /// 'module:*' asks for what can be read. A module without fields never can; one that is refused
    /// could be.
    void
    say_left_out(const std::string& check, const StreamConfig& stream, const SyncError& error) {
        if (error.zoho_code().empty()) {
            report_.ok(check, std::string("left out: ") + error.what());
        } else {
            report_.warn(check, std::string("left out: ") + error.what(), place_of(stream));
        }
    }

    std::string read(const StreamConfig& stream) {
        const auto& endpoint = stream.endpoint;
        if (endpoint.kind != EndpointKind::records) {
            const auto request = loose_page_request(endpoint.kind, 1);
            get(request);
            return "GET " + request.path;
        }
        path_ = "/settings/fields?module=" + endpoint.module;
        const auto fields = read_fields(*client_, endpoint.module, stop_);
        const bool is_whole = !has_versions(fields);
        get(first_record_of(endpoint.module, fields));
        const bool reads_deletions = endpoint.has_delete_list && !is_whole &&
                                     stream.mode == StreamMode::incremental &&
                                     stream.delete_missing != DeleteMissing::none;
        if (reads_deletions) {
            get({"/" + endpoint.module + "/deleted", {{"type", "all"}, {"per_page", "1"}}, {}});
        }
        return fmt::format("fields ({}), list{}{}",
                           std::count_if(fields.begin(), fields.end(), is_delivered_by_lists),
                           reads_deletions ? ", deletions" : "",
                           is_whole ? std::string("; ") + why_read_whole : "");
    }

    void get(const ApiRequest& request) {
        path_ = request.path;
        (void)client_->get(request, stop_);
    }

    const Config& config_;
    const std::optional<TargetInspection>& target_;
    CheckReport& report_;
    const std::stop_token& stop_;
    RequestGate gate_;
    ZohoSession session_;
    std::unique_ptr<ApiClient> client_;
    ZohoOrganisation zoho_;
    std::vector<ZohoModule> modules_;
    std::vector<StreamConfig> streams_; ///< Those of 'module:*' at the end.
    std::set<std::string> unnamed_;     ///< Modules that only 'module:*' asks for.
    std::string path_;                  ///< Of the request under way.
};

} // namespace

void check_zoho(const Config& config,
                const std::optional<TargetInspection>& target,
                Clock& clock,
                CheckReport& report,
                const std::stop_token& stop) {
    ZohoCheck(config, target, clock, report, stop).run();
}

} // namespace zohosyncd
