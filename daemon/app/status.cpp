#include "daemon/app/session.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/core/time.hpp"
#include "daemon/core/zoho_field.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <map>

namespace zohosyncd {
namespace {

using Time = std::optional<std::chrono::sys_seconds>;

/// By table.
using Counts = std::map<std::string, std::uint64_t>;

struct RowCounts {
    Counts live;    ///< Empty when nobody asked for them.
    Counts waiting; ///< Live rows whose lines were not read yet, of tables that have lines.
};

nlohmann::json json_of(const Time& time) {
    return time ? nlohmann::json(format_utc(*time)) : nlohmann::json();
}

/// Seconds since the target was last known to be complete; nothing when it never was.
std::optional<std::int64_t> freshness(const StreamState& state, std::chrono::sys_seconds now) {
    return state.consistent_as_of ? std::optional((now - *state.consistent_as_of).count())
                                  : std::nullopt;
}

/// A full refresh without an anchor, of a module of records: nothing else stores that.
bool is_read_whole(const StreamState& state) {
    const auto endpoint = find_endpoint(state.key.stream);
    return state.mode == to_string(StreamMode::full_refresh) && !state.anchor &&
           state.last_success_at && !(endpoint && endpoint->kind != EndpointKind::records);
}

std::string trouble_of(const StreamState& state) {
    if (state.last_error.empty() && state.unverified) {
        return "verification needed: the table was taken over with its rows; run `zohosyncd verify "
               "--repair`";
    }
    if (state.last_error.empty() && needs_verification(state)) {
        return "verification needed: deletions since " + format_utc(*state.deletes_mark) +
               " may be unknown; run `zohosyncd verify --repair`";
    }
    return state.last_error.empty() && is_read_whole(state) ? why_read_whole : state.last_error;
}

std::optional<std::uint64_t> rows_of(const StreamState& state, const Counts& counts) {
    const auto found = counts.find(state.key.target.text());
    return found == counts.end() ? std::nullopt : std::optional(found->second);
}

void print_json(const std::vector<StreamState>& states,
                const RowCounts& counts,
                std::chrono::sys_seconds now) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& state : states) {
        const auto fresh = freshness(state, now);
        const auto rows = rows_of(state, counts.live);
        const auto waiting = rows_of(state, counts.waiting);
        list.push_back(
            {{"connection", state.key.connection},
             {"stream", state.key.stream},
             {"target", state.key.target.text()},
             {"status", to_string(state.status)},
             {"mode", state.mode},
             {"mode_reason",
              is_read_whole(state) ? nlohmann::json(why_read_whole) : nlohmann::json()},
             {"freshness_seconds", fresh ? nlohmann::json(*fresh) : nlohmann::json()},
             {"anchor", json_of(state.anchor)},
             {"high_water_mark", json_of(state.high_water_mark)},
             {"consistent_as_of", json_of(state.consistent_as_of)},
             {"last_attempt_at", json_of(state.last_attempt_at)},
             {"last_success_at", json_of(state.last_success_at)},
             {"rows", rows ? nlohmann::json(*rows) : nlohmann::json()},
             {"details_waiting", waiting ? nlohmann::json(*waiting) : nlohmann::json()},
             {"rows_upserted", state.rows_upserted},
             {"rows_unchanged", state.rows_unchanged},
             {"rows_deleted", state.rows_deleted},
             {"consecutive_failures", state.consecutive_failures},
             {"verified_at",
              state.verification ? json_of(state.verification->at) : nlohmann::json()},
             {"differences",
              state.verification
                  ? nlohmann::json(state.verification->missing + state.verification->extra +
                                   state.verification->differing)
                  : nlohmann::json()},
             {"verification_needed", needs_verification(state)},
             {"formulas_at", state.formulas ? json_of(state.formulas->at) : nlohmann::json()},
             {"formulas_compared",
              state.formulas ? nlohmann::json(state.formulas->compared) : nlohmann::json()},
             {"formulas_corrected",
              state.formulas ? nlohmann::json(state.formulas->corrected) : nlohmann::json()},
             {"formulas_requests",
              state.formulas ? nlohmann::json(state.formulas->requests) : nlohmann::json()},
             {"scan_in_progress", !state.scan.empty()},
             {"last_error",
              state.last_error.empty() ? nlohmann::json() : nlohmann::json(state.last_error)}});
    }
    std::cout << list.dump(2) << "\n";
}

/// What the last refresh of formula fields came to, where there was one.
void print_formulas(const std::vector<StreamState>& states, std::chrono::sys_seconds now) {
    for (const auto& state : states) {
        if (state.formulas) {
            std::cout << fmt::format(
                "formula fields of {}: refreshed {} ago, {} of {} rows corrected, {} requests\n",
                state.key.stream,
                format_duration(std::max(now - state.formulas->at, std::chrono::seconds(0))),
                state.formulas->corrected,
                state.formulas->compared,
                state.formulas->requests);
        }
    }
}

void print_table(const std::vector<StreamState>& states,
                 const RowCounts& counts,
                 std::chrono::sys_seconds now) {
    std::cout << fmt::format("{:<16} {:<28} {:<8} {:>10} {:<21} {:>12} {}\n",
                             "stream",
                             "target",
                             "status",
                             "fresh",
                             "high-water mark",
                             counts.live.empty() ? "upserted" : "rows",
                             "last error");
    for (const auto& state : states) {
        const auto fresh = freshness(state, now);
        std::cout << fmt::format("{:<16} {:<28} {:<8} {:>10} {:<21} {:>12} {}\n",
                                 state.key.stream,
                                 state.key.target.text(),
                                 to_string(state.status),
                                 fresh ? format_duration(std::chrono::seconds(*fresh)) : "never",
                                 state.high_water_mark ? format_utc(*state.high_water_mark)
                                                       : "none",
                                 rows_of(state, counts.live).value_or(state.rows_upserted),
                                 trouble_of(state));
        const auto waiting = rows_of(state, counts.waiting).value_or(0);
        if (waiting > 0) {
            std::cout << fmt::format("    {} rows wait for their details\n", waiting);
        }
    }
    print_formulas(states, now);
}

} // namespace

ExitCode status_verb(const Config& config, bool as_json, bool counts_rows, Clock& clock) {
    const auto sink = make_sink(config.target, config.daemon.state_schema);
    const auto states = sink->states(config.source.name);
    const auto now = clock.wall_seconds();
    RowCounts counts;
    for (const auto& state : states) {
        if (counts_rows) {
            counts.live[state.key.target.text()] = sink->count_rows(state.key.target);
        }
        if (const auto waiting = sink->details_backlog(state.key.target)) {
            counts.waiting[state.key.target.text()] = *waiting;
        }
    }
    if (as_json) {
        print_json(states, counts, now);
    } else if (states.empty()) {
        std::cout << "no stream of " << config.source.name << " has been synced into "
                  << config.target.described << " yet; run `zohosyncd sync`\n";
    } else {
        print_table(states, counts, now);
    }
    return ExitCode::ok;
}

} // namespace zohosyncd
