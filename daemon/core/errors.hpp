#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

namespace zohosyncd {

/// What went wrong, as far as the reaction to it differs.
enum class ErrorKind {
    unreachable,  ///< No connection to Zoho could be made: nothing was sent.
    network,      ///< No answer from Zoho: reset, timed out, cut short.
    server_error, ///< 5xx from Zoho or its edge.
    bad_response, ///< An answer that is not what the API promises: HTML, missing keys, too big.
    rate_limited, ///< 429, or Zoho says that there were too many calls.
    credits_exhausted,  ///< Our own budget, or Zoho's, is used up for now.
    unauthorized,       ///< A fresh access token was refused.
    auth_refused,       ///< The token endpoint refuses the credentials; only the operator can help.
    token_failed,       ///< The accounts server did not give a token this time.
    token_throttled,    ///< Too many tokens were asked for.
    wrong_data_center,  ///< The token reply names another API host than the configured one.
    denied,             ///< No permission, scope or feature for this module.
    unknown_module,     ///< Zoho does not know the module.
    token_expired_page, ///< A page token ran out or does not fit any more: the walk starts again.
    sink_down,          ///< The target can not be reached.
    sink_conflict,      ///< Deadlock, serialisation failure, lock timeout: the same again may pass.
    sink_full,          ///< No space left on the target.
    sink_refused,    ///< The target refuses what we ask: rights, missing schema, bad credentials.
    schema_conflict, ///< The table can not hold the stream until an operator changes it.
    lease_lost,      ///< Another process is the writer now.
    lease_held,      ///< Another process holds the lease and did not let go in time.
    wrong_org,       ///< The target belongs to another organisation.
    bad_config,      ///< The configuration is wrong.
    bad_usage,       ///< The command line is wrong.
    unsafe_file,     ///< A secret's file can be read by others.
    stopped,         ///< A stop was requested while waiting. Not a fault.
    internal,        ///< A broken invariant of ours.
};

/// The constant name used in logs and metrics, such as "rate_limited".
const char* to_string(ErrorKind kind);

/// What the worker of a stream does about an error.
enum class Reaction {
    back_off_stream,    ///< This stream waits and tries again; the others go on.
    pause_organisation, ///< Nobody talks to Zoho for a while; then one probe goes first.
    deny_stream,        ///< No permission; asked again seldom.
    block_stream,       ///< Waits for an operator; looked at again seldom.
    end_process,        ///< Nothing can work until something outside changes.
};

/// The one place where that is decided.
Reaction reaction_to(ErrorKind kind);

/// The only exception type that crosses modules. `what()` says what was attempted, what came back
/// and what to do; it holds no secret and no record content.
class SyncError : public std::runtime_error {
public:
    SyncError(ErrorKind kind, const std::string& message)
        : std::runtime_error(message), kind_(kind) {}

    SyncError& with_retry_after(std::chrono::milliseconds wait) {
        retry_after_ = wait;
        return *this;
    }

    /// Zoho's own code, such as INVALID_MODULE.
    SyncError& with_zoho_code(std::string code) {
        zoho_code_ = std::move(code);
        return *this;
    }

    SyncError& with_http_status(long status) {
        http_status_ = status;
        return *this;
    }

    /// PostgreSQL's five characters, or SQLite's result name.
    SyncError& with_sqlstate(std::string state) {
        sqlstate_ = std::move(state);
        return *this;
    }

    [[nodiscard]] ErrorKind kind() const { return kind_; }

    [[nodiscard]] std::chrono::milliseconds retry_after() const { return retry_after_; }

    [[nodiscard]] const std::string& zoho_code() const { return zoho_code_; }

    [[nodiscard]] long http_status() const { return http_status_; }

    [[nodiscard]] const std::string& sqlstate() const { return sqlstate_; }

private:
    ErrorKind kind_;
    std::chrono::milliseconds retry_after_{0};
    std::string zoho_code_;
    long http_status_ = 0;
    std::string sqlstate_;
};

} // namespace zohosyncd
