#pragma once

#include "daemon/app/check_report.hpp"
#include "daemon/config/config.hpp"
#include "sinks/common/inspection.hpp"

#include <optional>

namespace zohosyncd {

/// Looks at the target without writing to it. Throws SyncError when it can not be used.
TargetInspection inspect_target(const Config& config);

/// The statements that preparing the stream's table would run; runs none. Throws SyncError, with
/// what an operator has to do.
std::vector<std::string> preview_table(const Config& config,
                                       const StreamConfig& stream,
                                       const StreamSchema& wanted,
                                       bool has_state);

/// What inspect_target finds, as lines of the report; nothing when the target can not be used.
std::optional<TargetInspection> check_target(const Config& config, CheckReport& report);

} // namespace zohosyncd
