#include "daemon/core/load_estimate.hpp"

#include <algorithm>

namespace zohosyncd {

std::uint64_t pages_of_scan(const ScanLoad& load) {
    constexpr std::uint64_t fresh_per_page = rows_per_page - 1;
    std::uint64_t spread = load.rows;
    // That the header's second is included is known only once a page has shown it. The first
    // crowded second does, and costs a page for it.
    std::uint64_t of_ties = load.ties.empty() ? 0 : 1;
    for (const auto tie : load.ties) {
        spread -= std::min(spread, tie);
        // Two walks, each up to the page that leads out of the second; and the page before it is
        // full only by accident.
        of_ties += 2 * (tie / rows_per_page + 1) + 1;
    }
    const std::uint64_t fresh_after_first = spread > rows_per_page ? spread - rows_per_page : 0;
    const std::uint64_t of_walk = 1 + (fresh_after_first + fresh_per_page - 1) / fresh_per_page;
    return of_walk + of_ties;
}

double runs_per_day(std::chrono::seconds interval) {
    constexpr double seconds_per_day = 86'400.0;
    return seconds_per_day / static_cast<double>(std::max<std::int64_t>(interval.count(), 1));
}

} // namespace zohosyncd
