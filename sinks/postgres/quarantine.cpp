#include "sinks/postgres/quarantine.hpp"

#include "daemon/runtime/failpoint.hpp"

#include <map>
#include <utility>

namespace zohosyncd::postgres {

void Quarantine::look(pqxx::transaction_base& tx, const std::string& target) {
    const auto row = tx.exec_params1("SELECT EXISTS (SELECT FROM " +
                                         session_.state_table("quarantine") + " WHERE target = $1)",
                                     target);
    if (row[0].as<bool>()) {
        populated_.insert(target);
    } else {
        populated_.erase(target);
    }
}

std::vector<std::int64_t> Quarantine::set_aside(pqxx::transaction_base& tx,
                                                const std::string& target,
                                                std::size_t limit) const {
    const auto rows =
        tx.exec_params("SELECT id FROM " + session_.state_table("quarantine") +
                           " WHERE target = $1 AND id <> 0 AND reason LIKE 'record: %' AND seen_at "
                           "< now() - interval '1 hour' ORDER BY seen_at, id LIMIT $2",
                       target,
                       limit);
    std::vector<std::int64_t> ids;
    for (const auto& row : rows) {
        ids.push_back(row[0].as<std::int64_t>());
    }
    return ids;
}

std::uint64_t Quarantine::store(pqxx::work& tx, const std::string& target, const PageResult& page) {
    const auto table = session_.state_table("quarantine");
    // The same value may be reported twice; one statement must not touch a row twice.
    std::map<std::pair<std::int64_t, std::string>, std::string> entries;
    std::set<std::int64_t> refused;
    for (const auto& entry : page.quarantined) {
        entries[{entry.id, entry.reason}] = entry.body;
        refused.insert(entry.id);
    }
    std::uint64_t forgotten = 0;
    if (populated_.contains(target) && !(page.written.empty() && page.gone.empty())) {
        std::vector<std::int64_t> clean = page.gone;
        for (const auto id : page.written) {
            if (!refused.contains(id)) {
                clean.push_back(id);
            }
        }
        forgotten = tx.exec_params("DELETE FROM " + table +
                                       " WHERE target = $1 AND id = ANY ($2::bigint[])",
                                   target,
                                   bigint_array(clean))
                        .affected_rows();
    }
    if (entries.empty()) {
        return forgotten;
    }
    ZOHOSYNCD_FAILPOINT("postgres.quarantine");
    std::vector<std::int64_t> ids;
    std::vector<std::string> reasons;
    std::vector<std::string> bodies;
    for (auto& [key, body] : entries) {
        ids.push_back(key.first);
        reasons.push_back(key.second);
        bodies.push_back(std::move(body));
    }
    tx.exec_params(
        "INSERT INTO " + table +
            " (target, id, reason, body) SELECT $1, * FROM unnest($2::bigint[], $3::text[], "
            "$4::text[])"
            " ON CONFLICT (target, id, reason) DO UPDATE SET body = excluded.body, seen_at = now()",
        target,
        bigint_array(ids),
        text_array(reasons),
        text_array(bodies));
    populated_.insert(target);
    return forgotten;
}

void Quarantine::prune(pqxx::work& tx, const std::string& target) {
    if (populated_.contains(target)) {
        tx.exec_params("DELETE FROM " + session_.state_table("quarantine") +
                           " WHERE target = $1 AND seen_at < now() - interval '30 days'",
                       target);
    }
}

PageResult quarantined_only(const PageWrite& page) {
    PageResult result;
    result.gone = page.gone;
    for (const auto* batch : {page.listed, page.authoritative, page.corrections}) {
        if (batch != nullptr) {
            result.quarantined.insert(
                result.quarantined.end(), batch->quarantined().begin(), batch->quarantined().end());
        }
    }
    return result;
}

} // namespace zohosyncd::postgres
