#include "sinks/sqlite/lease.hpp"

#include "daemon/core/identifiers.hpp"
#include "daemon/runtime/failpoint.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace zohosyncd::sqlite {
namespace {

struct Row {
    std::int64_t epoch = 0;
    std::string holder; // Empty when free.
    std::string since;
    bool expired = true;
    bool session_bound = false;
};

std::int64_t expiry_seconds() {
    return std::chrono::ceil<std::chrono::seconds>(failpoint::deadline(lease_expiry)).count();
}

Row load(Database& database, const std::string& connection) {
    auto& query = database.prepare("SELECT epoch, holder, acquired_at, coalesce(beat_at < "
                                   "strftime('%s', 'now') - ?2, 1), session_bound FROM " +
                                       database.state_table("lease") + " WHERE connection = ?1",
                                   connection,
                                   expiry_seconds());
    Row row;
    if (query.step()) {
        row = {query.integer(0),
               query.text(1),
               query.text(2),
               query.integer(3) != 0,
               query.integer(4) != 0};
    }
    query.reset();
    return row;
}

[[noreturn]] void lost(const std::string& connection) {
    throw SyncError(ErrorKind::lease_lost, "another process has taken the lease of " + connection);
}

// Any byte will do, as long as a connection always gets the same.
off_t byte_of(const std::string& connection) {
    return static_cast<off_t>(
        std::strtoul(sha256_hex(connection).substr(0, 7).c_str(), nullptr, 16));
}

} // namespace

Leases::~Leases() {
    for (const auto& [connection, file] : files_) {
        close(file);
    }
}

void Leases::write_under(const std::string& connection, std::int64_t epoch) {
    connection_ = connection;
    epoch_ = epoch;
}

void Leases::check() {
    if (connection_.empty()) {
        return;
    }
    if (!database_.number("SELECT 1 FROM " + database_.state_table("lease") +
                              " WHERE connection = ?1 AND epoch = ?2",
                          connection_,
                          epoch_)) {
        lost(connection_);
    }
}

Lease Leases::try_acquire(const std::string& connection, const std::string& holder) {
    ZOHOSYNCD_FAILPOINT("sqlite.lease.lock");
    const bool locked = try_lock(connection);
    bool taken = false;
    bool was_abandoned = false;
    const auto now = database_.write([&] {
        const auto seen = load(database_, connection);
        // The byte's lock ends with its process, so it alone decides; a slow heart (a long merge
        // holds the file) is no death. Only a holder without the lock is judged by its heart.
        taken = seen.holder.empty() || (seen.session_bound ? locked : seen.expired);
        if (!taken) {
            return seen;
        }
        was_abandoned = !seen.holder.empty();
        database_.run(
            "INSERT INTO " + database_.state_table("lease") +
                " (connection, epoch, holder, session_bound, acquired_at, beat_at) VALUES (?1, ?2, "
                "?3, ?4, " +
                sql_now +
                ", CAST(strftime('%s', 'now') AS INTEGER)) ON CONFLICT (connection) DO UPDATE SET"
                " epoch = excluded.epoch, holder = excluded.holder, session_bound = "
                "excluded.session_bound,"
                " acquired_at = excluded.acquired_at, beat_at = excluded.beat_at",
            connection,
            seen.epoch + 1,
            holder,
            locked ? 1 : 0);
        ZOHOSYNCD_FAILPOINT("sqlite.lease.taken");
        return load(database_, connection);
    });
    if (!taken) {
        unlock(connection);
    }
    return {taken, now.epoch, now.holder + " since " + now.since, was_abandoned};
}

void Leases::heartbeat(const std::string& connection, std::int64_t epoch) {
    const bool locked = try_lock(connection);
    const auto beats = database_.write([&] {
        ZOHOSYNCD_FAILPOINT("sqlite.lease.beat");
        return database_.run(
            "UPDATE " + database_.state_table("lease") +
                " SET beat_at = CAST(strftime('%s', 'now') AS INTEGER), session_bound = ?3"
                " WHERE connection = ?1 AND epoch = ?2 AND holder IS NOT NULL",
            connection,
            epoch,
            locked ? 1 : 0);
    });
    if (beats != 1) {
        lost(connection);
    }
}

void Leases::release(const std::string& connection, std::int64_t epoch) {
    database_.write([&] {
        return database_.run(
            "UPDATE " + database_.state_table("lease") +
                " SET holder = NULL, session_bound = 0 WHERE connection = ?1 AND epoch = ?2",
            connection,
            epoch);
    });
    ZOHOSYNCD_FAILPOINT("sqlite.lease.release");
    unlock(connection);
}

bool Leases::try_lock(const std::string& connection) {
    if (files_.contains(connection)) {
        return true;
    }
    const auto path = database_.options().path + ".lease";
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        throw SyncError(ErrorKind::sink_refused, path + ": " + std::strerror(errno));
    }
    // An open-file lock, unlike a POSIX one, is not lost when some other descriptor of the file is
    // closed.
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = byte_of(connection);
    lock.l_len = 1;
    if (fcntl(file, F_OFD_SETLK, &lock) != 0) {
        close(file);
        return false;
    }
    files_.emplace(connection, file);
    return true;
}

void Leases::unlock(const std::string& connection) {
    const auto found = files_.find(connection);
    if (found != files_.end()) {
        close(found->second);
        files_.erase(found);
    }
}

} // namespace zohosyncd::sqlite
