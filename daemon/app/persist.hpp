#pragma once

#include "daemon/runtime/clock.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <random>
#include <stop_token>

namespace zohosyncd {

/// Repeats `step` with back-off while its failure may pass by itself and patience lasts; no
/// patience given means for ever, and then even what an operator has to mend. Throws the SyncError
/// that ended it. `waiting_for` names the other side in the log, `jitter` seeds the back-off.
void persist(Clock& clock,
             std::optional<std::chrono::seconds> patience,
             const char* waiting_for,
             const std::stop_token& stop,
             const std::function<void()>& step,
             unsigned jitter = std::random_device{}());

} // namespace zohosyncd
