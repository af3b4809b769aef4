#include "sinks/postgres/lease.hpp"

#include "daemon/runtime/failpoint.hpp"

namespace zohosyncd::postgres {
namespace {

[[noreturn]] void lost(const std::string& connection) {
    throw SyncError(ErrorKind::lease_lost, "another process has taken the lease of " + connection);
}

std::string expiry() {
    return "interval '" + std::to_string(failpoint::deadline(lease_expiry).count()) + " ms'";
}

} // namespace

void Leases::write_under(const std::string& connection, std::int64_t epoch) {
    connection_ = connection;
    epoch_ = epoch;
}

void Leases::check(pqxx::work& tx) {
    if (connection_.empty()) {
        return;
    }
    const auto epoch = std::to_string(epoch_);
    // The weakest lock that makes a change of the epoch, which is part of a unique key, wait for
    // us.
    const auto rows =
        session_.run(tx,
                     "check_lease",
                     "SELECT 1 FROM " + session_.state_table("lease") +
                         " WHERE connection = $1 AND epoch = $2::bigint FOR KEY SHARE",
                     {connection_.c_str(), epoch.c_str()});
    if (rows.empty()) {
        lost(connection_);
    }
}

Leases::Row Leases::load(pqxx::transaction_base& tx, const std::string& connection) {
    const auto rows = tx.exec_params(
        "SELECT epoch, holder, to_char(acquired_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
        " coalesce(beat_at < clock_timestamp() - " +
            expiry() + ", true), session_bound FROM " + session_.state_table("lease") +
            " WHERE connection = $1",
        connection);
    Row row;
    if (!rows.empty()) {
        row.found = true;
        row.epoch = rows[0][0].as<std::int64_t>();
        row.holder = rows[0][1].is_null() ? "" : rows[0][1].c_str();
        row.since = rows[0][2].is_null() ? "" : rows[0][2].c_str();
        row.expired = rows[0][3].as<bool>();
        row.session_bound = rows[0][4].as<bool>();
    }
    return row;
}

Lease Leases::try_acquire(const std::string& connection, const std::string& holder) {
    const std::string what = "acquire the lease of " + connection;
    const auto seen = session_.read(what, [&](pqxx::work& tx) { return load(tx, connection); });
    const Lease refused{false, seen.epoch, seen.holder + " since " + seen.since};
    ZOHOSYNCD_FAILPOINT("postgres.lease.lock");
    bool locked = has_lock(connection);
    if (!locked) {
        locked = session_.outside_transaction(
            what, [&](pqxx::nontransaction& tx) { return try_lock(tx, connection); });
    }
    bool taken = false;
    if (seen.holder.empty() || seen.expired || (seen.session_bound && locked)) {
        try {
            taken = session_.write(what, {}, [&](pqxx::work& tx) {
                return take(tx, connection, holder, seen, locked);
            });
        } catch (const SyncError& error) {
            // Somebody else is just taking it, or its last holder is still inside a transaction.
            if (error.kind() != ErrorKind::sink_conflict) {
                throw;
            }
        }
    }
    if (!taken) {
        if (has_lock(connection)) {
            session_.outside_transaction(what, [&](pqxx::nontransaction& tx) {
                unlock(tx, connection);
                return true;
            });
        }
        return refused;
    }
    const auto now = session_.read(what, [&](pqxx::work& tx) { return load(tx, connection); });
    if (now.epoch != seen.epoch + 1) {
        return {false, now.epoch, now.holder + " since " + now.since};
    }
    return {true, now.epoch, now.holder + " since " + now.since, !seen.holder.empty()};
}

bool Leases::take(pqxx::work& tx,
                  const std::string& connection,
                  const std::string& holder,
                  const Row& seen,
                  bool locked) {
    const auto table = session_.state_table("lease");
    ZOHOSYNCD_FAILPOINT("postgres.lease.take");
    tx.exec("SET LOCAL lock_timeout = 500");
    if (!seen.found) {
        tx.exec_params("INSERT INTO " + table +
                           " (connection, epoch) VALUES ($1, 0) ON CONFLICT DO NOTHING",
                       connection);
    }
    // A heartbeat that came after our look keeps the lease, unless the session lock proves its
    // session gone.
    const auto answer =
        tx.exec_params("UPDATE " + table +
                           " SET epoch = epoch + 1, holder = $3, session_bound = $4, acquired_at = "
                           "clock_timestamp(), beat_at = clock_timestamp()"
                           " WHERE connection = $1 AND epoch = $2 AND (holder IS NULL OR beat_at "
                           "IS NULL OR beat_at < clock_timestamp() - " +
                           expiry() + " OR (session_bound AND $4))",
                       connection,
                       seen.epoch,
                       holder,
                       locked);
    ZOHOSYNCD_FAILPOINT("postgres.lease.taken");
    return answer.affected_rows() == 1;
}

void Leases::heartbeat(const std::string& connection, std::int64_t epoch) {
    const std::string what = "keep the lease of " + connection;
    // After a reconnect the lock is gone; the lease is not, as long as nobody took it.
    if (!has_lock(connection)) {
        session_.outside_transaction(
            what, [&](pqxx::nontransaction& tx) { return try_lock(tx, connection); });
    }
    const bool locked = has_lock(connection);
    const auto beats = session_.write(what, {}, [&](pqxx::work& tx) {
        ZOHOSYNCD_FAILPOINT("postgres.lease.beat");
        const auto answer =
            tx.exec_params("UPDATE " + session_.state_table("lease") +
                               " SET beat_at = clock_timestamp(), session_bound = $3"
                               " WHERE connection = $1 AND epoch = $2 AND holder IS NOT NULL",
                           connection,
                           epoch,
                           locked);
        return answer.affected_rows();
    });
    if (beats != 1) {
        lost(connection);
    }
}

void Leases::release(const std::string& connection, std::int64_t epoch) {
    const std::string what = "release the lease of " + connection;
    session_.write(what, {}, [&](pqxx::work& tx) {
        tx.exec_params(
            "UPDATE " + session_.state_table("lease") +
                " SET holder = NULL, session_bound = false WHERE connection = $1 AND epoch = $2",
            connection,
            epoch);
        ZOHOSYNCD_FAILPOINT("postgres.lease.release");
        return true;
    });
    if (has_lock(connection)) {
        session_.outside_transaction(what, [&](pqxx::nontransaction& tx) {
            unlock(tx, connection);
            return true;
        });
    }
}

bool Leases::has_lock(const std::string& connection) const {
    const auto lock = locks_.find(connection);
    return lock != locks_.end() && lock->second == session_.number();
}

bool Leases::try_lock(pqxx::transaction_base& tx, const std::string& connection) {
    const auto row = tx.exec_params1(
        "SELECT pg_try_advisory_lock(hashtextextended('zohosyncd lease ' || $1 || ':' || $2, 0))",
        session_.options().state_schema,
        connection);
    if (row[0].as<bool>()) {
        locks_[connection] = session_.number();
        return true;
    }
    return false;
}

void Leases::unlock(pqxx::transaction_base& tx, const std::string& connection) {
    tx.exec_params(
        "SELECT pg_advisory_unlock(hashtextextended('zohosyncd lease ' || $1 || ':' || $2, 0))",
        session_.options().state_schema,
        connection);
    locks_.erase(connection);
}

} // namespace zohosyncd::postgres
