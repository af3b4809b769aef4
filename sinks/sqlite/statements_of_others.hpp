#pragma once

#include "sinks/sqlite/sqlite_sink.hpp"

#include <chrono>
#include <stop_token>
#include <string>

namespace zohosyncd::sqlite {

/// Runs statements that a user wrote, on a connection of their own. They may take `longest` in all,
/// and end on stop. Results are thrown away. Throws SyncError.
void run_statements(const SqliteOptions& options,
                    const std::string& sql,
                    std::chrono::milliseconds longest,
                    const std::stop_token& stop);

} // namespace zohosyncd::sqlite
