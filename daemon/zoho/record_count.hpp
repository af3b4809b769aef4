#pragma once

#include "daemon/zoho/api_client.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

/// How many records of a module were modified since an instant.
struct RecordCount {
    std::uint64_t rows = 0;
    bool is_exact = true; ///< False: estimated from samples of the list.
};

/// Asks Zoho's record count (`actions/count`), one credit. Nothing when the token may not: that
/// needs the scope ZohoSearch.securesearch.READ. Throws SyncError.
std::optional<std::uint64_t> count_records(ApiClient& client,
                                           const std::string& module,
                                           std::chrono::sys_seconds since,
                                           const std::stop_token& stop);

/// The same from the list itself, for some twenty credits at most: exact up to 2,000 records, which
/// page numbers reach; beyond, the density of the list is sampled. Throws SyncError.
RecordCount sample_records(ApiClient& client,
                           const std::string& module,
                           std::chrono::sys_seconds since,
                           const std::stop_token& stop);

/// The records of a module without Modified_Time, by the page numbers of its list, for half a dozen
/// credits: exact up to 2,000; beyond, so many at least. `field` is any but the id. Throws
/// SyncError.
RecordCount count_whole_list(ApiClient& client,
                             const std::string& module,
                             const std::string& field,
                             const std::stop_token& stop);

/// A stretch of time and how many records it holds.
struct CountedSpan {
    std::chrono::sys_seconds begin;
    std::chrono::sys_seconds end;
    std::uint64_t rows = 0;
    std::uint64_t later = 0; ///< Records after the stretch.
};

/// The sizes of the single seconds of the span that hold at least `threshold` records, found by
/// halving: about two credits for each `threshold` of records, and 25 for each second found.
std::vector<std::uint64_t> find_ties(ApiClient& client,
                                     const std::string& module,
                                     const CountedSpan& span,
                                     std::uint64_t threshold,
                                     const std::stop_token& stop);

} // namespace zohosyncd
