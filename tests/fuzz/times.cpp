// Times, dates, durations and schedules, against the C library.

#include "daemon/core/schedule.hpp"
#include "daemon/core/time.hpp"
#include "tests/fuzz/properties.hpp"

#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string>

namespace zohosyncd::fuzz {
namespace {

std::optional<int> number_at(std::string_view text, std::size_t at, std::size_t count) {
    int value = 0;
    for (const char c : text.substr(at, count)) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        value = value * 10 + (c - '0');
    }
    return value;
}

/// Seconds since 1970 of `yyyy-MM-ddTHH:mm:ss` by timegm; nothing for a date that it would correct.
std::optional<std::int64_t> civil_seconds(std::string_view text) {
    if (text.size() != 19 || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':') {
        return std::nullopt;
    }
    const auto year = number_at(text, 0, 4);
    const auto month = number_at(text, 5, 2);
    const auto day = number_at(text, 8, 2);
    const auto hour = number_at(text, 11, 2);
    const auto minute = number_at(text, 14, 2);
    const auto second = number_at(text, 17, 2);
    if (!year || !month || !day || !hour || !minute || !second || *year == 0 || *second > 60) {
        return std::nullopt;
    }
    std::tm civil{};
    civil.tm_year = *year - 1900;
    civil.tm_mon = *month - 1;
    civil.tm_mday = *day;
    civil.tm_hour = *hour;
    civil.tm_min = *minute;
    std::tm corrected = civil;
    const std::int64_t seconds = timegm(&corrected);
    if (corrected.tm_mon != civil.tm_mon || corrected.tm_mday != civil.tm_mday ||
        corrected.tm_hour != civil.tm_hour || corrected.tm_min != civil.tm_min) {
        return std::nullopt;
    }
    return seconds + *second;
}

bool is_within_range(std::int64_t seconds) {
    constexpr std::int64_t first = -62135596800; // 0001-01-01
    constexpr std::int64_t end = 253402300800;   // 10000-01-01
    return seconds >= first && seconds < end;
}

std::optional<std::int64_t> reference_time(std::string_view text) {
    const auto local = civil_seconds(text.substr(0, 19));
    if (!local) {
        return std::nullopt;
    }
    auto rest = text.substr(19);
    if (rest.starts_with('.')) {
        const auto end = rest.find_first_not_of("0123456789", 1);
        if (end == 1 || end == std::string_view::npos) {
            return std::nullopt;
        }
        rest.remove_prefix(end);
    }
    std::int64_t offset = 0;
    if (rest != "Z") {
        std::string digits(rest);
        if (digits.size() == 6 && digits[3] == ':') {
            digits.erase(3, 1);
        }
        const auto hours = digits.size() == 5 ? number_at(digits, 1, 2) : std::nullopt;
        const auto minutes = digits.size() == 5 ? number_at(digits, 3, 2) : std::nullopt;
        if (!hours || !minutes || *minutes > 59 || *hours * 60 + *minutes > 14 * 60 ||
            (digits[0] != '+' && digits[0] != '-')) {
            return std::nullopt;
        }
        offset = (*hours * 60 + *minutes) * (digits[0] == '-' ? -60 : 60);
    }
    const auto seconds = *local - offset;
    return is_within_range(seconds) ? std::optional(seconds) : std::nullopt;
}

std::string by_strftime(std::int64_t seconds, const char* format) {
    const std::time_t time = seconds;
    std::tm civil{};
    gmtime_r(&time, &civil);
    char text[64];
    return {text, std::strftime(text, sizeof text, format, &civil)};
}

void check_formats(Instant instant) {
    const auto text = format_utc(instant);
    ensure(parse_zoho_time(text) == instant, "a formatted time is read back");
    ensure(parse_zoho_time(format_header(instant)) == instant, "a header's time is read back");
    ensure(civil_seconds(text.substr(0, 19)) == instant.time_since_epoch().count(),
           "a formatted time is the one that the C library reads");
    ensure(is_calendar_date(text.substr(0, 10)), "a time has a date");
    const auto count = instant.time_since_epoch().count();
    if (text >= "1000") { // %Y has no leading zeros.
        ensure(parse_http_date(by_strftime(count, "%a, %d %b %Y %H:%M:%S GMT")) == instant,
               "an HTTP date that the C library writes is read");
    }
}

void check_text(std::string_view text) {
    const auto instant = parse_zoho_time(text);
    const auto wanted = reference_time(text);
    ensure(instant.has_value() == wanted.has_value() &&
               (!instant || instant->time_since_epoch().count() == *wanted),
           "a time is read as the C library counts");
    if (instant) {
        check_formats(*instant);
    }
    ensure(is_calendar_date(text) ==
               (text.size() == 10 && civil_seconds(std::string(text) + "T00:00:00").has_value()),
           "a date is a day that exists");
    if (const auto date = parse_http_date(text)) {
        const auto seconds = date->time_since_epoch().count();
        // Second 60 is written as the next minute.
        ensure(by_strftime(seconds, "%a, %d %b %Y %H:%M:%S GMT") == text ||
                   (text.substr(23, 2) == "60" && seconds % 60 == 0) || text.substr(12, 1) == "0",
               "an HTTP date is read as the C library writes it");
    }
}

void check_duration(std::string_view text) {
    const auto duration = parse_duration(text);
    if (!duration) {
        return;
    }
    ensure(*duration >= std::chrono::seconds(0) && *duration <= std::chrono::days(36525),
           "a duration is within a hundred years");
    const auto written = format_duration(*duration);
    ensure(parse_duration(written) == duration, "a formatted duration is read back");
    ensure(format_duration(*parse_duration(written)) == written, "a duration has one form");
}

void check_schedule(std::string_view text) {
    try {
        const auto schedule = Schedule::parse(text);
        const Instant begin{std::chrono::seconds(1'700'000'000)};
        const auto next = schedule.next_after(begin);
        ensure(next > begin, "a schedule is due in the future");
        if (schedule.is_manual()) {
            return;
        }
        ensure(schedule.next_after(next) > next, "a schedule goes on");
        ensure(schedule.interval() || schedule.next_after(next - std::chrono::seconds(1)) == next,
               "just before a due time it is the next one");
        const auto again = Schedule::parse(schedule.text());
        ensure(again.next_after(begin) == next, "the text of a schedule means the same again");
    } catch (const std::invalid_argument& error) {
        ensure(std::strlen(error.what()) > 0, "a refusal says what was expected");
    }
}

} // namespace
} // namespace zohosyncd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace zohosyncd::fuzz;
    setenv("TZ", "Europe/Berlin", 1);
    const auto text = as_text(data, size);
    check_text(text);
    check_duration(text);
    check_schedule(text);
    if (size == sizeof(std::int64_t)) {
        std::int64_t seconds = 0;
        std::memcpy(&seconds, data, sizeof seconds);
        seconds %= 300'000'000'000;
        if (is_within_range(seconds)) {
            check_formats(zohosyncd::Instant{std::chrono::seconds(seconds)});
        }
    }
    return 0;
}
