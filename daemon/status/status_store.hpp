#pragma once

#include "daemon/core/stream_state.hpp"
#include "daemon/core/target_report.hpp"
#include "daemon/runtime/clock.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd {

/// What the process is at. It begins with waiting for the target.
enum class Phase { waiting_for_target, standing_by, waiting_for_zoho, syncing, stopping };

const char* to_string(Phase phase);

/// How far an unfinished scan has come, between its lower bound and the time when it began. Records
/// are not spread evenly over time, so this is a rough guess.
struct ScanPace {
    double share = 0; ///< 0 to 1.
    std::optional<Clock::TimePoint> done_at;
};

/// What the target said when it was last asked.
struct TargetView {
    std::vector<StreamState> states;
    TargetReport report;
    std::map<std::string, std::uint64_t> rows; ///< By table; about.
    std::map<std::string, ScanPace> scans;     ///< By stream: those that a state row shows.
    Clock::TimePoint read_at;
    std::chrono::sys_seconds read_wall; ///< The same instant on the wall's clock.
};

/// A stream as the configuration has it.
struct StreamSetup {
    std::string stream;
    std::string target; ///< "schema.table"
    std::string mode;
    std::string schedule;                         ///< As it was written.
    std::optional<std::chrono::seconds> interval; ///< Between two runs; unset when manual.
    std::string mode_reason = {}; ///< Why it is not the mode of the file; mostly empty.
};

/// What a stream does at this moment.
struct StreamNow {
    std::string activity = "waiting";
    bool is_running = false;
    std::uint64_t pages = 0;
    std::uint64_t requests = 0;
    std::uint64_t rows_read = 0;
    std::uint64_t written = 0;
    std::string error; ///< Of the last run, when it failed.
    Clock::TimePoint started;
    std::optional<Clock::TimePoint> next_run;
};

/// What the objects of the running configuration say when they are asked. Asking takes no longer
/// than their locks.
struct LiveView {
    std::string file;
    std::string source; ///< Name of the connection.
    std::string target; ///< For people, without a password.
    std::string organisation;
    std::vector<StreamSetup> plans;
    std::map<std::string, StreamNow> now; ///< By stream.
    std::int64_t epoch = 0;
    std::uint64_t requests_sent = 0;
    std::size_t in_flight = 0;
    std::size_t waiting = 0;
    std::size_t requests_per_second = 0; ///< The limit.
    std::size_t concurrency = 0;         ///< The limit.
    std::optional<Clock::TimePoint> paused_until;
    std::optional<std::int64_t> credits_left;
    std::uint64_t credits_allowed = 0;
    double stretch = 1; ///< By how much intervals are longer than asked for.
    /// Zoho's Date less our clock, as last seen.
    std::chrono::seconds clock_skew{0};
    /// For how long a thread that should be working has given no sign of life.
    std::chrono::milliseconds silence{0};
    std::uint64_t config_generation = 1;
    std::string reload_error; ///< Why the files as they are were refused; empty when they were not.
};

/// Requests of ten minutes.
struct RequestSlice {
    std::uint64_t requests = 0;
    std::uint64_t most_in_a_second = 0;
};

/// Ten minutes each, the last one still open: a day.
using RequestHistory = std::array<RequestSlice, 144>;

/// Everything that can be said at one moment without asking anybody who may not answer.
struct StatusView {
    Clock::TimePoint now;
    std::chrono::sys_seconds wall;
    std::chrono::sys_seconds started;
    Phase phase = Phase::waiting_for_target;
    std::string waiting_for; ///< The error that holds the start up; empty when there is none.
    std::shared_ptr<const TargetView> target; ///< Null before the target was first read.
    std::string target_error; ///< Why it could not be read since; empty when it could.
    std::optional<LiveView> live;
    RequestHistory requests;
};

/// Where the parts of the process leave what the status server tells. It outlives reloads of the
/// configuration. Thread-safe; nothing in it waits for a database or for Zoho.
class StatusStore {
public:
    explicit StatusStore(Clock& clock);

    void set_phase(Phase phase);
    /// An error that holds the start up, or nothing.
    void set_waiting_for(std::string error);
    void publish(TargetView view);
    void publish_error(std::string error);

    /// Registers who is asked for the live view, for as long as the handle lives; forgets what was
    /// published for the configuration before. Its end waits for a question under way; the last
    /// answer stays.
    class Source {
    public:
        Source(StatusStore& store, std::function<LiveView()> ask);
        Source(const Source&) = delete;
        Source& operator=(const Source&) = delete;
        ~Source();

    private:
        StatusStore& store_;
    };

    [[nodiscard]] StatusView view() const;

    /// Notes how many requests were sent in the last second, and whether a clock was set or the
    /// process stopped since the last call. To be called about once a second.
    void sample();

private:
    void watch_clocks();

    Clock& clock_;
    const std::chrono::sys_seconds started_;
    mutable std::mutex mutex_;
    Phase phase_ = Phase::waiting_for_target;
    std::string waiting_for_;
    std::shared_ptr<const TargetView> target_;
    std::string target_error_;
    RequestHistory requests_{};
    std::int64_t slice_ = 0; ///< Number of the last of `requests_`.
    std::uint64_t sent_ = 0;
    std::optional<Clock::TimePoint> sampled_at_;
    std::chrono::system_clock::time_point sampled_wall_; ///< The same instant.
    mutable std::mutex source_mutex_;                    ///< Held while the source is asked.
    std::function<LiveView()> ask_;
    std::optional<LiveView> last_live_;
};

} // namespace zohosyncd
