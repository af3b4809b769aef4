#pragma once

#include "sinks/sink.hpp"
#include "sinks/sqlite/database.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace zohosyncd::sqlite {

/// The rows of `lease`, each backed by a lock on one byte of the lease file: the lock ends with its
/// holder's process, so that the next comer need not wait until a heart has missed its beats.
class Leases {
public:
    explicit Leases(Database& database) : database_(database) {}

    ~Leases();
    Leases(const Leases&) = delete;
    Leases& operator=(const Leases&) = delete;

    void write_under(const std::string& connection, std::int64_t epoch);
    /// Call inside a write transaction. Throws SyncError{lease_lost} when the lease has another
    /// holder.
    void check();

    Lease try_acquire(const std::string& connection, const std::string& holder);
    void heartbeat(const std::string& connection, std::int64_t epoch);
    void release(const std::string& connection, std::int64_t epoch);

private:
    bool try_lock(const std::string& connection);
    void unlock(const std::string& connection);

    Database& database_;
    std::string connection_; ///< Under whose lease we write.
    std::int64_t epoch_ = 0;
    std::map<std::string, int> files_; ///< Connection to the open file that holds its lock.
};

} // namespace zohosyncd::sqlite
