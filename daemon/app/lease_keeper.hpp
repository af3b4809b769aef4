#pragma once

#include "daemon/runtime/clock.hpp"
#include "sinks/sink.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

namespace zohosyncd {

/// Holds the right to be the only writer for as long as it lives: takes the lease, and keeps its
/// heart beating from a thread and a connection of its own.
class LeaseKeeper {
public:
    LeaseKeeper(std::unique_ptr<Sink> sink, std::string connection, Clock& clock);
    LeaseKeeper(const LeaseKeeper&) = delete;
    LeaseKeeper& operator=(const LeaseKeeper&) = delete;
    ~LeaseKeeper();

    /// Waits until the lease is ours; with `patience` at most so long, then throws
    /// SyncError{lease_held} that names the holder. Throws stopped, and whatever the sink throws.
    void acquire(std::optional<std::chrono::seconds> patience, const std::stop_token& stop);

    /// Begins the heartbeat.
    void keep();

    /// Requested as soon as the lease is another's.
    [[nodiscard]] std::stop_token lost() const { return lost_.get_token(); }

    [[nodiscard]] std::int64_t epoch() const { return epoch_; }

    /// The last holder never released it, so what it had not written down is lost.
    [[nodiscard]] bool was_abandoned() const { return was_abandoned_; }

    /// The lease will be left as if by a crash: there is something that could not be written down.
    void abandon() { is_held_ = false; }

    [[nodiscard]] const std::string& connection() const { return connection_; }

private:
    void beat(const std::stop_token& stop);

    std::unique_ptr<Sink> sink_;
    std::string connection_;
    Clock& clock_;
    std::int64_t epoch_ = 0;
    bool is_held_ = false;
    std::stop_source lost_;
    bool was_abandoned_ = false;
    std::jthread thread_;
};

/// "host pid 42", for people who wonder who holds the lease.
std::string this_process();

} // namespace zohosyncd
