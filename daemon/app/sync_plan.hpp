#pragma once

#include "daemon/config/config.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd {

/// What a sync would do with one stream.
struct StreamPlan {
    std::string stream;
    std::string module;
    std::string target;
    std::string mode;
    std::string mode_reason; ///< Why it is not the mode of the file; mostly empty.
    bool is_whole = false;   ///< The list is walked by id, as it has no Modified_Time.
    std::optional<std::chrono::sys_seconds>
        from; ///< Where the scan begins; none reads a whole list.
    std::size_t fields = 0;
    std::size_t slices = 1;
    std::optional<std::uint64_t> rows; ///< To be read; unknown where the stream can not be.
    bool rows_are_exact = true;
    std::vector<std::uint64_t> ties;   ///< Seconds that hold more than a page.
    std::uint64_t requests = 0;        ///< Of this sync; each costs one credit.
    std::size_t line_tables = 0;       ///< Beside the stream's own.
    bool has_details = false;          ///< Single records are read for lines or columns.
    std::uint64_t details_waiting = 0; ///< Rows whose details were not read yet.
    std::uint64_t details =
        0; ///< Of the requests those for single records: these, and what is new.
    std::uint64_t requests_per_cycle = 0;         ///< Of a later run that finds nothing new.
    std::optional<std::chrono::seconds> interval; ///< Of the schedule; none when manual.
    double credits_per_day = 0;                   ///< When nothing changes, field lists included.
    double verification_per_day = 0;
    std::size_t formula_fields = 0; ///< Formula and roll-up fields that are read again by schedule.
    double formulas_per_day = 0;
    std::vector<std::string> ddl;
    std::string problem; ///< Why it can not be synced, and what to do; empty when it can.
};

/// The whole.
struct SyncPlan {
    std::string organisation;
    std::string edition;
    std::chrono::sys_seconds anchor; ///< Of streams that have none yet.
    bool anchor_is_all = false;
    std::vector<StreamPlan> streams;
    std::uint64_t own_requests = 0; ///< Of a sync, beyond those of its streams.
    std::uint64_t daily_credits = 0;
    std::uint64_t allowed_credits = 0;
    std::uint64_t spent_credits = 0; ///< In the last 24 hours.
    double stretch = 1.0;            ///< Of the intervals, so that polling fits.
    std::size_t requests_per_second = 5;
    std::uint64_t plan_requests = 0; ///< What finding this out took.

    [[nodiscard]] std::uint64_t requests() const;
    [[nodiscard]] std::uint64_t details() const; ///< Among these.
    [[nodiscard]] std::uint64_t requests_per_cycle() const;
    [[nodiscard]] double credits_per_day() const;
    [[nodiscard]] double formulas_per_day() const;
    [[nodiscard]] std::chrono::seconds seconds_at_the_limit() const;
    [[nodiscard]] bool has_problems() const;

    [[nodiscard]] std::string text() const;
    [[nodiscard]] std::string json() const;
};

} // namespace zohosyncd
