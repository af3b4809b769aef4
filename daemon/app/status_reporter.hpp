#pragma once

#include "daemon/app/progress.hpp"
#include "daemon/app/run_context.hpp"
#include "daemon/config/config.hpp"
#include "daemon/runtime/clock.hpp"
#include "daemon/status/status_store.hpp"
#include "daemon/zoho/request_gate.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

namespace zohosyncd {

/// Watches how far a scan has come, from one look to the next. Not thread-safe.
class ScanWatch {
public:
    /// `scan` as in sync_state; empty when there is none.
    [[nodiscard]] std::optional<ScanPace> look(const std::string& scan, Clock::TimePoint now);

private:
    std::string began_as_; ///< What tells this scan from the one before.
    double first_share_ = 0;
    Clock::TimePoint first_seen_;
};

/// Tells the status store about the replication of one configuration for as long as it lives. Looks
/// at the target once a second, from a thread and through a connection of its own, so that a target
/// that hangs holds up nobody else.
class StatusReporter {
public:
    /// What of the live view changes at any moment; asked on the server's thread.
    using AskMore = std::function<void(LiveView&)>;

    StatusReporter(StatusStore& store,
                   const Config& config,
                   const RequestGate& gate,
                   Clock& clock,
                   AskMore ask_more = nullptr);
    ~StatusReporter();
    StatusReporter(const StatusReporter&) = delete;
    StatusReporter& operator=(const StatusReporter&) = delete;

    /// The lease was taken under that epoch.
    void show_lease(std::int64_t epoch);

    /// Zoho was met: what the configuration really means, and the board to look at. The board must
    /// outlive the reporter.
    void show(const Config& config, const Organisation& organisation, const ProgressBoard& board);

private:
    [[nodiscard]] LiveView live_view() const;
    void collect(const std::stop_token& stop);
    void look(Sink& sink);
    void look_at_report(Sink& sink, TargetView& view);
    void count_rows(Sink& sink, TargetView& view);
    void count_rows_of(Sink& sink, const TableName& table);

    StatusStore& store_;
    const TargetConnection target_;
    const std::string state_schema_;
    const std::string connection_;
    const RequestGate& gate_;
    Clock& clock_;
    AskMore ask_more_;
    mutable std::mutex mutex_;
    LiveView known_; ///< What does not change by itself.
    const ProgressBoard* board_ = nullptr;
    // Of the collector's thread.
    std::map<std::string, ScanWatch> scans_;
    TargetReport report_;
    std::map<std::string, std::uint64_t> rows_;
    Clock::TimePoint next_report_;
    Clock::TimePoint next_count_;
    StatusStore::Source source_;
    std::jthread thread_;
};

} // namespace zohosyncd
