#pragma once

#include "daemon/core/scan.hpp"

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
};

std::string to_json(const StoredScan& scan);

/// Nothing when the text is empty or not ours.
std::optional<StoredScan> stored_scan_from(const std::string& text);

} // namespace zohosyncd
