#include "daemon/app/sync_plan.hpp"

#include "daemon/app/details_budget.hpp"
#include "daemon/core/time.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace zohosyncd {
namespace {

using nlohmann::json;

// RequestGate spaces the requests so that never more than the rate fall into one second.
constexpr double seconds_per_window = 1.02;

json time_or_null(const std::optional<std::chrono::sys_seconds>& time) {
    return time ? json(format_utc(*time)) : json();
}

std::string rows_text(const StreamPlan& stream) {
    if (!stream.rows) {
        return "-";
    }
    return (stream.rows_are_exact ? "" : "~") + std::to_string(*stream.rows);
}

bool is_comment(const std::string& statement) {
    return statement.starts_with("COMMENT");
}

std::string stream_lines(const StreamPlan& stream) {
    std::string text =
        fmt::format("{:<16} {:<28} {:<12} {:>6} {:>6} {:>10} {:>9} {:>10} {:>11.0f}\n",
                    stream.stream,
                    stream.target,
                    stream.mode,
                    stream.fields,
                    stream.slices,
                    rows_text(stream),
                    stream.requests,
                    stream.requests_per_cycle,
                    stream.credits_per_day);
    if (!stream.mode_reason.empty()) {
        text += "    " + stream.mode_reason + "\n";
    }
    if (!stream.problem.empty()) {
        text += "    FAIL " + stream.problem + "\n";
    }
    if (stream.has_details) {
        text += fmt::format("    details: {} records read one by one, {} of them wait already\n",
                            stream.details,
                            stream.details_waiting);
    }
    if (!stream.ties.empty()) {
        const auto most = *std::max_element(stream.ties.begin(), stream.ties.end());
        text +=
            fmt::format("    {} seconds hold more than a page, up to {} records: walked twice\n",
                        stream.ties.size(),
                        most);
    }
    return text;
}

json stream_json(const StreamPlan& stream) {
    return {{"stream", stream.stream},
            {"module", stream.module.empty() ? json() : json(stream.module)},
            {"target", stream.target},
            {"mode", stream.mode},
            {"mode_reason", stream.mode_reason.empty() ? json() : json(stream.mode_reason)},
            {"from", time_or_null(stream.from)},
            {"fields", stream.fields},
            {"slices", stream.slices},
            {"rows", stream.rows ? json(*stream.rows) : json()},
            {"rows_are_exact", stream.rows_are_exact},
            {"ties", stream.ties},
            {"requests", stream.requests},
            {"details", stream.has_details ? json(stream.details) : json()},
            {"details_waiting", stream.has_details ? json(stream.details_waiting) : json()},
            {"requests_per_cycle", stream.requests_per_cycle},
            {"interval_seconds", stream.interval ? json(stream.interval->count()) : json()},
            {"credits_per_day", std::ceil(stream.credits_per_day)},
            {"verification_credits_per_day", std::ceil(stream.verification_per_day)},
            {"formula_fields", stream.formula_fields},
            {"formulas_credits_per_day", std::ceil(stream.formulas_per_day)},
            {"ddl", stream.ddl},
            {"problem", stream.problem.empty() ? json() : json(stream.problem)}};
}

} // namespace

std::uint64_t SyncPlan::requests() const {
    std::uint64_t sum = own_requests;
    for (const auto& stream : streams) {
        sum += stream.requests;
    }
    return sum;
}

std::uint64_t SyncPlan::details() const {
    std::uint64_t sum = 0;
    for (const auto& stream : streams) {
        sum += stream.details;
    }
    return sum;
}

std::uint64_t SyncPlan::requests_per_cycle() const {
    std::uint64_t sum = 0;
    for (const auto& stream : streams) {
        sum += stream.requests_per_cycle;
    }
    return sum;
}

double SyncPlan::credits_per_day() const {
    double sum = 0;
    for (const auto& stream : streams) {
        sum += stream.credits_per_day + stream.verification_per_day + stream.formulas_per_day;
    }
    return sum;
}

double SyncPlan::formulas_per_day() const {
    double sum = 0;
    for (const auto& stream : streams) {
        sum += stream.formulas_per_day;
    }
    return sum;
}

std::chrono::seconds SyncPlan::seconds_at_the_limit() const {
    const auto windows = static_cast<double>(requests() - details()) /
                         static_cast<double>(std::max<std::size_t>(requests_per_second, 1));
    const auto pause =
        std::chrono::duration<double>(pause_between_details(requests_per_second)).count();
    return std::chrono::seconds(static_cast<std::int64_t>(
        std::ceil(windows * seconds_per_window + static_cast<double>(details()) * pause)));
}

bool SyncPlan::has_problems() const {
    return std::any_of(streams.begin(), streams.end(), [](const StreamPlan& stream) {
        return !stream.problem.empty();
    });
}

std::string SyncPlan::text() const {
    std::string text;
    for (const auto& stream : streams) {
        for (const auto& statement : stream.ddl) {
            text += is_comment(statement) ? "" : statement + ";\n";
        }
    }
    text += text.empty() ? "" : "\n";
    text += fmt::format("organisation {}{}; anchor {}\n\n",
                        organisation,
                        edition.empty() ? "" : " (" + edition + ")",
                        anchor_is_all ? "all" : format_utc(anchor));
    text += fmt::format("{:<16} {:<28} {:<12} {:>6} {:>6} {:>10} {:>9} {:>10} {:>11}\n",
                        "stream",
                        "target",
                        "mode",
                        "fields",
                        "slices",
                        "rows",
                        "requests",
                        "per cycle",
                        "credits/day");
    for (const auto& stream : streams) {
        text += stream_lines(stream);
    }
    text += fmt::format("\nthis sync: {} requests and credits, {} at {} a second\n",
                        requests(),
                        format_duration(seconds_at_the_limit()),
                        requests_per_second);
    text += fmt::format("a cycle without changes: {} credits; a day: {:.0f} with verification",
                        requests_per_cycle(),
                        credits_per_day());
    if (const auto formulas = formulas_per_day(); formulas > 0) {
        text += fmt::format(" and formula fields ({:.0f})", formulas);
    }
    text +=
        stretch > 1.0 ? fmt::format(" (intervals {:.1f} times as long, to fit)\n", stretch) : "\n";
    text += fmt::format("credits: {} a day, {} for us, {} spent in the last 24 h\n",
                        daily_credits,
                        allowed_credits,
                        spent_credits);
    if (details() > allowed_credits / 2) {
        text += "the details take more than the half of the credits that they may have in a day: "
                "some wait for the next\n";
    }
    if (requests() + spent_credits > allowed_credits) {
        text += "this sync needs more credits than are left: it takes longer than a day, unless "
                "daemon.credits is raised\n";
    }
    return text + fmt::format("this plan took {} credits and changed nothing\n", plan_requests);
}

std::string SyncPlan::json() const {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& stream : streams) {
        list.push_back(stream_json(stream));
    }
    return nlohmann::json{
               {"organisation", organisation},
               {"edition", edition.empty() ? nlohmann::json() : nlohmann::json(edition)},
               {"anchor",
                anchor_is_all ? nlohmann::json("all") : nlohmann::json(format_utc(anchor))},
               {"streams", list},
               {"total",
                {{"requests", requests()},
                 {"credits", requests()},
                 {"requests_of_no_stream", own_requests},
                 {"details", details()},
                 {"requests_per_cycle", requests_per_cycle()},
                 {"credits_per_day", std::ceil(credits_per_day())},
                 {"seconds_at_the_limit", seconds_at_the_limit().count()},
                 {"requests_per_second", requests_per_second}}},
               {"credits",
                {{"daily", daily_credits},
                 {"allowed", allowed_credits},
                 {"spent", spent_credits},
                 {"interval_stretch", stretch}}},
               {"plan_requests", plan_requests}}
               .dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
           "\n";
}

} // namespace zohosyncd
