#pragma once

#include "daemon/zoho/api_client.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

namespace zohosyncd {

/// What a module's delete list said.
struct DeletedRecords {
    std::map<std::int64_t, std::chrono::sys_seconds>
        deleted_at; ///< By id: the latest deleted_time.
    std::optional<std::chrono::sys_seconds>
        date; ///< Of the first reply; unset when the list never held still.
    /// False when the list was cut by Zoho or never held still: then absence from it says nothing.
    bool is_complete = true;
};

/// Reads `GET /{Module}/deleted` from `since` on. The list has page numbers only, and a restore
/// between two pages may hide an entry, so a list of several pages is read until two readings are
/// the same.
DeletedRecords read_deleted(ApiClient& client,
                            const std::string& module,
                            std::chrono::sys_seconds since,
                            const std::stop_token& stop);

} // namespace zohosyncd
