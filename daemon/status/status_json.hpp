#pragma once

#include "daemon/status/status_store.hpp"

#include <string>
#include <string_view>

namespace zohosyncd {

/// What /api/status answers. docs/operate.md names its keys.
[[nodiscard]] std::string status_json(const StatusView& view, std::string_view version);

} // namespace zohosyncd
