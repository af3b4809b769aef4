#pragma once

#include "daemon/runtime/metrics.hpp"
#include "daemon/status/status_store.hpp"

#include <string_view>
#include <vector>

namespace zohosyncd {

/// The gauges that follow from the view; ages are those of its moment. About fifteen a stream.
[[nodiscard]] std::vector<metrics::Sample> gauges_of(const StatusView& view,
                                                     std::string_view version);

} // namespace zohosyncd
