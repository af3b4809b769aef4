#pragma once

#include <string>

namespace zohosyncd {

/// Tells systemd about us: "READY=1", "STOPPING=1", "STATUS=…", "WATCHDOG=1". Does nothing when
/// $NOTIFY_SOCKET is unset; never fails, because a daemon must not stop over a status line.
void sd_notify(const std::string& state);

} // namespace zohosyncd
