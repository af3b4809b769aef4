#include "sinks/postgres/lease.hpp"

#include "daemon/runtime/failpoint.hpp"

namespace zohosyncd::postgres {
namespace {

using namespace std::chrono_literals;

// A live writer sends its next statement within milliseconds.
constexpr auto silence_of_the_stuck = 2s;

[[noreturn]] void lost(const std::string& connection) {
    throw SyncError(ErrorKind::lease_lost, "another process has taken the lease of " + connection);
}

std::string expiry() {
    return "interval '" + std::to_string(failpoint::deadline(lease_expiry).count()) + " ms'";
}

// The key of a lock that every transaction holds, shared, once it has locked the lease's row, so
// that one which never ends can be found: who holds a row's lock is not to be seen anywhere.
// `parameter` is the statement's that holds `writers_of`.
std::string writers_key(const char* parameter) {
    return std::string("hashtextextended('zohosyncd writer ' || ") + parameter + "::text, 0)";
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
    const auto writers = writers_of(connection_);
    // The weakest lock that makes a change of the epoch, which is part of a unique key, wait for
    // us.
    const auto rows =
        session_.run(tx,
                     "check_lease",
                     "SELECT pg_advisory_xact_lock_shared(" + writers_key("$3") + ") FROM " +
                         session_.state_table("lease") +
                         " WHERE connection = $1 AND epoch = $2::bigint FOR KEY SHARE",
                     {connection_.c_str(), epoch.c_str(), writers.c_str()});
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
    const auto take_it = [&] {
        try {
            return session_.write(what, {}, [&](pqxx::work& tx) {
                return take(tx, connection, holder, seen, locked);
            });
        } catch (const SyncError& error) {
            // Somebody else is just taking it, or its last holder is still inside a transaction.
            if (error.kind() != ErrorKind::sink_conflict) {
                throw;
            }
            return false;
        }
    };
    bool taken = false;
    int ended = 0;
    if (seen.holder.empty() || seen.expired || (seen.session_bound && locked)) {
        taken = take_it();
        if (!taken && seen.expired) {
            ended = session_.outside_transaction(
                what, [&](pqxx::nontransaction& tx) { return end_stuck_writers(tx, connection); });
            taken = ended > 0 && take_it();
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
    return {true, now.epoch, now.holder + " since " + now.since, !seen.holder.empty(), ended};
}

int Leases::end_stuck_writers(pqxx::nontransaction& tx, const std::string& connection) {
    // Between two messages of one statement neither statement_timeout nor
    // idle_in_transaction_session_timeout runs (seen in PostgreSQL 15), so a process that was
    // stopped, or lost its network, right there would keep its successor waiting for ever.
    const auto row = tx.exec_params1(
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) FROM pg_stat_activity a"
        " WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()"
        " AND a.wait_event_type = 'Client' AND pg_has_role(a.usesysid, 'USAGE')"
        " AND a.state_change < clock_timestamp() - interval '" +
            std::to_string(failpoint::deadline(silence_of_the_stuck).count()) +
            " ms' AND a.pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory'"
            " AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = " +
            writers_key("$1") + ")",
        writers_of(connection));
    return row[0].as<int>();
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
                               " WHERE connection = $1 AND epoch = $2 AND holder IS NOT NULL"
                               " RETURNING pg_advisory_xact_lock_shared(" +
                               writers_key("$4") + ")",
                           connection,
                           epoch,
                           locked,
                           writers_of(connection));
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

std::string Leases::writers_of(const std::string& connection) const {
    return session_.options().state_schema + ':' + connection;
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
