#pragma once

#include "daemon/config/config.hpp"

#include <string>
#include <vector>

namespace zohosyncd {

/// Keeps the streams of `config` that `--streams` names, by name, id, glob or tag. `ids` are the
/// `id` keys of config.streams, in the same order.
void select_streams(const std::string& selection,
                    const std::vector<std::string>& ids,
                    Config& config,
                    Problems& problems);

} // namespace zohosyncd
