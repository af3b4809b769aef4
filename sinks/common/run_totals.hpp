#pragma once

#include "sinks/sink.hpp"

#include <cstdint>

namespace zohosyncd {

/// What a run has done so far to a target; ends in sync_runs.
struct RunTotals {
    WriteStats rows;
    std::uint64_t quarantined = 0;

    void add(const WriteStats& stats, std::uint64_t quarantined_values) {
        rows.inserted += stats.inserted;
        rows.updated += stats.updated;
        rows.unchanged += stats.unchanged;
        rows.deleted += stats.deleted;
        quarantined += quarantined_values;
    }

    [[nodiscard]] bool did_something() const {
        return rows.inserted + rows.updated + rows.deleted + quarantined > 0;
    }
};

} // namespace zohosyncd
