#include "daemon/core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace zohosyncd {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant first_instant = std::chrono::sys_days{std::chrono::year{1} / 1 / 1};
constexpr Instant end_of_instants = std::chrono::sys_days{std::chrono::year{10000} / 1 / 1};
constexpr minutes greatest_offset = hours{14}; // Kiribati; nothing on earth is further from UTC.

/// `count` digits at `at`, or -1. Requires that `text` is that long.
int digits(std::string_view text, std::size_t at, std::size_t count) {
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        const auto digit = static_cast<unsigned>(static_cast<unsigned char>(text[i])) - '0';
        if (digit > 9) {
            return -1;
        }
        value = value * 10 + static_cast<int>(digit);
    }
    return value;
}

std::optional<std::chrono::sys_days> make_day(int year, int month, int day) {
    if (year < 1 || month < 1 || day < 1) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year{year},
                                           std::chrono::month{static_cast<unsigned>(month)},
                                           std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok()) {
        return std::nullopt;
    }
    return std::chrono::sys_days{date};
}

/// Reads `yyyy-MM-dd` at the start. Requires ten characters.
std::optional<std::chrono::sys_days> read_date(std::string_view text) {
    if (text[4] != '-' || text[7] != '-') {
        return std::nullopt;
    }
    return make_day(digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2));
}

/// Reads `HH:mm:ss` at `at`. Requires eight characters from there.
std::optional<seconds> read_time_of_day(std::string_view text, std::size_t at) {
    const int hour = digits(text, at, 2);
    const int minute = digits(text, at + 3, 2);
    const int second = digits(text, at + 6, 2);
    if (text[at + 2] != ':' || text[at + 5] != ':' || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 60) {
        return std::nullopt;
    }
    return hours{hour} + minutes{minute} + seconds{second};
}

/// Reads all of `text` as `Z`, `±HH:mm` or `±HHmm`.
std::optional<minutes> read_offset(std::string_view text) {
    if (text == "Z") {
        return minutes{0};
    }
    const bool has_colon = text.size() == 6 && text[3] == ':';
    if ((text.size() != 5 && !has_colon) || (text[0] != '+' && text[0] != '-')) {
        return std::nullopt;
    }
    const int hour = digits(text, 1, 2);
    const int minute = digits(text, has_colon ? 4 : 3, 2);
    if (hour < 0 || minute < 0 || minute > 59) {
        return std::nullopt;
    }
    const minutes offset = hours{hour} + minutes{minute};
    if (offset > greatest_offset) {
        return std::nullopt;
    }
    return text[0] == '-' ? -offset : offset;
}

std::optional<Instant> within_range(Instant instant) {
    if (instant < first_instant || instant >= end_of_instants) {
        return std::nullopt;
    }
    return instant;
}

void put_digits(std::string& out, std::size_t at, std::size_t count, unsigned value) {
    for (std::size_t i = at + count; i-- > at; value /= 10) {
        out[i] = static_cast<char>('0' + value % 10);
    }
}

std::string format_instant(Instant instant, std::string_view zone) {
    const auto day = std::chrono::floor<days>(instant);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{instant - day};
    std::string out = "0000-00-00T00:00:00";
    put_digits(out, 0, 4, static_cast<unsigned>(static_cast<int>(date.year())));
    put_digits(out, 5, 2, static_cast<unsigned>(date.month()));
    put_digits(out, 8, 2, static_cast<unsigned>(date.day()));
    put_digits(out, 11, 2, static_cast<unsigned>(time.hours().count()));
    put_digits(out, 14, 2, static_cast<unsigned>(time.minutes().count()));
    put_digits(out, 17, 2, static_cast<unsigned>(time.seconds().count()));
    out += zone;
    return out;
}

/// The place of `name` among names of three letters written without gaps, or -1.
int place_of(std::string_view name, std::string_view names) {
    for (std::size_t i = 0; i < names.size(); i += 3) {
        if (names.substr(i, 3) == name) {
            return static_cast<int>(i / 3);
        }
    }
    return -1;
}

std::optional<seconds> unit_of(char letter) {
    switch (letter) {
    case 's':
        return seconds{1};
    case 'm':
        return minutes{1};
    case 'h':
        return hours{1};
    case 'd':
        return days{1};
    case 'w':
        return std::chrono::weeks{1};
    default:
        return std::nullopt;
    }
}

} // namespace

std::optional<Instant> parse_zoho_time(std::string_view text) {
    constexpr std::size_t shortest = 20; // 2026-11-23T10:00:00Z
    if (text.size() < shortest || text[10] != 'T') {
        return std::nullopt;
    }
    const auto date = read_date(text);
    const auto time = read_time_of_day(text, 11);
    if (!date || !time) {
        return std::nullopt;
    }
    std::size_t at = 19;
    if (text[at] == '.') {
        const std::size_t start = ++at;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
            ++at;
        }
        if (at == start) {
            return std::nullopt;
        }
    }
    const auto offset = read_offset(text.substr(at));
    if (!offset) {
        return std::nullopt;
    }
    return within_range(*date + *time - *offset);
}

std::optional<Instant> parse_http_date(std::string_view text) {
    constexpr std::string_view weekdays = "SunMonTueWedThuFriSat";
    constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' ||
        text[16] != ' ' || text.substr(25) != " GMT") {
        return std::nullopt;
    }
    const auto date =
        make_day(digits(text, 12, 4), place_of(text.substr(8, 3), months) + 1, digits(text, 5, 2));
    const auto time = read_time_of_day(text, 17);
    if (!date || !time) {
        return std::nullopt;
    }
    const int weekday = place_of(text.substr(0, 3), weekdays);
    if (weekday < 0 || std::chrono::weekday{*date} != std::chrono::weekday(unsigned(weekday))) {
        return std::nullopt;
    }
    return within_range(*date + *time);
}

std::string format_utc(Instant instant) {
    return format_instant(instant, "Z");
}

std::string format_header(Instant instant) {
    return format_instant(instant, "+00:00");
}

bool is_calendar_date(std::string_view text) {
    return text.size() == 10 && read_date(text);
}

std::optional<seconds> parse_duration(std::string_view text) {
    constexpr std::size_t most_digits = 10; // Keeps the product below far from overflow.
    constexpr seconds longest = days{36525};
    seconds total{0};
    seconds last_unit = seconds::max();
    std::size_t at = 0;
    while (at < text.size()) {
        std::size_t end = at;
        std::int64_t count = 0;
        while (end < text.size() && text[end] >= '0' && text[end] <= '9') {
            if (end - at == most_digits) {
                return std::nullopt;
            }
            count = count * 10 + (text[end++] - '0');
        }
        if (end == at || end == text.size()) {
            return std::nullopt;
        }
        const auto unit = unit_of(text[end]);
        if (!unit || *unit >= last_unit) {
            return std::nullopt;
        }
        total += count * *unit;
        if (total > longest) {
            return std::nullopt;
        }
        last_unit = *unit;
        at = end + 1;
    }
    if (text.empty()) {
        return std::nullopt;
    }
    return total;
}

std::string format_duration(seconds duration) {
    // Weeks are left out: `10d` is easier to read than `1w3d`.
    constexpr std::array<std::pair<seconds, char>, 4> units{
        {{days{1}, 'd'}, {hours{1}, 'h'}, {minutes{1}, 'm'}, {seconds{1}, 's'}}};
    if (duration == seconds{0}) {
        return "0s";
    }
    std::string out = duration < seconds{0} ? "-" : "";
    for (const auto& [unit, letter] : units) {
        const auto count = duration / unit;
        duration -= count * unit;
        if (count != 0) {
            out += std::to_string(count < 0 ? -count : count);
            out += letter;
        }
    }
    return out;
}

} // namespace zohosyncd
