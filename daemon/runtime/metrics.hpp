#pragma once

#include <chrono>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// What is counted while the process lives, like the log a thing of the whole process: it outlives
/// a reload, and whoever has something to count needs no object for it. Thread-safe.
namespace zohosyncd::metrics {

/// docs/operate.md says what each is for. Labels come from closed sets: streams, endpoints, kinds.
enum class Metric {
    // Gauges of a stream.
    freshness_seconds,
    schedule_interval_seconds,
    high_water_mark_timestamp_seconds,
    last_success_timestamp_seconds,
    last_attempt_timestamp_seconds,
    stream_state,
    consecutive_failures,
    rows_target,
    rows_source,
    divergence_rows,
    verification_needed,
    quarantine_rows,
    columns_used,
    // Gauges of the process.
    up_phase,
    role,
    fence_epoch,
    lock_age_seconds,
    loop_progress_timestamp_seconds,
    target_read_age_seconds,
    inflight_requests,
    waiting_requests,
    organisation_paused,
    api_credits_allowed,
    api_credits_used_24h,
    api_credits_remaining,
    api_credits_forecast_hours,
    auth_state,
    token_expires_timestamp_seconds,
    clock_skew_seconds,
    config_reload_ok,
    config_generation,
    status_connections,
    process_resident_memory_bytes,
    process_open_fds,
    process_start_time_seconds,
    build_info,
    // Counters.
    rows_received_total,
    rows_upserted_total,
    rows_unchanged_total,
    rows_deleted_total,
    values_sanitised_total,
    values_quarantined_total,
    runs_total,
    errors_total,
    retries_total,
    http_requests_total,
    throttled_seconds_total,
    token_requests_total,
    pg_errors_total,
    pg_reconnects_total,
    commit_in_doubt_total,
    log_dropped_total,
    ddl_lock_waits_total,
    clock_jumps_total,
    resume_events_total,
    process_cpu_seconds_total,
    // Histograms.
    http_request_seconds,
    pg_commit_seconds,
};

struct Label {
    std::string name;
    std::string value;

    bool operator==(const Label&) const = default;
};

using Labels = std::vector<Label>;

/// One value at one moment.
struct Sample {
    Metric metric;
    Labels labels;
    double value = 0;
};

/// Without the prefix: "freshness_seconds".
const char* name_of(Metric metric);

/// Raises a counter.
void count(Metric counter, const Labels& labels, double by = 1);
/// Adds a duration to a histogram.
void observe(Metric histogram, const Labels& labels, std::chrono::duration<double> took);
/// Keeps the value of a gauge that nobody else holds.
void set(Metric gauge, const Labels& labels, double value);

/// Notes that what the gauge is the age of happened now; from then on text() has its age.
void mark(Metric age_gauge);

/// Everything in Prometheus' text format: what was counted and set, and the given gauges.
[[nodiscard]] std::string text(std::span<const Sample> gauges);

/// Observes how long it lived.
class Stopwatch {
public:
    explicit Stopwatch(Metric histogram, Labels labels = {});
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;
    ~Stopwatch();

private:
    Metric histogram_;
    Labels labels_;
    std::chrono::steady_clock::time_point begun_;
};

/// Memory, descriptors and processor time of this process, as far as /proc tells.
[[nodiscard]] std::vector<Sample> process_samples();

} // namespace zohosyncd::metrics
