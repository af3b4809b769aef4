#include "sinks/postgres/session.hpp"

#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/metrics.hpp"
#include "sinks/common/row_text.hpp"
#include "sinks/postgres/conninfo.hpp"
#include "sinks/sink.hpp"

#include <poll.h>

#include <array>
#include <string_view>
#include <utility>

namespace zohosyncd::postgres {
namespace {

using namespace std::chrono_literals;

// Somebody else's ALTER TABLE is waited for so long; then the stream backs off.
constexpr auto lock_timeout = 10s;
// Between two statements of a transaction we only compute. A process that was stopped there, or
// lost its network, holds its lock on the lease no longer than this: less than lease_expiry, after
// which another one wants it.
constexpr auto idle_timeout = 6s;
static_assert(idle_timeout < lease_expiry);

bool begins(const std::string& text, std::string_view prefix) {
    return text.starts_with(prefix);
}

struct StateKind {
    const char* prefix; // The first that fits decides.
    ErrorKind kind;
    const char* advice;
};

constexpr std::array<StateKind, 24> kinds{{
    {"25006", ErrorKind::sink_down, "; the server is read-only"},
    {"28", ErrorKind::sink_refused, "; check user, password and pg_hba.conf"},
    {"3D000", ErrorKind::sink_refused, "; create the database"},
    {"3F000", ErrorKind::sink_refused, "; the schema was dropped or renamed"},
    {"42501", ErrorKind::sink_refused, "; grant the right to our role"},
    {"42P01", ErrorKind::sink_refused, "; the table was dropped or renamed"},
    {"42", ErrorKind::schema_conflict, "; the table is not what it was"},
    {"0A000", ErrorKind::schema_conflict, ""},
    {"26", ErrorKind::sink_conflict, "; does a pooler in transaction mode sit in between?"},
    {"40", ErrorKind::sink_conflict, ""},
    {"55P03", ErrorKind::sink_conflict, "; another session holds a lock"},
    {"55", ErrorKind::sink_conflict, ""},
    {"57014", ErrorKind::sink_conflict, ""},
    {"25P03", ErrorKind::sink_down, ""},
    {"54", ErrorKind::schema_conflict, "; the table has too many or too wide columns"},
    {"2BP01", ErrorKind::schema_conflict, "; other objects depend on it"},
    {"53100", ErrorKind::sink_full, ""},
    {"53", ErrorKind::sink_down, ""},
    {"57P", ErrorKind::sink_down, ""},
    {"08", ErrorKind::sink_down, ""},
    {"58", ErrorKind::sink_down, ""},
    {"XX001", ErrorKind::sink_refused, "; the server reports corruption"},
    {"XX002", ErrorKind::sink_refused, "; the server reports a corrupt index"},
    {"XX", ErrorKind::sink_down, ""},
}};

constexpr std::array<std::pair<const char*, const char*>, 20> conditions{{
    {"22001", "string_data_right_truncation"},
    {"22003", "numeric_value_out_of_range"},
    {"22007", "invalid_datetime_format"},
    {"22008", "datetime_field_overflow"},
    {"2200G", "most_specific_type_mismatch"},
    {"22012", "division_by_zero"},
    {"22021", "character_not_in_repertoire"},
    {"22023", "invalid_parameter_value"},
    {"22030", "duplicate_json_object_key_value"},
    {"22032", "invalid_json_text"},
    {"22P02", "invalid_text_representation"},
    {"22P05", "untranslatable_character"},
    {"23502", "not_null_violation"},
    {"23503", "foreign_key_violation"},
    {"23505", "unique_violation"},
    {"23514", "check_violation"},
    {"23P01", "exclusion_violation"},
    {"P0001", "raise_exception"},
    // Whole classes, for what is not above.
    {"22", "data_exception"},
    {"23", "integrity_constraint_violation"},
}};

/// Whether the server has closed the connection while it was idle. False says nothing: a dead
/// network does not tell.
bool has_ended(const pqxx::connection& connection) {
    pollfd descriptor{connection.sock(), POLLRDHUP, 0};
    return poll(&descriptor, 1, 0) > 0 &&
           (descriptor.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

} // namespace

std::string sqlstate_of(const pqxx::sql_error& error) {
    if (!error.sqlstate().empty()) {
        return error.sqlstate();
    }
    const auto is = [&]<class Error>(const Error*) {
        return dynamic_cast<const Error*>(&error) != nullptr;
    };
    const std::pair<bool, const char*> classes[] = {
        {is(static_cast<pqxx::insufficient_privilege*>(nullptr)), "42501"},
        {is(static_cast<pqxx::undefined_table*>(nullptr)), "42P01"},
        {is(static_cast<pqxx::syntax_error*>(nullptr)), "42601"},
        {is(static_cast<pqxx::disk_full*>(nullptr)), "53100"},
        {is(static_cast<pqxx::insufficient_resources*>(nullptr)), "53000"},
        {is(static_cast<pqxx::not_null_violation*>(nullptr)), "23502"},
        {is(static_cast<pqxx::foreign_key_violation*>(nullptr)), "23503"},
        {is(static_cast<pqxx::unique_violation*>(nullptr)), "23505"},
        {is(static_cast<pqxx::check_violation*>(nullptr)), "23514"},
        {is(static_cast<pqxx::integrity_constraint_violation*>(nullptr)), "23000"},
        {is(static_cast<pqxx::data_exception*>(nullptr)), "22000"},
        {is(static_cast<pqxx::plpgsql_raise*>(nullptr)), "P0001"},
        {is(static_cast<pqxx::feature_not_supported*>(nullptr)), "0A000"},
    };
    for (const auto& [matches, state] : classes) {
        if (matches) {
            return state;
        }
    }
    return {};
}

bool blames_data(const std::string& sqlstate) {
    return begins(sqlstate, "22") || begins(sqlstate, "23") || sqlstate == "P0001";
}

std::string condition_name(const std::string& sqlstate) {
    for (const auto& [code, name] : conditions) {
        if (sqlstate.starts_with(code)) {
            return name;
        }
    }
    return sqlstate;
}

std::string quote_identifier(const std::string& name) {
    std::string out = "\"";
    for (const char c : name) {
        out += c;
        if (c == '"') {
            out += c;
        }
    }
    return out + '"';
}

Session::Session(PostgresOptions options)
    : options_(std::move(options)), conninfo_(complete_conninfo(options_.conninfo)),
      quoted_schema_(quote_identifier(options_.state_schema)) {}

pqxx::connection& Session::open() {
    // After a crash of the server every idle connection would cost somebody a failed run.
    if (connection_ && has_ended(*connection_)) {
        drop();
    }
    if (!connection_) {
        prepared_.clear();
        ZOHOSYNCD_FAILPOINT("postgres.connect");
        connection_ = std::make_unique<pqxx::connection>(conninfo_);
        ++number_;
        metrics::count(metrics::Metric::pg_reconnects_total, {});
        quiet_ = std::make_unique<pqxx::quiet_errorhandler>(*connection_);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
        // A silent reconnect would lose the session's lock, settings and open transaction
        // unnoticed.
        connection_->inhibit_reactivation(true);
#pragma GCC diagnostic pop
        set_up();
        ZOHOSYNCD_FAILPOINT("postgres.connected");
    }
    return *connection_;
}

void Session::set_up() {
    pqxx::nontransaction tx(*connection_);
    const auto deadline = [](std::chrono::milliseconds usual) {
        return std::to_string(failpoint::deadline(usual).count());
    };
    // SET instead of start-up options: those do not pass through poolers.
    tx.exec("SET TimeZone = 'UTC'; SET search_path = pg_catalog; SET lock_timeout = " +
            deadline(lock_timeout) +
            "; SET idle_in_transaction_session_timeout = " + deadline(idle_timeout) +
            "; SET synchronous_commit = on; SET client_min_messages = error; SET DateStyle = 'ISO, "
            "YMD';"
            " SET standard_conforming_strings = on; SET bytea_output = hex");
    // What the connection itself asks for is kept.
    tx.exec_params("SELECT set_config(name, $1, false) FROM pg_settings WHERE name = "
                   "'statement_timeout' AND source <> 'client'",
                   deadline(options_.statement_timeout));
    // So that the backend of a killed process is gone, with its locks, within a second.
    tx.exec("SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = "
            "'client_connection_check_interval'");
    if (!options_.role.empty()) {
        tx.exec("SET ROLE " + quote_identifier(options_.role));
    }
    const auto row = tx.exec1(
        "SELECT current_setting('server_encoding'), current_setting('transaction_read_only')");
    if (row[0].as<std::string>() != "UTF8") {
        throw SyncError(ErrorKind::sink_refused,
                        "the database's encoding is " + row[0].as<std::string>() +
                            "; it must be UTF8");
    }
    if (row[1].as<std::string>() == "on") {
        throw SyncError(
            ErrorKind::sink_down,
            "the server is read-only: a standby, or default_transaction_read_only is on");
    }
}

void Session::drop() {
    quiet_.reset();
    connection_.reset();
    prepared_.clear();
}

pqxx::result Session::run(pqxx::transaction_base& tx,
                          const std::string& name,
                          const std::string& sql,
                          const std::vector<const char*>& parameters) {
    if (!prepared_.contains(name)) {
        connection_->prepare(name, sql);
        prepared_.insert(name);
    }
    return tx.exec_prepared(name, pqxx::prepare::make_dynamic_params(parameters));
}

void Session::settle_or_fail(const std::string& what,
                             bool committing,
                             const std::function<bool()>& committed) {
    try {
        if (!committing) {
            throw;
        }
        settle(what, committed);
    } catch (...) {
        fail(what);
    }
}

bool Session::ask_about_commit(const std::function<bool()>& committed) {
    try {
        return committed && committed();
    } catch (...) {
        metrics::count(metrics::Metric::commit_in_doubt_total, {{"verdict", "unknown"}});
        throw;
    }
}

void Session::settle(const std::string& what, const std::function<bool()>& committed) {
    try {
        throw;
    } catch (const pqxx::sql_error& error) {
        // The server answered, so there is no doubt, unless it was the answer to being shut down.
        const auto state = sqlstate_of(error);
        if (!state.empty() && !begins(state, "57P")) {
            throw;
        }
    } catch (const pqxx::transaction_rollback& error) {
        if (dynamic_cast<const pqxx::statement_completion_unknown*>(&error) == nullptr) {
            throw;
        }
    } catch (const pqxx::failure&) {
    }
    drop();
    const bool has_happened = ask_about_commit(committed);
    metrics::count(metrics::Metric::commit_in_doubt_total,
                   {{"verdict", has_happened ? "committed" : "lost"}});
    if (!has_happened) {
        throw SyncError(ErrorKind::sink_down,
                        what + ": the connection broke during COMMIT, which did not happen");
    }
}

void Session::fail(const std::string& what) {
    try {
        translate(what);
    } catch (const SyncError& error) {
        const auto& state = error.sqlstate();
        metrics::count(metrics::Metric::pg_errors_total,
                       {{"sqlstate", state.empty() ? "none" : state}});
        throw;
    }
}

void Session::translate(const std::string& what) {
    try {
        throw;
    } catch (const SyncError& error) {
        if (error.kind() == ErrorKind::sink_down) {
            drop();
        }
        throw;
    } catch (const pqxx::sql_error& error) {
        const auto state = sqlstate_of(error);
        if (state.empty()) {
            drop();
            throw SyncError(ErrorKind::sink_down, what + ": " + first_line(error.what()));
        }
        fail_with_state(what, first_line(error.what()), state);
    } catch (const pqxx::transaction_rollback& error) {
        const bool deadlock = dynamic_cast<const pqxx::deadlock_detected*>(&error) != nullptr;
        fail_with_state(what, first_line(error.what()), deadlock ? "40P01" : "40001");
    } catch (const pqxx::broken_connection& error) {
        const bool was_open = connection_ != nullptr;
        drop();
        const std::string message = first_line(error.what());
        // Only a hint that saves a second attempt to a server that is not there.
        const bool refused = !was_open && message.find("FATAL") != std::string::npos;
        const auto state = refused ? sqlstate_of_refusal(conninfo_) : std::string{};
        if (!state.empty()) {
            fail_with_state(what, message, state);
        }
        throw SyncError(ErrorKind::sink_down, what + ": " + message);
    } catch (const pqxx::failure& error) {
        drop();
        throw SyncError(ErrorKind::sink_down,
                        what + ": the connection broke (" + first_line(error.what()) + ")");
    } catch (const pqxx::pqxx_exception& error) {
        // Misuse of the library, or a reply that we did not expect: a fresh connection is the best
        // cure.
        drop();
        throw SyncError(ErrorKind::sink_conflict, what + ": " + first_line(error.base().what()));
    }
}

void Session::fail_with_state(const std::string& what,
                              const std::string& message,
                              const std::string& sqlstate) {
    if (blames_data(sqlstate)) {
        // The message may quote a value.
        DataError error(ErrorKind::schema_conflict,
                        what + ": " + sqlstate + " " + condition_name(sqlstate));
        error.with_sqlstate(sqlstate);
        throw error;
    }
    for (const auto& [prefix, kind, advice] : kinds) {
        if (begins(sqlstate, prefix)) {
            const bool stale =
                begins(sqlstate, "42") || begins(sqlstate, "26") || begins(sqlstate, "0A");
            stale_tables_ += stale ? 1 : 0;
            if (kind == ErrorKind::sink_down || stale) {
                drop();
            }
            throw SyncError(kind, what + ": " + message + " (" + sqlstate + ")" + advice)
                .with_sqlstate(sqlstate);
        }
    }
    throw SyncError(ErrorKind::sink_conflict, what + ": " + message + " (" + sqlstate + ")")
        .with_sqlstate(sqlstate);
}

} // namespace zohosyncd::postgres
