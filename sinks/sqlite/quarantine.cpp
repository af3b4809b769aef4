#include "sinks/sqlite/quarantine.hpp"

#include "daemon/runtime/failpoint.hpp"

#include <algorithm>

namespace zohosyncd::sqlite {

void Quarantine::look(const std::string& target) {
    const auto rows =
        database_.number("SELECT EXISTS (SELECT 1 FROM " + database_.state_table("quarantine") +
                             " WHERE target = ?1)",
                         target);
    if (rows.value_or(0) != 0) {
        populated_.insert(target);
    } else {
        populated_.erase(target);
    }
}

std::vector<std::int64_t> Quarantine::set_aside(const std::string& target,
                                                std::size_t limit) const {
    auto& rows = database_.prepare(
        "SELECT id FROM " + database_.state_table("quarantine") +
            " WHERE target = ?1 AND id <> 0 AND reason LIKE 'record: %' AND seen_at < "
            "strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-1 hour') ORDER BY seen_at, id LIMIT ?2",
        target,
        std::uint64_t{limit});
    std::vector<std::int64_t> ids;
    while (rows.step()) {
        ids.push_back(rows.integer(0));
    }
    rows.reset();
    return ids;
}

std::uint64_t Quarantine::store(const std::string& target, const PageResult& page) {
    const auto table = database_.state_table("quarantine");
    std::set<std::int64_t> refused;
    for (const auto& entry : page.quarantined) {
        refused.insert(entry.id);
    }
    std::uint64_t forgotten = 0;
    const auto forget = [&](std::int64_t id) {
        forgotten +=
            database_.run("DELETE FROM " + table + " WHERE target = ?1 AND id = ?2", target, id);
    };
    if (populated_.contains(target)) {
        for (const auto id : page.written) {
            if (!refused.contains(id)) {
                forget(id);
            }
        }
        std::for_each(page.gone.begin(), page.gone.end(), forget);
    }
    for (const auto& entry : page.quarantined) {
        ZOHOSYNCD_FAILPOINT("sqlite.quarantine");
        database_.run(
            "INSERT INTO " + table +
                " (target, id, reason, body) VALUES (?1, ?2, ?3, ?4)"
                " ON CONFLICT (target, id, reason) DO UPDATE SET body = excluded.body, seen_at = " +
                sql_now,
            target,
            entry.id,
            entry.reason,
            entry.body);
        populated_.insert(target);
    }
    return forgotten;
}

void Quarantine::prune(const std::string& target) {
    if (populated_.contains(target)) {
        database_.run("DELETE FROM " + database_.state_table("quarantine") +
                          " WHERE target = ?1 AND seen_at < strftime('%Y-%m-%dT%H:%M:%SZ', 'now', "
                          "'-30 days')",
                      target);
    }
}

} // namespace zohosyncd::sqlite
