#include "daemon/runtime/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>

namespace zohosyncd::metrics {
namespace {

enum class Kind { gauge, counter, histogram };

struct Description {
    Metric metric;
    Kind kind;
    const char* name;
    const char* help;
};

constexpr Description descriptions[] = {
    {Metric::freshness_seconds,
     Kind::gauge,
     "freshness_seconds",
     "Now less the time of Zoho's up to which a complete run is committed"},
    {Metric::schedule_interval_seconds,
     Kind::gauge,
     "schedule_interval_seconds",
     "How far apart the stream's runs are meant to be"},
    {Metric::high_water_mark_timestamp_seconds,
     Kind::gauge,
     "high_water_mark_timestamp_seconds",
     "Greatest Modified_Time that a complete scan committed"},
    {Metric::last_success_timestamp_seconds,
     Kind::gauge,
     "last_success_timestamp_seconds",
     "When a run, or a verification, last came to its end"},
    {Metric::last_attempt_timestamp_seconds,
     Kind::gauge,
     "last_attempt_timestamp_seconds",
     "When the stream last committed something or failed"},
    {Metric::stream_state, Kind::gauge, "stream_state", "1 for the state the stream is in"},
    {Metric::consecutive_failures, Kind::gauge, "consecutive_failures", "Failed runs in a row"},
    {Metric::rows_target, Kind::gauge, "rows_target", "Rows of the target table, about"},
    {Metric::rows_source,
     Kind::gauge,
     "rows_source",
     "Records that Zoho listed to the last complete verification"},
    {Metric::divergence_rows,
     Kind::gauge,
     "divergence_rows",
     "Differences that the last verification left"},
    {Metric::verification_needed,
     Kind::gauge,
     "verification_needed",
     "1 while deletions may be unknown until a verification"},
    {Metric::quarantine_rows,
     Kind::gauge,
     "quarantine_rows",
     "Values and records that the target could not take"},
    {Metric::columns_used,
     Kind::gauge,
     "columns_used",
     "Columns of the target table; 1600 at most"},
    {Metric::up_phase, Kind::gauge, "phase", "1 for what the process is at"},
    {Metric::role, Kind::gauge, "role", "1 for active or standby"},
    {Metric::fence_epoch, Kind::gauge, "fence_epoch", "Epoch under which this process writes"},
    {Metric::lock_age_seconds,
     Kind::gauge,
     "lock_age_seconds",
     "How long ago the lease was last confirmed; another takes it after eight"},
    {Metric::loop_progress_timestamp_seconds,
     Kind::gauge,
     "loop_progress_timestamp_seconds",
     "When the thread last turned its loop"},
    {Metric::target_read_age_seconds,
     Kind::gauge,
     "target_read_age_seconds",
     "How old the last look at the target is"},
    {Metric::inflight_requests, Kind::gauge, "inflight_requests", "Requests to Zoho under way"},
    {Metric::waiting_requests,
     Kind::gauge,
     "waiting_requests",
     "Requests that wait for the rate, a place or the end of a pause"},
    {Metric::organisation_paused,
     Kind::gauge,
     "organisation_paused",
     "1 while nothing is sent to Zoho because all of it is in trouble"},
    {Metric::api_credits_allowed,
     Kind::gauge,
     "api_credits_allowed",
     "Credits that may be spent in 24 hours, the reserve taken off"},
    {Metric::api_credits_used_24h,
     Kind::gauge,
     "api_credits_used_24h",
     "Credits spent in the last 24 hours"},
    {Metric::api_credits_remaining,
     Kind::gauge,
     "api_credits_remaining",
     "Credits that may still be spent now"},
    {Metric::api_credits_forecast_hours,
     Kind::gauge,
     "api_credits_forecast_hours",
     "Hours until the credits are spent at the rate of the last hour"},
    {Metric::auth_state, Kind::gauge, "auth_state", "1 for the state of the access token"},
    {Metric::token_expires_timestamp_seconds,
     Kind::gauge,
     "token_expires_timestamp_seconds",
     "When the access token runs out"},
    {Metric::clock_skew_seconds,
     Kind::gauge,
     "clock_skew_seconds",
     "Zoho's Date less this machine's clock"},
    {Metric::config_reload_ok,
     Kind::gauge,
     "config_reload_ok",
     "0 while the files hold a configuration that was refused"},
    {Metric::config_generation,
     Kind::gauge,
     "config_generation",
     "How many configurations were in force since the start"},
    {Metric::status_connections,
     Kind::gauge,
     "status_connections",
     "Connections to the status server"},
    {Metric::process_resident_memory_bytes,
     Kind::gauge,
     "process_resident_memory_bytes",
     "Resident memory"},
    {Metric::process_open_fds, Kind::gauge, "process_open_fds", "Open file descriptors"},
    {Metric::process_start_time_seconds,
     Kind::gauge,
     "process_start_time_seconds",
     "Start of the process"},
    {Metric::build_info, Kind::gauge, "build_info", "1, with the version as label"},
    {Metric::rows_received_total,
     Kind::counter,
     "rows_received_total",
     "Records read from Zoho, repeats included"},
    {Metric::rows_upserted_total, Kind::counter, "rows_upserted_total", "Rows inserted or updated"},
    {Metric::rows_unchanged_total,
     Kind::counter,
     "rows_unchanged_total",
     "Rows that were as read already, and not written"},
    {Metric::rows_deleted_total, Kind::counter, "rows_deleted_total", "Rows marked or removed"},
    {Metric::values_sanitised_total,
     Kind::counter,
     "values_sanitised_total",
     "Characters that no database takes, replaced by U+FFFD"},
    {Metric::values_quarantined_total,
     Kind::counter,
     "values_quarantined_total",
     "Values and records put into quarantine"},
    {Metric::runs_total, Kind::counter, "runs_total", "Runs that came to an end"},
    {Metric::errors_total, Kind::counter, "errors_total", "Failed runs by kind of error"},
    {Metric::retries_total, Kind::counter, "retries_total", "What was tried again, and why"},
    {Metric::http_requests_total,
     Kind::counter,
     "http_requests_total",
     "Requests to Zoho by endpoint and outcome"},
    {Metric::throttled_seconds_total,
     Kind::counter,
     "throttled_seconds_total",
     "Time that requests waited for the rate or for a pause"},
    {Metric::token_requests_total,
     Kind::counter,
     "token_requests_total",
     "Access tokens asked for"},
    {Metric::pg_errors_total,
     Kind::counter,
     "pg_errors_total",
     "Errors of the target by SQLSTATE, or SQLite's name"},
    {Metric::pg_reconnects_total,
     Kind::counter,
     "pg_reconnects_total",
     "Connections to the target that were opened"},
    {Metric::commit_in_doubt_total,
     Kind::counter,
     "commit_in_doubt_total",
     "Commits whose reply was lost, by what became of them"},
    {Metric::log_dropped_total, Kind::counter, "log_dropped_total", "Log lines that were dropped"},
    {Metric::ddl_lock_waits_total,
     Kind::counter,
     "ddl_lock_waits_total",
     "Changes of a table that gave way to another session's lock"},
    {Metric::clock_jumps_total,
     Kind::counter,
     "clock_jumps_total",
     "How often this machine's clock was set by more than two seconds"},
    {Metric::resume_events_total,
     Kind::counter,
     "resume_events_total",
     "How often the process went on after having been stopped for ten seconds"},
    {Metric::process_cpu_seconds_total,
     Kind::counter,
     "process_cpu_seconds_total",
     "Processor time"},
    {Metric::http_request_seconds,
     Kind::histogram,
     "http_request_seconds",
     "How long Zoho took to answer"},
    {Metric::pg_commit_seconds,
     Kind::histogram,
     "pg_commit_seconds",
     "How long a transaction took, its commit included"},
};

constexpr std::string_view prefix = "zohosyncd_";

const Description& describe(Metric metric) {
    const auto& found = descriptions[static_cast<std::size_t>(metric)];
    assert(found.metric == metric); // The table is in the order of the enumeration.
    return found;
}

std::string full_name(const Description& description) {
    return std::string(prefix) + description.name;
}

prometheus::Labels to_prometheus(const Labels& labels) {
    prometheus::Labels out;
    for (const auto& label : labels) {
        out[label.name] = label.value;
    }
    return out;
}

/// A loopback or a continent, a row or a merge: from a millisecond to half a minute.
const prometheus::Histogram::BucketBoundaries buckets{
    0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

template <class Kind> using Families = std::map<Metric, prometheus::Family<Kind>*>;

std::chrono::steady_clock::time_point steady_now() {
    return std::chrono::steady_clock::now();
}

/// What was counted since the process began.
class Book {
public:
    Book() {
        for (const auto& each : descriptions) {
            open(each);
        }
        // A counter that first shows with its first event has no increase that an alert could see.
        for (const auto* state : {"53100", "53300", "57014", "55P03", "40001", "40P01", "42501"}) {
            count(Metric::pg_errors_total, {{"sqlstate", state}}, 0);
        }
        for (const auto* verdict : {"committed", "lost", "unknown"}) {
            count(Metric::commit_in_doubt_total, {{"verdict", verdict}}, 0);
        }
        for (const auto* outcome : {"ok", "refused", "failed"}) {
            count(Metric::token_requests_total, {{"outcome", outcome}}, 0);
        }
        for (const auto metric : {Metric::log_dropped_total,
                                  Metric::pg_reconnects_total,
                                  Metric::ddl_lock_waits_total,
                                  Metric::clock_jumps_total,
                                  Metric::resume_events_total}) {
            count(metric, {}, 0);
        }
    }

    void count(Metric metric, const Labels& labels, double by) {
        counters_.at(metric)->Add(to_prometheus(labels)).Increment(by);
    }

    void observe(Metric metric, const Labels& labels, double seconds) {
        histograms_.at(metric)->Add(to_prometheus(labels), buckets).Observe(seconds);
    }

    void set(Metric metric, const Labels& labels, double value) {
        gauges_.at(metric)->Add(to_prometheus(labels)).Set(value);
    }

    void mark(Metric metric) {
        const std::lock_guard lock(mutex_);
        marked_[metric] = steady_now();
    }

    [[nodiscard]] std::vector<prometheus::MetricFamily> collect() {
        {
            const std::lock_guard lock(mutex_);
            for (const auto& [metric, at] : marked_) {
                set(metric, {}, std::chrono::duration<double>(steady_now() - at).count());
            }
        }
        return registry_.Collect();
    }

private:
    void open(const Description& each) {
        const auto name = full_name(each);
        switch (each.kind) {
        case Kind::counter:
            counters_[each.metric] =
                &prometheus::BuildCounter().Name(name).Help(each.help).Register(registry_);
            break;
        case Kind::histogram:
            histograms_[each.metric] =
                &prometheus::BuildHistogram().Name(name).Help(each.help).Register(registry_);
            break;
        case Kind::gauge:
            gauges_[each.metric] =
                &prometheus::BuildGauge().Name(name).Help(each.help).Register(registry_);
            break;
        }
    }

    prometheus::Registry registry_;
    Families<prometheus::Counter> counters_;
    Families<prometheus::Histogram> histograms_;
    Families<prometheus::Gauge> gauges_;
    std::mutex mutex_;
    std::map<Metric, std::chrono::steady_clock::time_point> marked_;
};

Book& book() {
    static Book only;
    return only;
}

} // namespace

const char* name_of(Metric metric) {
    return describe(metric).name;
}

void count(Metric counter, const Labels& labels, double by) {
    book().count(counter, labels, by);
}

void observe(Metric histogram, const Labels& labels, std::chrono::duration<double> took) {
    book().observe(histogram, labels, took.count());
}

void set(Metric gauge, const Labels& labels, double value) {
    book().set(gauge, labels, value);
}

void mark(Metric age_gauge) {
    book().mark(age_gauge);
}

std::string text(std::span<const Sample> gauges) {
    auto families = book().collect();
    std::map<std::string, std::size_t> index;
    for (std::size_t i = 0; i < families.size(); ++i) {
        index[families[i].name] = i;
    }
    for (const auto& sample : gauges) {
        const auto& description = describe(sample.metric);
        const auto name = full_name(description);
        auto [found, is_new] = index.try_emplace(name, families.size());
        if (is_new) {
            const auto type = description.kind == Kind::counter ? prometheus::MetricType::Counter
                                                                : prometheus::MetricType::Gauge;
            families.push_back({name, description.help, type, {}});
        }
        prometheus::ClientMetric metric;
        for (const auto& label : sample.labels) {
            metric.label.push_back({label.name, label.value});
        }
        metric.gauge.value = sample.value;
        metric.counter.value = sample.value;
        families[found->second].metric.push_back(std::move(metric));
    }
    std::erase_if(families, [](const auto& family) { return family.metric.empty(); });
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families);
    return std::move(out).str();
}

Stopwatch::Stopwatch(Metric histogram, Labels labels)
    : histogram_(histogram), labels_(std::move(labels)), begun_(steady_now()) {}

Stopwatch::~Stopwatch() {
    observe(histogram_, labels_, steady_now() - begun_);
}

std::vector<Sample> process_samples() {
    std::vector<Sample> samples;
    // proc(5): fields 14 and 15 of stat, counted behind the name, which may hold anything.
    std::ifstream stat("/proc/self/stat");
    std::string line;
    std::getline(stat, line);
    std::istringstream fields(line.substr(std::min(line.rfind(')') + 2, line.size())));
    const std::vector<std::string> values{std::istream_iterator<std::string>(fields), {}};
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    if (values.size() > 12) {
        samples.push_back({Metric::process_cpu_seconds_total,
                           {},
                           (std::stod(values[11]) + std::stod(values[12])) / ticks});
    }
    std::ifstream pages("/proc/self/statm");
    double size = 0;
    double resident = 0;
    if (pages >> size >> resident) {
        samples.push_back({Metric::process_resident_memory_bytes,
                           {},
                           resident * static_cast<double>(sysconf(_SC_PAGESIZE))});
    }
    std::error_code error;
    const std::filesystem::directory_iterator descriptors("/proc/self/fd", error);
    if (!error) {
        samples.push_back(
            {Metric::process_open_fds,
             {},
             static_cast<double>(std::distance(begin(descriptors), end(descriptors)))});
    }
    return samples;
}

} // namespace zohosyncd::metrics
