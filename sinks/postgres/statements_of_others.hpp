#pragma once

#include "sinks/postgres/postgres_sink.hpp"

#include <chrono>
#include <stop_token>
#include <string>

namespace zohosyncd::postgres {

/// Runs statements that a user wrote, as psql would: in a session of their own with the user's own
/// settings (search_path among them), under the connection's role, and committed when the last one
/// is done. Each may take `longest` unless the connection says otherwise; on stop the server is
/// asked to cancel it. Results are thrown away. Throws SyncError; its message quotes no value.
void run_statements(const PostgresOptions& options,
                    const std::string& sql,
                    std::chrono::milliseconds longest,
                    const std::stop_token& stop);

} // namespace zohosyncd::postgres
