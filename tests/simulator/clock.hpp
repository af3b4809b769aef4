#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zohosim {

using Seconds = std::int64_t;
using Micros = std::int64_t;

/// The simulated Zoho's wall clock: the machine's when the simulator started, running steadily
/// since and moved by a settable offset. What a test machine's clock is set to meanwhile would
/// otherwise date edits before replies that were sent already. Thread-safe.
class Clock {
public:
    Clock();

    [[nodiscard]] Micros now_micros() const;

    [[nodiscard]] Seconds now() const { return now_micros() / 1'000'000; }

    /// For intervals (latency, windows); not moved by the offset.
    [[nodiscard]] static Micros monotonic_micros();

    void set_offset(Seconds offset) { offset_ = offset * 1'000'000; }

private:
    Micros ahead_of_monotonic_;
    std::atomic<Micros> offset_{0};
};

/// One time zone with its daylight saving rules, read once so that formatting takes no lock.
class TimeZone {
public:
    /// `name` as in the tz database; an unknown name means UTC.
    explicit TimeZone(const std::string& name);

    [[nodiscard]] int offset_at(Seconds instant) const;

    /// Appends `2024-03-10T01:59:59-05:00`. Zoho never prints `Z` nor milliseconds.
    void append_iso(std::string& out, Seconds instant) const;

    [[nodiscard]] std::string iso(Seconds instant) const;

private:
    struct Change {
        Seconds at;
        int offset;
    };

    std::vector<Change> changes_;
};

/// Appends `2024-03-10`.
void append_date(std::string& out, Seconds instant);

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the form of the HTTP Date header.
std::string http_date(Seconds instant);

/// Accepts `yyyy-MM-ddTHH:mm:ss[.fff](Z|±HH:mm|±HHmm)`; anything else is nothing.
std::optional<Seconds> parse_iso(std::string_view text);

} // namespace zohosim
