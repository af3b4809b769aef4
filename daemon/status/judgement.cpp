#include "daemon/status/judgement.hpp"

#include "daemon/core/time.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

// The promise: two poll intervals and a minute, without the backlog.
constexpr seconds grace = 1min;

const StreamState* state_of(const StatusView& view, const StreamSetup& plan) {
    if (!view.target || !view.live) {
        return nullptr;
    }
    for (const auto& state : view.target->states) {
        if (state.key.connection == view.live->source && state.key.stream == plan.stream &&
            state.key.target.text() == plan.target) {
            return &state;
        }
    }
    return nullptr;
}

std::string
why_not_fresh(const StreamLine& line, const StatusView& view, std::optional<seconds> most) {
    const auto age = freshness(line, view);
    if (line.state != nullptr && line.state->unverified) {
        return "its table was taken over; `zohosyncd verify --repair` has to be run once";
    }
    if (!age) {
        return "no run of it is complete yet";
    }
    if (most && *age > *most) {
        return "it is " + format_duration(*age) + " old, more than " + format_duration(*most);
    }
    if (const auto rows = divergence(*line.state); rows > 0) {
        return "the last verification left " + std::to_string(rows) + " rows that differ";
    }
    if (needs_verification(*line.state)) {
        return "deletions may be unknown until `zohosyncd verify --repair` was run";
    }
    return "";
}

bool is_chosen(const std::string& stream, std::span<const std::string> only) {
    return only.empty() || std::find(only.begin(), only.end(), stream) != only.end();
}

} // namespace

std::vector<StreamLine> lines_of(const StatusView& view) {
    std::vector<StreamLine> lines;
    if (!view.live) {
        return lines;
    }
    for (const auto& plan : view.live->plans) {
        const auto now = view.live->now.find(plan.stream);
        lines.push_back(
            {&plan, state_of(view, plan), now == view.live->now.end() ? nullptr : &now->second});
    }
    return lines;
}

std::optional<seconds> freshness(const StreamLine& line, const StatusView& view) {
    if (line.state == nullptr || !line.state->consistent_as_of) {
        return std::nullopt;
    }
    const auto complete_until = *line.state->consistent_as_of;
    const auto by_wall = view.wall - complete_until;
    // A wall clock that was set back since the look shall not make anything younger.
    const auto by_steady = view.target->read_wall - complete_until +
                           std::chrono::floor<seconds>(view.now - view.target->read_at);
    const auto behind_zoho = view.live->clock_skew > 1s ? view.live->clock_skew : 0s;
    return std::max({by_wall, by_steady, 0s}) + behind_zoho;
}

std::optional<seconds> allowed_age(const StreamLine& line) {
    return line.plan->interval ? std::optional(2 * *line.plan->interval + grace) : std::nullopt;
}

std::uint64_t divergence(const StreamState& state) {
    return state.verification ? state.verification->missing + state.verification->extra +
                                    state.verification->differing
                              : 0;
}

std::string next_step(const StreamLine& line) {
    if (line.state == nullptr) {
        return "";
    }
    switch (line.state->status) {
    case StreamStatus::denied:
        return "Give the Self Client's user the right to read this module, or disable the stream. "
               "It is asked for again every hour, and at a restart.";
    case StreamStatus::blocked:
        return "Mend the table as the error says. It is looked at again every minute.";
    case StreamStatus::backoff:
        return line.state->consecutive_failures < 5
                   ? "Nothing yet: it is tried again by itself."
                   : "It has failed " + std::to_string(line.state->consecutive_failures) +
                         " times in a row and does not mend itself: see to what the error names.";
    case StreamStatus::never:
    case StreamStatus::ok:
        break;
    }
    if (needs_verification(*line.state) || divergence(*line.state) > 0) {
        return "Run `zohosyncd verify --repair --streams " + line.plan->stream + "`.";
    }
    return "";
}

Verdict is_live(const StatusView& view) {
    if (!view.live || view.live->silence <= patience_of_life) {
        return {true, {}};
    }
    const auto silence = std::chrono::floor<seconds>(view.live->silence);
    return {false, {"a thread has given no sign of life for " + format_duration(silence)}};
}

Verdict is_ready(const StatusView& view) {
    if (view.phase == Phase::stopping) {
        return {false, {"stopping"}};
    }
    if (!view.target) {
        const auto& error = view.target_error.empty() ? view.waiting_for : view.target_error;
        return {false, {error.empty() ? "the target was not reached yet" : error}};
    }
    return {true, {}};
}

Verdict
is_fresh(const StatusView& view, std::optional<seconds> most, std::span<const std::string> only) {
    if (!view.live || !view.target) {
        return is_ready(view);
    }
    Verdict verdict{true, {}};
    std::vector<std::string> unknown(only.begin(), only.end());
    for (const auto& line : lines_of(view)) {
        if (!is_chosen(line.plan->stream, only)) {
            continue;
        }
        std::erase(unknown, line.plan->stream);
        const auto limit = most ? most : allowed_age(line);
        if (!limit && only.empty()) {
            continue; // Manual: nobody expects it to be fresh unless they ask.
        }
        const auto reason = why_not_fresh(line, view, limit);
        if (!reason.empty()) {
            verdict.reasons.push_back(line.plan->stream + ": " + reason);
        }
    }
    for (const auto& name : unknown) {
        verdict.reasons.push_back("there is no stream of the name given (" +
                                  std::to_string(name.size()) + " characters)");
    }
    verdict.is_good = verdict.reasons.empty();
    return verdict;
}

} // namespace zohosyncd
