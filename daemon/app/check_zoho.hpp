#pragma once

#include "daemon/app/check_report.hpp"
#include "daemon/config/config.hpp"
#include "daemon/runtime/clock.hpp"
#include "sinks/common/inspection.hpp"

#include <optional>
#include <stop_token>

namespace zohosyncd {

/// Talks to Zoho: credentials, data centre, clock, organisation, credits, then each stream's
/// endpoints, about three requests a stream. `target` tells whose data are there and what was
/// spent.
void check_zoho(const Config& config,
                const std::optional<TargetInspection>& target,
                Clock& clock,
                CheckReport& report,
                const std::stop_token& stop);

} // namespace zohosyncd
