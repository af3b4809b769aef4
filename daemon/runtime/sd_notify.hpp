#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace zohosyncd {

/// Tells systemd about us: "READY=1", "STOPPING=1", "STATUS=…", "WATCHDOG=1". Does nothing when
/// $NOTIFY_SOCKET is unset; never fails, because a daemon must not stop over a status line.
void sd_notify(const std::string& state);

/// How often systemd wants to hear "WATCHDOG=1" from this process; unset when it does not.
std::optional<std::chrono::microseconds> watchdog_interval();

} // namespace zohosyncd
