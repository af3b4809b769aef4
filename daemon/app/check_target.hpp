#pragma once

#include "daemon/app/check_report.hpp"
#include "daemon/config/config.hpp"
#include "sinks/common/inspection.hpp"

#include <optional>

namespace zohosyncd {

/// Looks at the target without writing to it. Throws SyncError when it can not be used.
TargetInspection inspect_target(const Config& config);

/// The same as lines of the report; nothing when the target can not be used.
std::optional<TargetInspection> check_target(const Config& config, CheckReport& report);

} // namespace zohosyncd
