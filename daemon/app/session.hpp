#pragma once

#include "daemon/app/run_context.hpp"
#include "daemon/config/config.hpp"
#include "daemon/runtime/clock.hpp"
#include "daemon/zoho/api_client.hpp"
#include "daemon/zoho/request_gate.hpp"
#include "daemon/zoho/settings.hpp"
#include "daemon/zoho/token_provider.hpp"
#include "sinks/postgres/postgres_sink.hpp"
#include "sinks/sink.hpp"
#include "sinks/sqlite/sqlite_sink.hpp"

#include <memory>
#include <stop_token>
#include <string>

namespace zohosyncd {

ZohoSettings zoho_settings(const ZohoConnection& source, const DaemonConfig& daemon);

SqliteOptions sqlite_options(const TargetConnection& target, const std::string& state_schema);
PostgresOptions postgres_options(const TargetConnection& target, const std::string& state_schema);

/// A sink for the target; it connects when first used.
std::unique_ptr<Sink> make_sink(const TargetConnection& target, const std::string& state_schema);

/// The door of the connection's requests, with its limits.
RequestGate::Limits gate_limits(const ZohoConnection& source);

/// Everything that talks to one organisation: token, clients. All requests of a process go through
/// one gate, which has to outlive the session.
class ZohoSession {
public:
    ZohoSession(const ZohoConnection& source,
                const DaemonConfig& daemon,
                RequestGate& gate,
                Clock& clock);

    [[nodiscard]] std::unique_ptr<ApiClient> make_client();

    [[nodiscard]] const ZohoSettings& settings() const { return settings_; }

    /// Zoho has refused the credentials, and not accepted them since. Thread-safe.
    [[nodiscard]] bool are_credentials_refused() const { return tokens_.are_credentials_refused(); }

private:
    ZohoSettings settings_;
    Clock& clock_;
    RequestGate& gate_;
    TokenProvider tokens_;
};

/// Asks Zoho who it is: id, clock and edition. Falls back to the number in soid when the scope
/// for /org is missing. Throws SyncError.
void meet_organisation(ApiClient& client,
                       const ZohoConnection& source,
                       const DaemonConfig& daemon,
                       Clock& clock,
                       Organisation& organisation,
                       const std::stop_token& stop);

/// The same, paid from what the target says is left of the smallest budget there is. Only the
/// answer tells the edition, so where the setting does not, one request may go even if that is
/// spent.
void meet_organisation_within_credits(ApiClient& client,
                                      Sink& sink,
                                      RequestGate& gate,
                                      const Config& config,
                                      Clock& clock,
                                      Organisation& organisation,
                                      const std::stop_token& stop);

/// API credits that may be spent in any 24 hours, with the reserve taken off.
std::uint64_t allowed_credits(const CreditsConfig& config, const ZohoOrganisation& organisation);

/// The credits to begin with where `left` remain by what is known so far. Without `daily` only
/// Zoho's organisation tells how many there are, and the request for it may always be sent.
std::int64_t credits_to_begin_with(const CreditsConfig& config, std::int64_t left);

/// Refuses streams of modules that the organisation does not have: SyncError{bad_config} names
/// them.
void require_modules(ApiClient& client, const Config& config, const std::stop_token& stop);

/// Adds a stream for each readable module when the file asks for 'module:*'.
void expand_every_module(ApiClient& client,
                         FieldCatalog& fields,
                         Config& config,
                         const std::stop_token& stop);

/// Modules without Modified_Time are read whole whatever the file says: sets their mode, with the
/// reason, and the schedule that belongs to it where the file gives none. A module whose fields can
/// not be read now is left as it is; its runs find out.
void choose_modes(ApiClient& client,
                  FieldCatalog& fields,
                  Config& config,
                  const std::stop_token& stop);

} // namespace zohosyncd
