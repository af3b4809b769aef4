#pragma once

#include <chrono>
#include <cstdint>
#include <span>

namespace zohosyncd {

/// What one stream costs when nothing changes.
struct StreamCost {
    std::chrono::seconds interval;
    std::uint64_t requests_per_run = 1;
    std::uint64_t metadata_requests = 1; ///< Each time the field list gets too old.
};

/// By how much all intervals must grow so that idle polling leaves a fifth of the allowed credits
/// to real changes; at least 1. `allowed` are the credits of 24 hours without the reserve.
double interval_stretch(std::span<const StreamCost> streams,
                        std::chrono::seconds metadata_age,
                        std::uint64_t allowed);

} // namespace zohosyncd
