#include "daemon/core/schedule.hpp"

#include "daemon/core/time.hpp"

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <utility>
#include <vector>

namespace zohosyncd {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_seconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr seconds shortest_interval{1};

/// Two 29th of February lie at most eight years apart (1896 and 1904, 2096 and 2104).
constexpr days horizon{8 * 366};

struct Field {
    const char* name;
    unsigned lowest;
    unsigned highest;
    std::string_view names; // Three letters each; the first stands for `lowest`.
};

constexpr Field minute_field{"minute", 0, 59, ""};
constexpr Field hour_field{"hour", 0, 23, ""};
constexpr Field day_field{"day of the month", 1, 31, ""};
constexpr Field month_field{"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"};
constexpr Field weekday_field{"day of the week", 0, 7, "sunmontuewedthufrisat"};

constexpr unsigned sunday = 7; // As the end of a range; the bit that counts is 0.

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> nicknames{{
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
    {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
}};

[[noreturn]] void refuse(const std::string& why) {
    throw std::invalid_argument(why);
}

std::string quoted(std::string_view text) {
    return '`' + std::string{text} + '`';
}

std::string to_lower(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

bool is_space(char c) {
    return c == ' ' || c == '\t';
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

/// Takes the text before the first space off the front of `rest`, and the spaces behind it.
std::string_view take_word(std::string_view& rest) {
    const auto end = std::min(rest.find_first_of(" \t"), rest.size());
    const auto word = rest.substr(0, end);
    rest = trim(rest.substr(end));
    return word;
}

/// The parts of `text` between `separator`s; at least one, which may be empty.
std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(end + 1);
    }
}

std::optional<unsigned> read_number(std::string_view text) {
    constexpr std::size_t most_digits = 4;
    if (text.empty() || text.size() > most_digits ||
        text.find_first_not_of("0123456789") != std::string_view::npos) {
        return std::nullopt;
    }
    unsigned value = 0;
    for (const char c : text) {
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value;
}

std::string describe(const Field& field) {
    std::string out = std::to_string(field.lowest) + " to " + std::to_string(field.highest);
    if (!field.names.empty()) {
        out += " or a name such as " + std::string{field.names.substr(0, 3)};
    }
    return out;
}

unsigned read_value(std::string_view text, const Field& field) {
    auto value = read_number(text);
    const auto name = to_lower(text);
    for (std::size_t i = 0; name.size() == 3 && i < field.names.size(); i += 3) {
        if (field.names.substr(i, 3) == name) {
            value = field.lowest + static_cast<unsigned>(i / 3);
        }
    }
    if (!value || *value < field.lowest || *value > field.highest) {
        refuse(quoted(text) + " is no " + field.name + ": expected " + describe(field));
    }
    return *value;
}

/// The bits of one element of a list: `*`, `3`, `1-5`, each perhaps with `/2`.
std::uint64_t read_element(std::string_view text, const Field& field) {
    const auto parts = split(text, '/');
    const auto range = split(parts[0], '-');
    if (parts.size() > 2 || range.size() > 2) {
        refuse(quoted(text) + " is no " + std::string{field.name} +
               ": expected a value, a range such as 1-5 or a step such as */2");
    }
    const bool is_any = parts[0] == "*" || parts[0] == "?";
    unsigned from = field.lowest;
    // Sunday's second number is no day of its own: `*/3` would otherwise hit it.
    unsigned to = field.highest == sunday ? sunday - 1 : field.highest;
    if (!is_any) {
        from = read_value(range[0], field);
        if (range.size() == 2) {
            to = read_value(range[1], field);
            to = to == 0 && field.highest == sunday ? sunday : to; // fri-sun
        } else if (parts.size() == 1) {
            to = from;
        }
    }
    unsigned step = 1;
    if (parts.size() == 2) {
        const auto given = read_number(parts[1]);
        if (!given || *given == 0) {
            refuse(quoted(parts[1]) + " is no step of the " + field.name + ": expected 1 or more");
        }
        step = *given;
    }
    if (from > to) {
        refuse("the range " + quoted(text) + " of the " + field.name + " runs backwards");
    }
    std::uint64_t bits = 0;
    for (unsigned value = from; value <= to; value += step) {
        bits |= std::uint64_t{1} << value;
    }
    return bits;
}

std::uint64_t read_field(std::string_view text, const Field& field) {
    std::uint64_t bits = 0;
    for (const auto element : split(text, ',')) {
        bits |= read_element(element, field);
    }
    return bits;
}

bool is_any(std::string_view text) {
    const auto elements = split(text, ',');
    return std::any_of(elements.begin(), elements.end(), [](auto element) {
        return element == "*" || element == "?";
    });
}

bool has(std::uint64_t bits, unsigned value) {
    return (bits >> value & 1U) != 0;
}

/// The smallest allowed value from `from` on. Requires from < 64.
std::optional<unsigned> first_from(std::uint64_t bits, unsigned from) {
    const auto rest = bits >> from << from;
    if (rest == 0) {
        return std::nullopt;
    }
    return static_cast<unsigned>(std::countr_zero(rest));
}

const date::time_zone* find_zone(std::string_view name) {
    try {
        return date::locate_zone(std::string{name});
    } catch (const std::runtime_error&) {
        refuse(quoted(name) + " is no time zone of this system: expected a name such as "
                              "Europe/Berlin (is tzdata installed?)");
    }
}

/// A machine without any zones, such as a bare container, runs in UTC.
const date::time_zone* local_zone() {
    try {
        // As the C library does. Nothing in this process ever sets a variable.
        const char* const name = std::getenv("TZ"); // NOLINT(concurrency-mt-unsafe)
        if (name != nullptr && *name != '\0') {
            return date::locate_zone(*name == ':' ? name + 1 : name);
        }
    } catch (const std::runtime_error&) {
        // A rule such as CET-1CEST names no zone; the system's own is the next best.
    }
    try {
        return date::current_zone();
    } catch (const std::runtime_error&) {
        return nullptr;
    }
}

struct Segment {
    sys_seconds begin;
    sys_seconds end;
    seconds offset;
    seconds offset_before;
};

/// The stretch of one offset from UTC around `instant`.
Segment segment_at(const date::time_zone* zone, sys_seconds instant) {
    if (zone == nullptr) {
        return {sys_seconds::min(), sys_seconds::max(), seconds{0}, seconds{0}};
    }
    const auto info = zone->get_info(instant);
    const auto before = zone->get_info(info.begin - seconds{1});
    return {info.begin, info.end, info.offset, before.offset};
}

local_seconds to_local(sys_seconds instant, seconds offset) {
    return local_seconds{instant.time_since_epoch() + offset};
}

sys_seconds to_sys(local_seconds local, seconds offset) {
    return sys_seconds{local.time_since_epoch() - offset};
}

} // namespace

Schedule::Cron Schedule::parse_cron(std::string_view text) {
    std::array<std::string_view, 5> fields;
    std::size_t count = 0;
    for (auto rest = trim(text); !rest.empty(); ++count) {
        const auto word = take_word(rest);
        if (count < fields.size()) {
            fields[count] = word;
        }
    }
    if (count != fields.size()) {
        refuse(quoted(text) + " is no schedule: expected five cron fields (minute hour day month "
                              "weekday), @hourly, @daily, @weekly, @monthly, @yearly, @every 5m, a "
                              "duration such as 5m, or manual");
    }
    Cron cron;
    cron.minutes = read_field(fields[0], minute_field);
    cron.hours = read_field(fields[1], hour_field);
    cron.days = read_field(fields[2], day_field);
    cron.months = read_field(fields[3], month_field);
    cron.weekdays = read_field(fields[4], weekday_field);
    cron.weekdays |= cron.weekdays >> sunday & 1U;
    cron.any_day = is_any(fields[2]);
    cron.any_weekday = is_any(fields[4]);
    if (!cron.any_weekday && !cron.any_day) {
        return cron; // A weekday alone suffices, and those come every week.
    }
    for (unsigned month = 1; month <= 12; ++month) {
        const std::chrono::year leap_year{2024};
        const auto last = leap_year / std::chrono::month{month} / std::chrono::last;
        if (has(cron.months, month) && *first_from(cron.days, 1) <= unsigned(last.day())) {
            return cron;
        }
    }
    refuse(quoted(text) + " never comes: no month given has a day " +
           std::to_string(*first_from(cron.days, 1)));
}

Schedule Schedule::parse(std::string_view text) {
    Schedule schedule;
    schedule.text_ = text;
    auto rest = trim(text);
    bool has_zone = false;
    for (const std::string_view prefix : {"CRON_TZ=", "TZ="}) {
        if (!has_zone && rest.substr(0, prefix.size()) == prefix) {
            schedule.zone_ = find_zone(take_word(rest).substr(prefix.size()));
            has_zone = true;
        }
    }
    const auto lowered = to_lower(rest);
    if (lowered == "manual" || lowered == "off") {
        return schedule;
    }
    constexpr std::string_view every = "@every";
    const bool is_every = lowered.substr(0, every.size()) == every;
    const auto duration =
        is_every ? std::string{trim(std::string_view{lowered}.substr(every.size()))} : lowered;
    if (const auto interval = parse_duration(duration)) {
        if (*interval < shortest_interval) {
            refuse(quoted(text) + " is too short: expected at least " +
                   format_duration(shortest_interval));
        }
        schedule.kind_ = Kind::interval;
        schedule.interval_ = *interval;
        return schedule;
    }
    if (is_every) {
        refuse(quoted(duration) + " is no duration: expected one such as 30s, 5m, 2h, 1d or 1h30m");
    }
    const auto* const nickname =
        std::find_if(nicknames.begin(), nicknames.end(), [&](const auto& entry) {
            return entry.first == lowered;
        });
    schedule.cron_ = parse_cron(nickname == nicknames.end() ? rest : nickname->second);
    schedule.kind_ = Kind::cron;
    if (!has_zone) {
        schedule.zone_ = local_zone();
    }
    return schedule;
}

std::optional<seconds> Schedule::interval() const {
    return kind_ == Kind::interval ? std::optional{interval_} : std::nullopt;
}

sys_seconds Schedule::next_after(sys_seconds instant) const {
    switch (kind_) {
    case Kind::manual:
        break;
    case Kind::interval:
        return instant + interval_;
    case Kind::cron:
        return next_cron(instant);
    }
    return sys_seconds::max();
}

bool Schedule::is_every_hour() const {
    return std::popcount(cron_.hours) == 24;
}

bool Schedule::allows(std::chrono::local_days date) const {
    const std::chrono::year_month_day day{date};
    const std::chrono::weekday weekday{date};
    const bool is_day = has(cron_.days, unsigned(day.day()));
    const bool is_weekday = has(cron_.weekdays, weekday.c_encoding());
    const bool is_either = !cron_.any_day && !cron_.any_weekday;
    return has(cron_.months, unsigned(day.month())) &&
           (is_either ? is_day || is_weekday : is_day && is_weekday);
}

/// The first time on the calendar, zones aside, that is allowed and in [from, end).
std::optional<local_seconds> Schedule::find_local(local_seconds from, local_seconds end) const {
    auto start = std::chrono::ceil<minutes>(from);
    for (auto day = std::chrono::floor<days>(start); day < end; day += days{1}, start = day) {
        if (!allows(day)) {
            continue;
        }
        const auto elapsed = start - day;
        auto hour = static_cast<unsigned>(elapsed / hours{1});
        auto minute = static_cast<unsigned>(elapsed % hours{1} / minutes{1});
        for (auto next = first_from(cron_.hours, hour); next;
             next = first_from(cron_.hours, hour)) {
            minute = *next == hour ? minute : 0;
            if (const auto found = first_from(cron_.minutes, minute)) {
                const local_seconds local = day + hours{*next} + minutes{*found};
                return local < end ? std::optional{local} : std::nullopt;
            }
            hour = *next + 1;
            minute = 0;
        }
    }
    return std::nullopt;
}

sys_seconds Schedule::next_cron(sys_seconds instant) const {
    const auto give_up = instant + horizon;
    auto segment = segment_at(zone_, instant);
    auto from = instant + seconds{1};
    for (;;) {
        auto local_from = to_local(from, segment.offset);
        if (!is_every_hour() && segment.offset < segment.offset_before) {
            // Clocks went back: what they show now again, they have shown before.
            local_from = std::max(local_from, to_local(segment.begin, segment.offset_before));
        }
        const auto local_end = to_local(std::min(segment.end, give_up), segment.offset);
        if (const auto found = find_local(local_from, local_end)) {
            return to_sys(*found, segment.offset);
        }
        if (segment.end >= give_up) {
            break;
        }
        from = segment.end;
        segment = segment_at(zone_, from);
        if (!is_every_hour() && find_local(local_end, to_local(from, segment.offset))) {
            return from; // Clocks went forward past a due time.
        }
    }
    return sys_seconds::max(); // Unreachable: parse() refuses what never comes.
}

} // namespace zohosyncd
