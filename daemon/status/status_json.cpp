#include "daemon/status/status_json.hpp"

#include "daemon/core/time.hpp"
#include "daemon/status/judgement.hpp"

#include <nlohmann/json.hpp>

namespace zohosyncd {
namespace {

using nlohmann::json;
using std::chrono::seconds;

json json_of(const std::optional<std::chrono::sys_seconds>& time) {
    return time ? json(format_utc(*time)) : json();
}

json json_of(const std::optional<seconds>& duration) {
    return duration ? json(duration->count()) : json();
}

json json_of(const std::string& text) {
    return text.empty() ? json() : json(text);
}

json progress(const StreamLine& line, const StatusView& view) {
    if (line.now == nullptr || !line.now->is_running) {
        return nullptr;
    }
    const double took = std::chrono::duration<double>(view.now - line.now->started).count();
    json out{{"pages", line.now->pages},
             {"requests", line.now->requests},
             {"rows_read", line.now->rows_read},
             {"rows_written", line.now->written},
             {"seconds", static_cast<std::int64_t>(took)},
             {"rows_per_second",
              took >= 1
                  ? json(static_cast<std::int64_t>(static_cast<double>(line.now->rows_read) / took))
                  : json()},
             {"share", nullptr},
             {"eta_seconds", nullptr}};
    if (view.target) {
        if (const auto found = view.target->scans.find(line.plan->stream);
            found != view.target->scans.end()) {
            out["share"] = found->second.share;
            if (const auto& done_at = found->second.done_at) {
                out["eta_seconds"] = std::max<std::int64_t>(
                    0, std::chrono::ceil<seconds>(*done_at - view.now).count());
            }
        }
    }
    return out;
}

template <class Map> json find_in(const Map& map, const std::string& key) {
    const auto found = map.find(key);
    return found == map.end() ? json() : json(found->second);
}

void add_state(json& out, const StreamState& state) {
    out["status"] = to_string(state.status);
    out["consistent_as_of"] = json_of(state.consistent_as_of);
    out["high_water_mark"] = json_of(state.high_water_mark);
    out["last_attempt_at"] = json_of(state.last_attempt_at);
    out["last_success_at"] = json_of(state.last_success_at);
    out["rows_upserted"] = state.rows_upserted;
    out["rows_unchanged"] = state.rows_unchanged;
    out["rows_deleted"] = state.rows_deleted;
    out["consecutive_failures"] = state.consecutive_failures;
    out["verified_at"] = state.verification ? json(format_utc(state.verification->at)) : json();
    out["differences"] = state.verification ? json(divergence(state)) : json();
    out["verification_needed"] = needs_verification(state);
    out["formulas_at"] = state.formulas ? json(format_utc(state.formulas->at)) : json();
    out["formulas_corrected"] = state.formulas ? json(state.formulas->corrected) : json();
}

/// An error that a good run has followed is history.
std::string error_of(const StreamLine& line) {
    if (line.state != nullptr && !line.state->last_error.empty()) {
        return line.state->last_error;
    }
    return line.now != nullptr ? line.now->error : std::string{};
}

json stream_json(const StreamLine& line, const StatusView& view) {
    const auto age = freshness(line, view);
    const auto allowed = allowed_age(line);
    json out{{"stream", line.plan->stream},
             {"target", line.plan->target},
             {"mode", line.plan->mode},
             {"mode_reason", json_of(line.plan->mode_reason)},
             {"schedule", line.plan->schedule},
             {"interval_seconds", json_of(line.plan->interval)},
             {"status", "never"},
             {"activity", line.now != nullptr ? json(line.now->activity) : json()},
             {"freshness_seconds", json_of(age)},
             {"allowed_seconds", json_of(allowed)},
             {"is_fresh", age ? json(!allowed || *age <= *allowed) : json(false)},
             {"next_run_seconds", nullptr},
             {"progress", progress(line, view)},
             {"rows", nullptr},
             {"quarantined", 0},
             {"last_error", json_of(error_of(line))},
             {"next_step", json_of(next_step(line))}};
    if (line.now != nullptr && line.now->next_run && !line.now->is_running) {
        out["next_run_seconds"] = std::max<std::int64_t>(
            0, std::chrono::ceil<seconds>(*line.now->next_run - view.now).count());
    }
    if (line.state != nullptr) {
        add_state(out, *line.state);
    }
    if (view.target) {
        out["rows"] = find_in(view.target->rows, line.plan->target);
        if (const auto entries = find_in(view.target->report.quarantined, line.plan->target);
            !entries.is_null()) {
            out["quarantined"] = entries;
        }
    }
    return out;
}

json runs_json(const TargetReport& report) {
    json out = json::array();
    for (const auto& run : report.runs) {
        out.push_back({{"stream", run.stream},
                       {"mode", run.mode},
                       {"finished_at", format_utc(run.finished_at)},
                       {"seconds", static_cast<double>(run.took.count()) / 1000},
                       {"requests", run.requests},
                       {"rows_read", run.rows_read},
                       {"inserted", run.inserted},
                       {"updated", run.updated},
                       {"deleted", run.deleted},
                       {"quarantined", run.quarantined}});
    }
    return out;
}

json requests_json(const RequestHistory& history) {
    json counts = json::array();
    json peaks = json::array();
    for (const auto& slice : history) {
        counts.push_back(slice.requests);
        peaks.push_back(slice.most_in_a_second);
    }
    return {{"slice_seconds", 600}, {"requests", counts}, {"most_in_a_second", peaks}};
}

json credits_json(const StatusView& view) {
    constexpr std::chrono::minutes length{10};
    const auto last =
        std::chrono::floor<std::chrono::minutes>(view.wall).time_since_epoch() / length;
    json spent = json::array();
    std::uint64_t sum = 0;
    const auto slices = static_cast<std::int64_t>(view.requests.size());
    for (std::int64_t i = last - slices + 1; i <= last; ++i) {
        const auto found = view.target->report.credits.find(std::chrono::sys_seconds(i * length));
        const auto credits = found == view.target->report.credits.end() ? 0 : found->second;
        spent.push_back(credits);
        sum += credits;
    }
    return {{"slice_seconds", 600}, {"spent", spent}, {"used_24h", sum}};
}

json zoho_json(const LiveView& live, const StatusView& view) {
    return {{"organisation", json_of(live.organisation)},
            {"requests_sent", live.requests_sent},
            {"in_flight", live.in_flight},
            {"waiting", live.waiting},
            {"rate_limit", live.requests_per_second},
            {"concurrency_limit", live.concurrency},
            {"pause_seconds",
             live.paused_until
                 ? json(std::max<std::int64_t>(
                       0, std::chrono::ceil<seconds>(*live.paused_until - view.now).count()))
                 : json()},
            {"credits_allowed", live.credits_allowed},
            {"credits_left", live.credits_left ? json(*live.credits_left) : json()},
            {"stretch", live.stretch},
            {"clock_skew_seconds", live.clock_skew.count()}};
}

json target_json(const StatusView& view) {
    return {{"read_age_seconds",
             view.target
                 ? json(std::chrono::floor<seconds>(view.now - view.target->read_at).count())
                 : json()},
            {"error", json_of(view.target_error)}};
}

} // namespace

std::string status_json(const StatusView& view, std::string_view version) {
    const auto live = is_live(view);
    const auto ready = is_ready(view);
    const auto fresh = is_fresh(view, std::nullopt, {});
    json out{{"version", version},
             {"now", format_utc(view.wall)},
             {"started_at", format_utc(view.started)},
             {"phase", to_string(view.phase)},
             {"waiting_for", json_of(view.waiting_for)},
             {"live", live.is_good},
             {"ready", ready.is_good},
             {"fresh", fresh.is_good},
             {"reasons", fresh.reasons},
             {"target", target_json(view)},
             {"requests", requests_json(view.requests)},
             {"streams", json::array()},
             {"runs", json::array()}};
    if (view.live) {
        out["file"] = view.live->file;
        out["source"] = view.live->source;
        out["generation"] = view.live->config_generation;
        out["reload_error"] = json_of(view.live->reload_error);
        out["target"]["name"] = view.live->target;
        out["zoho"] = zoho_json(*view.live, view);
        for (const auto& line : lines_of(view)) {
            out["streams"].push_back(stream_json(line, view));
        }
    }
    if (view.target) {
        out["credits"] = credits_json(view);
        out["runs"] = runs_json(view.target->report);
    }
    // Whatever an error quotes: a byte that is no UTF-8 must not cost the whole answer.
    return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace zohosyncd
