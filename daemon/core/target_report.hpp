#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace zohosyncd {

/// A run that did something, as sync_runs has it.
struct RecordedRun {
    std::string stream;
    std::string mode;
    std::chrono::sys_seconds finished_at;
    std::chrono::milliseconds took{0};
    std::uint64_t pages = 0;
    std::uint64_t requests = 0;
    std::uint64_t rows_read = 0;
    std::uint64_t inserted = 0;
    std::uint64_t updated = 0;
    std::uint64_t deleted = 0;
    std::uint64_t quarantined = 0;
};

/// What people want to see of a target beside the state of its streams. Times are the target's.
struct TargetReport {
    std::vector<RecordedRun> runs; ///< Of the last 24 hours, the latest first.
    /// Credits of the last 24 hours, by the begin of ten minutes.
    std::map<std::chrono::sys_seconds, std::uint64_t> credits;
    std::map<std::string, std::uint64_t> quarantined; ///< Entries by table.
    std::map<std::string, std::uint64_t> columns;     ///< Columns in use by table.
};

/// So many runs are told of at most.
constexpr int most_reported_runs = 300;

} // namespace zohosyncd
