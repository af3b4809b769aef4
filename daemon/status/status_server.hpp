#pragma once

#include "daemon/core/secret.hpp"
#include "daemon/runtime/clock.hpp"
#include "daemon/status/listener.hpp"
#include "daemon/status/status_store.hpp"

#include <stop_token>
#include <string>
#include <thread>

namespace zohosyncd {

/// Where the status server listens and who may ask.
struct StatusSettings {
    std::string listen = "off"; ///< As daemon.listen.
    Secret token;               ///< Empty: none is needed.

    bool operator==(const StatusSettings&) const = default;
};

/// Serves the status over HTTP from a thread of its own, until destroyed. One loop over
/// non-blocking sockets: nobody can hold it up, however many connect and however slow they are. It
/// also takes the store's samples, whether it listens or not.
class StatusServer {
public:
    StatusServer(StatusStore& store, Clock& clock, std::string version);
    StatusServer(const StatusServer&) = delete;
    StatusServer& operator=(const StatusServer&) = delete;
    ~StatusServer();

    /// Listens as told from now on; nothing happens when that is so already. An address that can
    /// not be had is an error in the log and is tried again every half minute: the sync is worth
    /// more than its display, and the standby beside it has the same address.
    void serve(const StatusSettings& settings);

private:
    void stop();

    StatusStore& store_;
    Clock& clock_;
    std::string version_;
    StatusSettings settings_;
    Descriptor wake_; ///< An eventfd.
    std::jthread thread_;
};

} // namespace zohosyncd
