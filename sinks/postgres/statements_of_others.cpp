#include "sinks/postgres/statements_of_others.hpp"

#include "sinks/postgres/conninfo.hpp"
#include "sinks/postgres/session.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <memory>

namespace zohosyncd::postgres {
namespace {

using namespace std::chrono_literals;

// How soon a stop is seen.
constexpr auto glance = 100ms;
// The server keeps the time; this long after it, it is taken for gone.
constexpr auto grace = 10s;

struct PqFree {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }

    void operator()(PGresult* result) const noexcept { PQclear(result); }

    void operator()(PGcancel* cancel) const noexcept { PQfreeCancel(cancel); }
};

using Connection = std::unique_ptr<PGconn, PqFree>;
using Result = std::unique_ptr<PGresult, PqFree>;

std::string first_line(const char* text) {
    const std::string message(text == nullptr ? "" : text);
    return message.substr(0, message.find('\n'));
}

[[noreturn]] void fail(const PGresult* result) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string sqlstate = state == nullptr ? "" : state;
    // What blames the data may quote it.
    const std::string message =
        blames_data(sqlstate) ? condition_name(sqlstate)
                              : first_line(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    throw SyncError(ErrorKind::schema_conflict,
                    message.empty() ? "the server ended the session"
                                    : message + " (" + sqlstate + ")")
        .with_sqlstate(sqlstate);
}

void check(const PGresult* result) {
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        return;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        throw SyncError(ErrorKind::schema_conflict, "COPY from or to the client is not supported");
    default:
        fail(result);
    }
}

void cancel(PGconn* connection) {
    const std::unique_ptr<PGcancel, PqFree> handle(PQgetCancel(connection));
    std::array<char, 256> error{};
    if (handle) {
        (void)PQcancel(handle.get(), error.data(), static_cast<int>(error.size()));
    }
}

/// Waits until the next result can be taken without waiting.
void wait_for_result(PGconn* connection,
                     std::chrono::milliseconds& left,
                     const std::stop_token& stop) {
    while (PQisBusy(connection) == 1) {
        if (stop.stop_requested()) {
            cancel(connection);
            throw SyncError(ErrorKind::stopped, "stopped during a statement");
        }
        if (left <= 0ms) {
            throw SyncError(ErrorKind::sink_down, "the server does not answer");
        }
        pollfd descriptor{PQsocket(connection), POLLIN, 0};
        if (poll(&descriptor, 1, static_cast<int>(glance.count())) == 0) {
            left -= glance;
        }
        if (PQconsumeInput(connection) == 0) {
            throw SyncError(ErrorKind::sink_down, "the connection broke");
        }
    }
}

void execute(PGconn* connection,
             const std::string& sql,
             std::chrono::milliseconds longest,
             const std::stop_token& stop) {
    if (PQsendQuery(connection, sql.c_str()) == 0) {
        throw SyncError(ErrorKind::sink_down, first_line(PQerrorMessage(connection)));
    }
    auto left = longest + std::chrono::milliseconds(grace);
    for (;;) {
        wait_for_result(connection, left, stop);
        const Result result(PQgetResult(connection));
        if (!result) {
            return;
        }
        check(result.get());
    }
}

std::string settings(const PostgresOptions& options, std::chrono::milliseconds longest) {
    // What the connection itself asks for is kept.
    std::string sql = "SET client_min_messages = error; SELECT set_config(name, '" +
                      std::to_string(longest.count()) +
                      "', false) FROM pg_settings WHERE name = 'statement_timeout' AND source <> "
                      "'client'";
    return sql + (options.role.empty() ? "" : "; SET ROLE " + quote_identifier(options.role));
}

} // namespace

void run_statements(const PostgresOptions& options,
                    const std::string& sql,
                    std::chrono::milliseconds longest,
                    const std::stop_token& stop) {
    const Connection connection(PQconnectdb(complete_conninfo(options.conninfo).c_str()));
    if (PQstatus(connection.get()) != CONNECTION_OK) {
        throw SyncError(ErrorKind::sink_down, first_line(PQerrorMessage(connection.get())));
    }
    PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
    execute(connection.get(), settings(options, longest), longest, stop);
    execute(connection.get(), sql, longest, stop);
}

} // namespace zohosyncd::postgres
