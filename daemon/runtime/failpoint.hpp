#pragma once

#include "daemon/core/errors.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>

/// Failpoints: named places on the way from a request to a commit where a test lets the process
/// die, fail or hang. They exist only in builds with the CMake option ZOHOSYNCD_FAILPOINTS; in a
/// release the macros are nothing.
///
/// ZOHOSYNCD_FAILPOINTS in the environment says what happens, as "name=action@n;…": at the n-th
/// passage (default: the first), or as "name=action@other": at the first one that a thread makes
/// after it has passed the point `other`; and only then,
///     kill     the process kills itself with SIGKILL,
///     throw    the point throws its kind of error, or does what it is given instead,
///     hang     the thread stands still until the process ends,
///     hang:N   the thread stands still for N milliseconds.
/// ZOHOSYNCD_FAILPOINT_LOG names a file that gets a line "name" for each passage, and "name action"
/// when one fires. ZOHOSYNCD_DEADLINE_MS shortens the deadlines that pass through `deadline`.
namespace zohosyncd::failpoint {

struct Point {
    std::string_view name;
    ErrorKind thrown; ///< The kind that is natural there.
};

/// All of them. tests/chaos reads this table and proves that each is passed.
inline constexpr std::array points{
    // Token and request
    Point{"token.load", ErrorKind::token_failed},
    Point{"token.request", ErrorKind::network},
    Point{"token.reply", ErrorKind::network},
    Point{"token.accepted", ErrorKind::bad_response},
    Point{"token.file.open", ErrorKind::internal},
    Point{"token.file.write", ErrorKind::internal},
    Point{"token.file.rename", ErrorKind::internal},
    Point{"token.file.renamed", ErrorKind::internal},
    Point{"request.permitted", ErrorKind::unreachable},
    Point{"request.sent", ErrorKind::network},
    Point{"request.answered", ErrorKind::server_error},
    Point{"http.headers", ErrorKind::network},
    Point{"http.body", ErrorKind::network},
    Point{"organisation.read", ErrorKind::bad_response},
    Point{"fields.read", ErrorKind::bad_response},
    // A run over records
    Point{"engine.run", ErrorKind::sink_down},
    Point{"engine.ran", ErrorKind::network},
    Point{"engine.failed", ErrorKind::sink_down},
    Point{"engine.failure_recorded", ErrorKind::sink_down},
    Point{"run.prepared", ErrorKind::bad_response},
    Point{"run.scan_chosen", ErrorKind::network},
    Point{"list.request", ErrorKind::network},
    Point{"list.decoded", ErrorKind::bad_response},
    Point{"slices.first", ErrorKind::rate_limited},
    Point{"slices.next", ErrorKind::server_error},
    Point{"slices.join", ErrorKind::bad_response},
    Point{"slices.joined", ErrorKind::token_expired_page},
    Point{"single.request", ErrorKind::network},
    Point{"single.decoded", ErrorKind::bad_response},
    Point{"text.request", ErrorKind::network},
    Point{"page.appended", ErrorKind::token_expired_page},
    Point{"page.commit", ErrorKind::sink_conflict},
    Point{"page.committed", ErrorKind::network},
    Point{"scan.finished", ErrorKind::network},
    Point{"scan.marks", ErrorKind::network},
    Point{"deletions.request", ErrorKind::network},
    Point{"deletions.page", ErrorKind::bad_response},
    Point{"deletions.read", ErrorKind::server_error},
    Point{"deletions.write", ErrorKind::sink_conflict},
    Point{"deletions.written", ErrorKind::network},
    Point{"revive.held", ErrorKind::sink_down},
    Point{"revive.record", ErrorKind::network},
    Point{"revive.commit", ErrorKind::sink_down},
    Point{"revive.committed", ErrorKind::network},
    Point{"recorder.finish", ErrorKind::network},
    Point{"recorder.finished", ErrorKind::network},
    Point{"credits.settle", ErrorKind::sink_down},
    // A run over users or modules
    Point{"loose.begun", ErrorKind::network},
    Point{"loose.columns", ErrorKind::sink_conflict},
    Point{"loose.page", ErrorKind::bad_response},
    Point{"loose.stored", ErrorKind::server_error},
    Point{"loose.merge", ErrorKind::sink_down},
    Point{"loose.merged", ErrorKind::network},
    // Details
    Point{"details.waiting", ErrorKind::sink_down},
    Point{"details.read", ErrorKind::network},
    Point{"details.commit", ErrorKind::sink_conflict},
    Point{"details.committed", ErrorKind::sink_down},
    // The lease
    Point{"lease.ask", ErrorKind::sink_down},
    Point{"lease.acquired", ErrorKind::sink_down},
    Point{"lease.beat", ErrorKind::sink_down},
    Point{"lease.release", ErrorKind::sink_down},
    Point{"lease.released", ErrorKind::sink_down},
    // PostgreSQL
    Point{"postgres.connect", ErrorKind::sink_down},
    Point{"postgres.connected", ErrorKind::sink_down},
    Point{"postgres.read", ErrorKind::sink_down},
    Point{"postgres.begin", ErrorKind::sink_down},
    Point{"postgres.begun", ErrorKind::sink_down},
    Point{"postgres.before_commit", ErrorKind::sink_down},
    Point{"postgres.after_commit", ErrorKind::sink_down},
    Point{"postgres.settle", ErrorKind::sink_down},
    Point{"postgres.migrate", ErrorKind::sink_down},
    Point{"postgres.migrated", ErrorKind::sink_conflict},
    Point{"postgres.lease.lock", ErrorKind::sink_down},
    Point{"postgres.lease.take", ErrorKind::sink_conflict},
    Point{"postgres.lease.taken", ErrorKind::sink_down},
    Point{"postgres.lease.beat", ErrorKind::sink_down},
    Point{"postgres.lease.release", ErrorKind::sink_down},
    Point{"postgres.lease.checked", ErrorKind::sink_conflict},
    Point{"postgres.prepare.ddl", ErrorKind::sink_conflict},
    Point{"postgres.prepare.columns", ErrorKind::sink_down},
    Point{"postgres.prepare.state", ErrorKind::sink_conflict},
    Point{"postgres.prepare.applied", ErrorKind::sink_down},
    Point{"postgres.rows", ErrorKind::sink_conflict},
    Point{"postgres.rows.written", ErrorKind::sink_down},
    Point{"postgres.quarantine", ErrorKind::sink_full},
    Point{"postgres.checkpoint", ErrorKind::sink_conflict},
    Point{"postgres.checkpoint.stored", ErrorKind::sink_down},
    Point{"postgres.run.recorded", ErrorKind::sink_full},
    Point{"postgres.deletions", ErrorKind::sink_conflict},
    Point{"postgres.deletions.marked", ErrorKind::sink_down},
    Point{"postgres.details", ErrorKind::sink_conflict},
    Point{"postgres.details.settled", ErrorKind::sink_down},
    Point{"postgres.details.columns", ErrorKind::sink_full},
    Point{"postgres.details.lines", ErrorKind::sink_conflict},
    Point{"postgres.stage.begin", ErrorKind::sink_conflict},
    Point{"postgres.stage.created", ErrorKind::sink_down},
    Point{"postgres.merge", ErrorKind::sink_conflict},
    Point{"postgres.merge.rows", ErrorKind::sink_full},
    Point{"postgres.merge.absent", ErrorKind::sink_down},
    Point{"postgres.merge.dropped", ErrorKind::sink_conflict},
    Point{"postgres.failure", ErrorKind::sink_down},
    Point{"postgres.credits", ErrorKind::sink_conflict},
    // SQLite
    Point{"sqlite.open", ErrorKind::sink_down},
    Point{"sqlite.read", ErrorKind::sink_conflict},
    Point{"sqlite.begin", ErrorKind::sink_conflict},
    Point{"sqlite.begun", ErrorKind::sink_conflict},
    Point{"sqlite.before_commit", ErrorKind::sink_full},
    Point{"sqlite.after_commit", ErrorKind::sink_down},
    Point{"sqlite.migrate", ErrorKind::sink_conflict},
    Point{"sqlite.migrated", ErrorKind::sink_full},
    Point{"sqlite.lease.lock", ErrorKind::sink_conflict},
    Point{"sqlite.lease.taken", ErrorKind::sink_conflict},
    Point{"sqlite.lease.beat", ErrorKind::sink_conflict},
    Point{"sqlite.lease.release", ErrorKind::sink_conflict},
    Point{"sqlite.lease.checked", ErrorKind::sink_down},
    Point{"sqlite.prepare.table", ErrorKind::sink_full},
    Point{"sqlite.prepare.columns", ErrorKind::sink_conflict},
    Point{"sqlite.prepare.state", ErrorKind::sink_full},
    Point{"sqlite.rows", ErrorKind::sink_conflict},
    Point{"sqlite.row", ErrorKind::sink_full},
    Point{"sqlite.rows.written", ErrorKind::sink_down},
    Point{"sqlite.quarantine", ErrorKind::sink_full},
    Point{"sqlite.checkpoint", ErrorKind::sink_down},
    Point{"sqlite.checkpoint.stored", ErrorKind::sink_full},
    Point{"sqlite.run.recorded", ErrorKind::sink_full},
    Point{"sqlite.deletions", ErrorKind::sink_conflict},
    Point{"sqlite.deletions.marked", ErrorKind::sink_full},
    Point{"sqlite.details", ErrorKind::sink_conflict},
    Point{"sqlite.details.settled", ErrorKind::sink_down},
    Point{"sqlite.details.columns", ErrorKind::sink_full},
    Point{"sqlite.details.lines", ErrorKind::sink_conflict},
    Point{"sqlite.stage.begin", ErrorKind::sink_conflict},
    Point{"sqlite.stage.created", ErrorKind::sink_full},
    Point{"sqlite.merge", ErrorKind::sink_conflict},
    Point{"sqlite.merge.rows", ErrorKind::sink_full},
    Point{"sqlite.merge.absent", ErrorKind::sink_down},
    Point{"sqlite.merge.dropped", ErrorKind::sink_conflict},
    Point{"sqlite.failure", ErrorKind::sink_full},
    Point{"sqlite.credits", ErrorKind::sink_conflict},
};

/// The place of a name in the table; a name that is not there does not compile.
consteval std::size_t index_of(std::string_view name) {
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (points[i].name == name) {
            return i;
        }
    }
    throw "no such failpoint";
}

#ifdef ZOHOSYNCD_FAILPOINTS

/// Counts a passage and dies or hangs if told so. True when the point shall fail. Thread-safe.
bool fires(std::size_t point);

[[noreturn]] void fail(std::size_t point);

/// `usual`, or less where a test wants to see deadlines pass.
std::chrono::milliseconds deadline(std::chrono::milliseconds usual);

#else

constexpr std::chrono::milliseconds deadline(std::chrono::milliseconds usual) {
    return usual;
}

#endif

} // namespace zohosyncd::failpoint

#ifdef ZOHOSYNCD_FAILPOINTS
/// Failing there is doing `statement` instead of throwing a SyncError.
#define ZOHOSYNCD_FAILPOINT_OR(name, statement)                                                    \
    if (::zohosyncd::failpoint::fires(::zohosyncd::failpoint::index_of(name))) {                   \
        statement;                                                                                 \
    }
#define ZOHOSYNCD_FAILPOINT(name)                                                                  \
    ZOHOSYNCD_FAILPOINT_OR(name,                                                                   \
                           ::zohosyncd::failpoint::fail(::zohosyncd::failpoint::index_of(name)))
#else
#define ZOHOSYNCD_FAILPOINT_OR(name, statement)
#define ZOHOSYNCD_FAILPOINT(name)
#endif
