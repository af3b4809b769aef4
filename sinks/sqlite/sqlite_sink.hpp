#pragma once

#include "sinks/sink.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace zohosyncd {

struct SqliteOptions {
    std::string path;
    std::chrono::milliseconds busy_timeout{5'000};
    std::string state_prefix = "zohosync";
    bool is_read_only = false; ///< Opens the file as it is, and changes nothing.
};

/// A sink that writes into a SQLite file; tables carry TableName::table only. The lease is also a
/// lock on the file `<path>.lease`, so that a killed holder frees it at once. Not for network file
/// systems.
std::unique_ptr<Sink> make_sqlite_sink(SqliteOptions options);

} // namespace zohosyncd
