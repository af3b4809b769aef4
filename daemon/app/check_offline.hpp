#pragma once

#include "daemon/app/check_report.hpp"
#include "daemon/config/config.hpp"
#include "daemon/runtime/clock.hpp"

#include <optional>

namespace zohosyncd {

/// Reads the configuration and looks at everything that needs no network: one line per mistake,
/// the modes of files, the directory of the token. Returns the configuration unless it is wrong.
std::optional<Config>
check_offline(const ConfigOverrides& overrides, const Clock& clock, CheckReport& report);

} // namespace zohosyncd
