#pragma once

#include "sinks/sink.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace zohosyncd {

struct PostgresOptions {
    std::string conninfo; ///< What libpq takes: a URL or key=value pairs. May hold a password.
    std::string role;     ///< SET ROLE after connecting; empty for none.
    std::string state_schema = "zohosync";
    /// Unless `conninfo` has an option for it.
    std::chrono::milliseconds statement_timeout{60'000};
};

/// A sink that writes into PostgreSQL 13 or newer over one connection of its own. The lease frees
/// itself with its holder's session; behind a pooler in transaction mode, where a session means
/// nothing, it does so only lease_expiry after the last heartbeat.
std::unique_ptr<Sink> make_postgres_sink(PostgresOptions options);

} // namespace zohosyncd
