#pragma once

#include "sinks/postgres/session.hpp"
#include "sinks/sink.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace zohosyncd::postgres {

/// The rows of `lease`. Who holds one also holds a session lock, where he could get it: when his
/// session ends, the next comer need not wait until his heart has missed its beats.
class Leases {
public:
    explicit Leases(Session& session) : session_(session) {}

    /// Every transaction of ours shall begin with `check`.
    void write_under(const std::string& connection, std::int64_t epoch);
    /// Throws SyncError{lease_lost} when the lease has another holder. Until the transaction ends,
    /// nobody can take it over.
    void check(pqxx::work& tx);

    Lease try_acquire(const std::string& connection, const std::string& holder);
    void heartbeat(const std::string& connection, std::int64_t epoch);
    void release(const std::string& connection, std::int64_t epoch);

private:
    struct Row {
        bool found = false;
        std::int64_t epoch = 0;
        std::string holder; ///< Empty when free.
        std::string since;
        bool expired = false;
        bool session_bound = false;
    };

    Row load(pqxx::transaction_base& tx, const std::string& connection);
    bool take(pqxx::work& tx,
              const std::string& connection,
              const std::string& holder,
              const Row& seen,
              bool locked);
    /// Ends the sessions of former holders that sit in a transaction and wait for a client that
    /// sends nothing; returns how many. Requires that the lease has expired.
    int end_stuck_writers(pqxx::nontransaction& tx, const std::string& connection);
    [[nodiscard]] std::string writers_of(const std::string& connection) const;
    bool try_lock(pqxx::transaction_base& tx, const std::string& connection);
    void unlock(pqxx::transaction_base& tx, const std::string& connection);
    bool has_lock(const std::string& connection) const;

    Session& session_;
    std::string connection_; ///< Under whose lease we write.
    std::int64_t epoch_ = 0;
    std::map<std::string, long>
        locks_; ///< Connection to the number of the session that holds its lock.
};

} // namespace zohosyncd::postgres
