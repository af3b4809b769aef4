#pragma once

#include "daemon/app/file_watch.hpp"
#include "daemon/app/reloads.hpp"
#include "daemon/app/replication.hpp"
#include "daemon/app/service_state.hpp"
#include "daemon/app/status_reporter.hpp"
#include "daemon/config/config.hpp"
#include "daemon/status/status_server.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>

namespace zohosyncd {

/// Reads the configuration anew. What it returns must not be used when there are errors among the
/// problems.
using ConfigReader = std::function<Config(Problems&)>;

/// What `run` is: one Replication after another, each under the configuration of its time.
///
/// A reload reads everything anew, all or nothing. The new configuration is checked like at a
/// start, and what is new in it is tried out, against the target and Zoho, while the old one still
/// syncs; only then it takes over. Whatever is wrong is said, and the old one stays. Pages are
/// committed or rolled back whole, so that the streams go on where they were.
class Service {
public:
    Service(Config config, ConfigReader read, Reloads& reloads, Clock& clock);

    /// Until stop. Throws SyncError for what ends the process.
    void run(const std::stop_token& stop);

private:
    void watch_for_reloads(const std::stop_token& stop);
    void watch_credentials(const std::stop_token& stop);
    void watch_file(const std::stop_token& stop);
    [[nodiscard]] FileWatch::Text text_of_file() const;
    void reload(const std::stop_token& stop);
    void reload_or_refuse(const std::stop_token& stop);
    void refuse(const std::string& error);
    void hand_over(std::unique_ptr<Replication> next);
    [[nodiscard]] bool serve(const std::stop_token& stop);
    [[nodiscard]] std::stop_token take_over();
    [[nodiscard]] std::shared_ptr<Replication> in_use() const;
    void go_through_phases(const std::stop_token& stop);
    void enter(Phase phase);
    void add_own(LiveView& view) const;
    [[nodiscard]] std::vector<StreamProgress> lines() const;

    ConfigReader read_;
    Reloads& reloads_;
    Clock& clock_;
    const std::string
        file_; ///< replication.yaml, as it was named; the same for all configurations.
    FileWatch watch_;
    RequestGate gate_;
    ServiceState state_;
    StatusStore store_;
    StatusServer server_;
    mutable std::mutex mutex_; ///< Of the members below.
    /// Shared, because a successor is tried out against it for as long as that takes.
    std::shared_ptr<Replication> current_;
    std::unique_ptr<Replication> next_; ///< Takes over as soon as the current one has ended.
    std::stop_source replaced_;         ///< Ends the current one.
};

} // namespace zohosyncd
