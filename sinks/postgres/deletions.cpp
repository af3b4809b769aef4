#include "sinks/postgres/deletions.hpp"

#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "sinks/postgres/arrays.hpp"
#include "sinks/postgres/lines.hpp"
#include "sinks/postgres/statements.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace zohosyncd::postgres {

std::vector<Deletion> soft_deleted(Session& session,
                                   const BoundTable& table,
                                   std::chrono::sys_seconds since,
                                   std::size_t limit) {
    return session.read("read deletions of " + table.target, [&](pqxx::work& tx) {
        const auto rows = tx.exec_params(
            "SELECT " + table.id() +
                "::text, floor(extract(epoch FROM _deleted_at))::bigint FROM " + table.quoted +
                " WHERE _deleted_at >= $1::timestamptz ORDER BY _deleted_at, " + table.id() +
                " LIMIT $2",
            format_utc(since),
            limit);
        std::vector<Deletion> deletions;
        for (const auto& row : rows) {
            deletions.push_back(
                {row[0].as<std::int64_t>(),
                 std::chrono::sys_seconds(std::chrono::seconds(row[1].as<std::int64_t>()))});
        }
        return deletions;
    });
}

std::uint64_t delete_rows(Session& session,
                          pqxx::work& tx,
                          const BoundTable& table,
                          std::span<const Deletion> deletions,
                          DeletePolicy policy) {
    if (deletions.empty()) {
        return 0;
    }
    std::map<std::int64_t, std::chrono::sys_seconds>
        latest; // Sorted, so that two writers never deadlock.
    for (const auto& deletion : deletions) {
        auto& time = latest.try_emplace(deletion.id, deletion.deleted_time).first->second;
        time = std::max(time, deletion.deleted_time);
    }
    std::vector<std::int64_t> ids;
    std::vector<std::string> times;
    for (const auto& [id, time] : latest) {
        ids.push_back(id);
        times.push_back(format_utc(time));
    }
    const auto& id = table.columns.front();
    if (policy == DeletePolicy::hard) {
        const auto deleted = tx.exec_params("DELETE FROM " + table.quoted + " WHERE " + id.quoted +
                                                " = ANY ($1::" + id.type + "[])",
                                            bigint_array(ids))
                                 .affected_rows();
        delete_lines(session, tx, table, policy, ids);
        return deleted;
    }
    ZOHOSYNCD_FAILPOINT("postgres.deletions");
    const auto rows = tx.exec_params1(
        "WITH known AS (SELECT d.id, d.time, t._deleted_at IS NULL AS was_live FROM "
        "unnest($1::" +
            id.type + "[], $2::timestamptz[]) AS d(id, time) JOIN " + table.quoted + " t ON t." +
            id.quoted + " = d.id WHERE t._deleted_at IS DISTINCT FROM d.time), marked AS (UPDATE " +
            table.quoted + " t SET _deleted_at = k.time, _synced_at = now()" +
            stamps_on_delete(table) + " FROM known k WHERE t." + id.quoted +
            " = k.id RETURNING k.was_live) SELECT count(*) FILTER (WHERE was_live) FROM marked",
        bigint_array(ids),
        text_array(times));
    ZOHOSYNCD_FAILPOINT("postgres.deletions.marked");
    delete_lines(session, tx, table, policy, ids);
    return rows[0].as<std::uint64_t>();
}

} // namespace zohosyncd::postgres
