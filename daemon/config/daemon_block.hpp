#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/keys.hpp"

namespace zohosyncd {

/// The `daemon:` block over its defaults; `block` may be nullptr.
DaemonConfig
read_daemon_block(const Block* block, const Environment& environment, Problems& problems);

} // namespace zohosyncd
