#include "tests/simulator/clock.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace zohosim {

namespace {

constexpr Seconds day = 86'400;

struct Civil {
    int year;
    unsigned month;
    unsigned day;
};

Civil civil_from(Seconds instant) {
    const std::chrono::sys_seconds point{std::chrono::seconds{instant}};
    const std::chrono::year_month_day ymd{std::chrono::floor<std::chrono::days>(point)};
    return {static_cast<int>(ymd.year()),
            static_cast<unsigned>(ymd.month()),
            static_cast<unsigned>(ymd.day())};
}

void append_two(std::string& out, unsigned value) {
    out += static_cast<char>('0' + value / 10 % 10);
    out += static_cast<char>('0' + value % 10);
}

int local_offset(Seconds instant) {
    const std::time_t value = instant;
    std::tm parts{};
    localtime_r(&value, &parts);
    return static_cast<int>(parts.tm_gmtoff);
}

/// Reads exactly `count` digits at `pos`, or nothing.
std::optional<int> digits(std::string_view text, std::size_t pos, std::size_t count) {
    if (pos + count > text.size()) {
        return std::nullopt;
    }
    int value = 0;
    const auto part = text.substr(pos, count);
    const auto [end, error] = std::from_chars(part.data(), part.data() + count, value);
    if (error != std::errc{} || end != part.data() + count || part.front() == '-') {
        return std::nullopt;
    }
    return value;
}

/// The zone part of an ISO time, in seconds east of Greenwich.
std::optional<int> parse_zone(std::string_view zone) {
    if (zone == "Z") {
        return 0;
    }
    if (zone.size() < 5 || (zone[0] != '+' && zone[0] != '-')) {
        return std::nullopt;
    }
    const bool colon = zone[3] == ':';
    const auto hours = digits(zone, 1, 2);
    const auto minutes = digits(zone, colon ? 4 : 3, 2);
    if (!hours || !minutes || zone.size() != (colon ? 6U : 5U)) {
        return std::nullopt;
    }
    return (zone[0] == '-' ? -1 : 1) * (*hours * 3600 + *minutes * 60);
}

} // namespace

Clock::Clock() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    ahead_of_monotonic_ =
        std::chrono::duration_cast<std::chrono::microseconds>(now).count() - monotonic_micros();
}

Micros Clock::now_micros() const {
    return monotonic_micros() + ahead_of_monotonic_ + offset_;
}

Micros Clock::monotonic_micros() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

TimeZone::TimeZone(const std::string& name) {
    setenv("TZ", name.c_str(), 1);
    tzset();
    constexpr Seconds begin = 0;
    constexpr Seconds end = 2'524'608'000; // 2050: far beyond every test.
    int offset = local_offset(begin);
    changes_.push_back({begin, offset});
    for (Seconds at = begin + day; at < end; at += day) {
        const int next = local_offset(at);
        if (next == offset) {
            continue;
        }
        Seconds low = at - day;
        Seconds high = at;
        while (high - low > 1) {
            const Seconds middle = low + (high - low) / 2;
            (local_offset(middle) == offset ? low : high) = middle;
        }
        changes_.push_back({high, next});
        offset = next;
    }
}

int TimeZone::offset_at(Seconds instant) const {
    const auto after = std::upper_bound(
        changes_.begin(), changes_.end(), instant, [](Seconds at, const Change& change) {
            return at < change.at;
        });
    return after == changes_.begin() ? changes_.front().offset : std::prev(after)->offset;
}

void TimeZone::append_iso(std::string& out, Seconds instant) const {
    const int offset = offset_at(instant);
    const Seconds local = instant + offset;
    append_date(out, local);
    const auto of_day = static_cast<unsigned>(((local % day) + day) % day);
    out += 'T';
    append_two(out, of_day / 3600);
    out += ':';
    append_two(out, of_day / 60 % 60);
    out += ':';
    append_two(out, of_day % 60);
    const auto distance = static_cast<unsigned>(std::abs(offset));
    out += offset < 0 ? '-' : '+';
    append_two(out, distance / 3600);
    out += ':';
    append_two(out, distance / 60 % 60);
}

std::string TimeZone::iso(Seconds instant) const {
    std::string out;
    append_iso(out, instant);
    return out;
}

void append_date(std::string& out, Seconds instant) {
    const Civil civil = civil_from(instant);
    const auto year = static_cast<unsigned>(civil.year);
    append_two(out, year / 100);
    append_two(out, year % 100);
    out += '-';
    append_two(out, civil.month);
    out += '-';
    append_two(out, civil.day);
}

std::string http_date(Seconds instant) {
    const std::time_t value = instant;
    std::tm parts{};
    gmtime_r(&value, &parts);
    std::array<char, 40> text{};
    const auto length =
        std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {text.data(), length};
}

std::optional<Seconds> parse_iso(std::string_view text) {
    const auto year = digits(text, 0, 4);
    const auto month = digits(text, 5, 2);
    const auto day_of_month = digits(text, 8, 2);
    const auto hour = digits(text, 11, 2);
    const auto minute = digits(text, 14, 2);
    const auto second = digits(text, 17, 2);
    if (!year || !month || !day_of_month || !hour || !minute || !second || text[4] != '-' ||
        text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':') {
        return std::nullopt;
    }
    std::size_t pos = 19;
    if (pos < text.size() && text[pos] == '.') {
        pos = std::min(text.find_first_not_of("0123456789", pos + 1), text.size());
    }
    const auto zone = parse_zone(text.substr(pos));
    const std::chrono::year_month_day ymd{std::chrono::year{*year},
                                          std::chrono::month{static_cast<unsigned>(*month)},
                                          std::chrono::day{static_cast<unsigned>(*day_of_month)}};
    if (!zone || !ymd.ok() || *hour > 23 || *minute > 59 || *second > 59) {
        return std::nullopt;
    }
    const Seconds days = std::chrono::sys_days{ymd}.time_since_epoch().count();
    return days * day + *hour * 3600 + *minute * 60 + *second - *zone;
}

} // namespace zohosim
