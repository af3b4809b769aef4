#include "sinks/postgres/conninfo.hpp"

#include "daemon/core/errors.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <memory>
#include <string_view>
#include <utility>

namespace zohosyncd::postgres {
namespace {

struct PqFree {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }

    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};

// A dead network must show within seconds; read-write keeps us off a standby after a failover.
constexpr std::array<std::pair<std::string_view, const char*>, 9> defaults{{
    {"connect_timeout", "5"},
    {"keepalives", "1"},
    {"keepalives_idle", "30"},
    {"keepalives_interval", "10"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "10000"},
    {"application_name", "zohosyncd"},
    {"client_encoding", "UTF8"},
    {"target_session_attrs", "read-write"},
}};

// libpq fills this option in by itself, so its presence says nothing about the operator's wish.
constexpr std::string_view always_ours = "target_session_attrs";

void append_pair(std::string& out, std::string_view key, std::string_view value) {
    out.append(key).append("='");
    for (const char c : value) {
        if (c == '\'' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    out += "' ";
}

} // namespace

std::string complete_conninfo(const std::string& conninfo) {
    char* reason = nullptr;
    const std::unique_ptr<PQconninfoOption, PqFree> options(
        PQconninfoParse(conninfo.c_str(), &reason));
    if (!options) {
        // The reason quotes the text, which may hold a password.
        PQfreemem(reason);
        throw SyncError(ErrorKind::sink_refused,
                        "the PostgreSQL target is neither a postgres:// URL nor key=value pairs");
    }
    std::string out;
    for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr) {
            append_pair(out, option->keyword, option->val);
        }
    }
    for (const auto& [key, value] : defaults) {
        const bool given = [&, name = key] {
            for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
                if (name == option->keyword) {
                    return option->val != nullptr && name != always_ours;
                }
            }
            return true; // Unknown to this libpq.
        }();
        if (!given) {
            append_pair(out, key, value);
        }
    }
    return out;
}

std::string sqlstate_of_refusal(const std::string& conninfo) {
    const std::unique_ptr<PGconn, PqFree> connection(PQconnectStart(conninfo.c_str()));
    if (!connection) {
        return {};
    }
    PQsetErrorVerbosity(connection.get(), PQERRORS_SQLSTATE);
    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;
         state = PQconnectPoll(connection.get())) {
        if (state == PGRES_POLLING_FAILED) {
            break;
        }
        pollfd descriptor{PQsocket(connection.get()),
                          static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT),
                          0};
        constexpr int patience =
            2000; // Milliseconds; the server has just answered, so it will again.
        if (poll(&descriptor, 1, patience) <= 0) {
            return {};
        }
    }
    // "… FATAL:  28P01"
    const std::string message = PQerrorMessage(connection.get());
    const auto end = message.find_last_not_of("\n ");
    if (end == std::string::npos || end < 5) {
        return {};
    }
    auto code = message.substr(end - 4, 5);
    const bool is_code =
        code.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos;
    return is_code && message[end - 5] == ' ' ? code : std::string{};
}

} // namespace zohosyncd::postgres
