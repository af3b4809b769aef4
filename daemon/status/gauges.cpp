#include "daemon/status/gauges.hpp"

#include "daemon/status/judgement.hpp"

#include <algorithm>
#include <string>

namespace zohosyncd {
namespace {

using metrics::Labels;
using metrics::Metric;
using std::chrono::seconds;

class Gauges {
public:
    explicit Gauges(const StatusView& view) : view_(view) {}

    void add(Metric metric, Labels labels, double value) {
        samples_.push_back({metric, std::move(labels), value});
    }

    template <class Number> void add_number(Metric metric, Labels labels, Number value) {
        add(metric, std::move(labels), static_cast<double>(value));
    }

    void add_time(Metric metric, Labels labels, std::optional<std::chrono::sys_seconds> time) {
        if (time) {
            add_number(metric, std::move(labels), time->time_since_epoch().count());
        }
    }

    /// Of an instant on the steady clock.
    void add_time(Metric metric, Labels labels, Clock::TimePoint time) {
        const auto ago = std::chrono::floor<seconds>(view_.now - time);
        add_time(metric, std::move(labels), view_.wall - ago);
    }

    void add_stream(const StreamLine& line);
    void add_live(const LiveView& live);
    void add_process(std::string_view version);

    std::vector<metrics::Sample> take() { return std::move(samples_); }

private:
    void add_state(const Labels& labels, const StreamState& state);
    void add_tables(const Labels& labels, const std::string& table);
    void add_credits(const LiveView& live);

    const StatusView& view_;
    std::vector<metrics::Sample> samples_;
};

void Gauges::add_stream(const StreamLine& line) {
    const Labels labels{{"stream", line.plan->stream}};
    if (const auto age = freshness(line, view_)) {
        add_number(Metric::freshness_seconds, labels, age->count());
    }
    if (line.plan->interval) {
        add_number(Metric::schedule_interval_seconds, labels, line.plan->interval->count());
    }
    const auto status = line.state != nullptr ? line.state->status : StreamStatus::never;
    if (view_.target) {
        for (const auto each : {StreamStatus::never,
                                StreamStatus::ok,
                                StreamStatus::backoff,
                                StreamStatus::denied,
                                StreamStatus::blocked}) {
            add(Metric::stream_state,
                {{"stream", line.plan->stream}, {"state", to_string(each)}},
                each == status ? 1 : 0);
        }
        add_tables(labels, line.plan->target);
    }
    if (line.state != nullptr) {
        add_state(labels, *line.state);
    }
}

void Gauges::add_state(const Labels& labels, const StreamState& state) {
    const auto with_phase = [&labels](const char* phase) {
        Labels all = labels;
        all.push_back({"phase", phase});
        return all;
    };
    add_time(Metric::high_water_mark_timestamp_seconds, labels, state.high_water_mark);
    add_time(Metric::last_success_timestamp_seconds, with_phase("scan"), state.last_success_at);
    add_time(Metric::last_attempt_timestamp_seconds, labels, state.last_attempt_at);
    add_time(Metric::last_success_timestamp_seconds, with_phase("deletes"), state.deletes_mark);
    if (state.verification) {
        add_time(Metric::last_success_timestamp_seconds,
                 with_phase("verify"),
                 std::optional(state.verification->at));
    }
    add_number(Metric::consecutive_failures, labels, state.consecutive_failures);
    add_number(Metric::divergence_rows, labels, divergence(state));
    add(Metric::verification_needed, labels, needs_verification(state) ? 1 : 0);
}

void Gauges::add_tables(const Labels& labels, const std::string& table) {
    const auto& target = *view_.target;
    if (const auto rows = target.rows.find(table); rows != target.rows.end()) {
        add_number(Metric::rows_target, labels, rows->second);
    }
    const auto entries = target.report.quarantined.find(table);
    add_number(Metric::quarantine_rows,
               labels,
               entries == target.report.quarantined.end() ? 0 : entries->second);
    if (const auto columns = target.report.columns.find(table);
        columns != target.report.columns.end()) {
        add_number(Metric::columns_used, labels, columns->second);
    }
}

void Gauges::add_credits(const LiveView& live) {
    add_number(Metric::api_credits_allowed, {}, live.credits_allowed);
    if (live.credits_left) {
        add_number(Metric::api_credits_remaining, {}, *live.credits_left);
    }
    if (!view_.target) {
        return;
    }
    std::uint64_t used = 0;
    std::uint64_t last_hour = 0;
    for (const auto& [begin, credits] : view_.target->report.credits) {
        used += credits;
        last_hour += begin > view_.wall - std::chrono::hours(1) ? credits : 0;
    }
    add_number(Metric::api_credits_used_24h, {}, used);
    if (live.credits_left && last_hour > 0) {
        add(Metric::api_credits_forecast_hours,
            {},
            static_cast<double>(std::max<std::int64_t>(*live.credits_left, 0)) /
                static_cast<double>(last_hour));
    }
}

void Gauges::add_live(const LiveView& live) {
    if (live.credits_allowed > 0) {
        add_credits(live);
    }
    add_number(Metric::inflight_requests, {}, live.in_flight);
    add_number(Metric::waiting_requests, {}, live.waiting);
    add(Metric::organisation_paused, {}, live.paused_until ? 1 : 0);
    add_number(Metric::clock_skew_seconds, {}, live.clock_skew.count());
    add_number(Metric::fence_epoch, {}, live.epoch);
    add_time(
        Metric::loop_progress_timestamp_seconds, {{"thread", "workers"}}, view_.now - live.silence);
    add_number(Metric::config_generation, {}, live.config_generation);
    add(Metric::config_reload_ok, {}, live.reload_error.empty() ? 1 : 0);
    const bool is_active = live.epoch > 0;
    add(Metric::role, {{"role", "active"}}, is_active ? 1 : 0);
    add(Metric::role, {{"role", "standby"}}, is_active ? 0 : 1);
}

void Gauges::add_process(std::string_view version) {
    add(Metric::build_info, {{"version", std::string(version)}}, 1);
    add_time(Metric::process_start_time_seconds, {}, std::optional(view_.started));
    for (const auto phase : {Phase::waiting_for_target,
                             Phase::standing_by,
                             Phase::waiting_for_zoho,
                             Phase::syncing,
                             Phase::stopping}) {
        std::string word = to_string(phase);
        std::transform(word.begin(), word.end(), word.begin(), [](char c) {
            return c == ' ' ? '_' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        });
        add(Metric::up_phase, {{"phase", word}}, view_.phase == phase ? 1 : 0);
    }
    if (view_.target) {
        add_time(Metric::loop_progress_timestamp_seconds,
                 {{"thread", "collector"}},
                 view_.target->read_at);
        add_number(Metric::target_read_age_seconds,
                   {},
                   std::chrono::floor<seconds>(view_.now - view_.target->read_at).count());
    }
    for (auto& sample : metrics::process_samples()) {
        samples_.push_back(std::move(sample));
    }
}

} // namespace

std::vector<metrics::Sample> gauges_of(const StatusView& view, std::string_view version) {
    Gauges gauges(view);
    for (const auto& line : lines_of(view)) {
        gauges.add_stream(line);
    }
    if (view.live) {
        gauges.add_live(*view.live);
    }
    gauges.add_process(version);
    return gauges.take();
}

} // namespace zohosyncd
