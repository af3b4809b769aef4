#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace date {
class time_zone;
} // namespace date

namespace zohosyncd {

/// When a stream is due: by a cron expression, at an interval, or only on request.
///
/// A value without a clock: the caller passes the time in and does the waiting. Cron expressions
/// run in the zone they name with `CRON_TZ=Area/City` or `TZ=`, otherwise in local time: the zone
/// of the environment's TZ, else the system's, else UTC. A zone lives as long as the process, so
/// copies are cheap and safe, and const functions may be called from any thread.
class Schedule {
public:
    /// Reads five cron fields (names, ranges, lists, steps; 0 and 7 are Sunday; `?` is `*`),
    /// `@hourly @daily @midnight @weekly @monthly @yearly @annually`, `@every 5m`, a plain duration
    /// of at least a second, `manual` or `off`. Throws std::invalid_argument saying what was
    /// expected, also for a date that never comes, such as 31 February.
    static Schedule parse(std::string_view text);

    /// As it was written.
    [[nodiscard]] const std::string& text() const { return text_; }

    [[nodiscard]] bool is_manual() const { return kind_ == Kind::manual; }

    /// Of `@every` and plain durations only.
    [[nodiscard]] std::optional<std::chrono::seconds> interval() const;

    /// The first due time later than `instant`; the greatest time there is when manual.
    ///
    /// A day is restricted by both its fields together as cron has it: where neither is `*`, either
    /// one suffices. When clocks go forward, a skipped time is due at the first instant after the
    /// gap; when they go back, a repeated one is due the first time only. An expression for every
    /// hour follows real time instead, so that `*/10` neither pauses nor crowds at such nights.
    [[nodiscard]] std::chrono::sys_seconds next_after(std::chrono::sys_seconds instant) const;

private:
    enum class Kind { manual, interval, cron };

    /// One bit for each value that a field allows.
    struct Cron {
        std::uint64_t minutes = 0;
        std::uint64_t hours = 0;
        std::uint64_t days = 0;
        std::uint64_t months = 0;
        std::uint64_t weekdays = 0;
        bool any_day = false;     // The field was `*`.
        bool any_weekday = false; // The field was `*`.
    };

    static Cron parse_cron(std::string_view text);
    [[nodiscard]] bool is_every_hour() const;
    [[nodiscard]] bool allows(std::chrono::local_days date) const;
    [[nodiscard]] std::optional<std::chrono::local_seconds>
    find_local(std::chrono::local_seconds from, std::chrono::local_seconds end) const;
    [[nodiscard]] std::chrono::sys_seconds next_cron(std::chrono::sys_seconds instant) const;

    std::string text_;
    Kind kind_ = Kind::manual;
    std::chrono::seconds interval_{0};
    Cron cron_;
    const date::time_zone* zone_ = nullptr; // UTC where there is none.
};

} // namespace zohosyncd
