#include "daemon/zoho/deleted_reader.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/number.hpp"
#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/zoho/json_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace zohosyncd {
namespace {

using nlohmann::json;

// Two equal readings are the rule; a list that changes between every two readings is read again in
// the next run anyway, with the overlap.
constexpr int most_readings = 5;

/// Adds one page and returns whether another follows.
bool add_page(const std::string& body, DeletedRecords& records) {
    const json reply = json::parse(body, nullptr, false);
    if (!reply.is_object() || !reply.contains("data") || !reply["data"].is_array()) {
        throw SyncError(ErrorKind::bad_response, "the delete list's reply has no list \"data\"");
    }
    for (const auto& entry : reply["data"]) {
        if (!entry.is_object()) {
            continue;
        }
        const auto id = parse_int64(text_at(entry, "id"));
        const auto time = parse_zoho_time(text_at(entry, "deleted_time"));
        if (id && time) {
            auto& latest = records.deleted_at.try_emplace(*id, *time).first->second;
            latest = std::max(latest, *time);
        }
    }
    const auto info = reply.find("info");
    const auto more =
        info != reply.end() && info->is_object() ? info->find("more_records") : reply.end();
    if (info == reply.end() || !info->is_object() || more == info->end() || !more->is_boolean()) {
        throw SyncError(
            ErrorKind::bad_response,
            "the delete list's reply does not say in info.more_records whether it is whole");
    }
    return more->get<bool>() && !reply["data"].empty();
}

/// One reading of the list. `pages` says how many requests it took. Zoho may refuse to page past
/// 2,000 rows, as it does for records (zoho-api-facts §8): then what was read is kept and called
/// incomplete.
DeletedRecords read_once(ApiClient& client,
                         const std::string& module,
                         std::chrono::sys_seconds since,
                         int& pages,
                         const std::stop_token& stop) {
    DeletedRecords records;
    bool has_more = true;
    for (pages = 0; has_more; ++pages) {
        ApiRequest request{
            "/" + module + "/deleted", {{"type", "all"}, {"per_page", "200"}}, since};
        request.query.emplace_back("page", std::to_string(pages + 1));
        try {
            ZOHOSYNCD_FAILPOINT("deletions.request");
            const ApiReply reply = client.get(request, stop);
            if (pages == 0) {
                records.date = reply.date;
            }
            has_more = reply.has_body() && add_page(*reply.body, records);
            ZOHOSYNCD_FAILPOINT("deletions.page");
        } catch (const SyncError& error) {
            if (error.zoho_code() != "DISCRETE_PAGINATION_LIMIT_EXCEEDED") {
                throw;
            }
            records.is_complete = false;
            has_more = false;
        }
    }
    return records;
}

} // namespace

DeletedRecords read_deleted(ApiClient& client,
                            const std::string& module,
                            std::chrono::sys_seconds since,
                            const std::stop_token& stop) {
    int pages = 0;
    DeletedRecords records = read_once(client, module, since, pages, stop);
    bool is_settled = pages <= 1;
    for (int reading = 1; records.is_complete && !is_settled && reading < most_readings;
         ++reading) {
        DeletedRecords again = read_once(client, module, since, pages, stop);
        again.date = records.date; // The mark may not pass what the first reading could see.
        is_settled = again.deleted_at == records.deleted_at;
        records = std::move(again);
    }
    records.is_complete = records.is_complete && is_settled;
    if (!records.is_complete) {
        // Without it the mark stays, and the next run reads the same part again.
        records.date.reset();
    }
    return records;
}

} // namespace zohosyncd
