#include "daemon/core/credit_plan.hpp"

#include "daemon/core/load_estimate.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

constexpr double share_for_polling = 0.8;

} // namespace

double interval_stretch(std::span<const StreamCost> streams,
                        std::chrono::seconds metadata_age,
                        std::uint64_t allowed) {
    double polling = 0.0;
    double metadata = 0.0;
    for (const auto& stream : streams) {
        polling += runs_per_day(stream.interval) * static_cast<double>(stream.requests_per_run);
        // Fields are read with a run, so never more often than the stream runs.
        metadata += runs_per_day(std::max(stream.interval, metadata_age)) *
                    static_cast<double>(stream.metadata_requests);
    }
    const double left = static_cast<double>(allowed) * share_for_polling - metadata;
    return std::max(1.0, polling / std::max(left, 1.0));
}

} // namespace zohosyncd
