#pragma once

#include "daemon/config/config.hpp"
#include "daemon/core/text_template.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace zohosyncd {

/// How a stream's run stands when its hooks run.
struct RunFacts {
    std::string status = "running"; ///< Then "success" or "error".
    std::string error = {};
    std::uint64_t rows_written = 0; ///< Inserted or updated.
    std::uint64_t rows_read = 0;
    std::uint64_t rows_deleted = 0;
    std::chrono::sys_seconds started = {};
    std::optional<std::chrono::sys_seconds> ended = std::nullopt;
};

/// How a pass over all streams stands when the root's hooks run.
struct PassFacts {
    std::size_t streams = 0;
    std::size_t succeeded = 0;
    std::size_t failed = 0;
    std::uint64_t rows_written = 0;
    std::string error = {};
    std::chrono::sys_seconds started = {};
    std::optional<std::chrono::sys_seconds> ended = std::nullopt;
};

/// The names that a stream's hooks, and the root's, may use; beside them `env.KEY`.
std::vector<std::string> stream_hook_variables();
std::vector<std::string> root_hook_variables();

/// Their values. A test sees that they are the same names.
Variables variables_for_stream(const Config& config,
                               const StreamConfig& stream,
                               const RunFacts& run,
                               std::chrono::sys_seconds now);
Variables
variables_for_pass(const Config& config, const PassFacts& pass, std::chrono::sys_seconds now);

} // namespace zohosyncd
