#pragma once

#include "daemon/core/scan.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace zohosyncd {

/// What sync_state.scan holds: where an unfinished scan stands, and for which kind of run it stands
/// there.
struct StoredScan {
    ScanProgress progress;
    bool is_staged = false;   ///< Its rows are in the stage of a full refresh.
    std::string mapping_hash; ///< A scan under another mapping is begun anew.
    std::string window = {};  ///< "begin,end" of a run over a range alone; else empty.
    bool is_done = false;     ///< Of a window: it was read to its end.
    /// In the stage. The sink adds it, as it alone knows what a commit wrote; unset when an earlier
    /// version of ours stored the scan.
    std::optional<std::uint64_t> staged_rows = std::nullopt;
};

std::string to_json(const StoredScan& scan);

/// Nothing when the text is empty or not ours.
std::optional<StoredScan> stored_scan_from(const std::string& text);

} // namespace zohosyncd
