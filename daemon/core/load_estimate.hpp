#pragma once

#include <chrono>
#include <cstdint>
#include <span>

namespace zohosyncd {

/// How many records a scan has to read, as far as that is known before it.
struct ScanLoad {
    std::uint64_t rows = 0;
    std::span<const std::uint64_t>
        ties; ///< Sizes of the seconds that fill a page each, within `rows`.
};

/// Zoho's greatest page.
constexpr std::uint64_t rows_per_page = 200;

/// List requests of one slice that a Scan needs: each page shows the last second of the page before
/// again, and a second that fills a page is walked twice.
std::uint64_t pages_of_scan(const ScanLoad& load);

/// Runs in 24 hours at an interval.
double runs_per_day(std::chrono::seconds interval);

} // namespace zohosyncd
