#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace zohosyncd {

/// A point in time to the second: all that Zoho ever sends. Instants are compared as instants,
/// never as text, because one result set may carry several offsets.
using Instant = std::chrono::sys_seconds;

/// Reads `2026-11-23T10:00:00+01:00`, also with `Z`, `+0100` or a fraction, which is cut off.
/// Second 60 is the second after 59, as PostgreSQL has it. Nothing for whatever is no time between
/// the years 0001 and 9999 (UTC), or has an offset beyond fourteen hours. Does not allocate.
[[nodiscard]] std::optional<Instant> parse_zoho_time(std::string_view text);

/// Reads the form that HTTP prefers, `Sun, 06 Nov 1994 08:49:37 GMT`. A date whose weekday
/// contradicts it is refused: it can not be trusted to move a mark.
[[nodiscard]] std::optional<Instant> parse_http_date(std::string_view text);

/// `2026-11-23T09:00:00Z`: log lines, SQLite columns, JSON.
[[nodiscard]] std::string format_utc(Instant instant);

/// `2026-11-23T09:00:00+00:00`: Zoho's own form, for If-Modified-Since.
[[nodiscard]] std::string format_header(Instant instant);

/// Whether `text` is `yyyy-MM-dd` and a day that exists.
[[nodiscard]] bool is_calendar_date(std::string_view text);

/// Reads `30s`, `5m`, `2h`, `1d`, `1w` and sums with falling units such as `1h30m`, up to a hundred
/// years, so that the result fits every clock's nanoseconds.
[[nodiscard]] std::optional<std::chrono::seconds> parse_duration(std::string_view text);

/// The shortest form that parse_duration reads back: `0s`, `1h30m`, `7d`.
[[nodiscard]] std::string format_duration(std::chrono::seconds duration);

} // namespace zohosyncd
