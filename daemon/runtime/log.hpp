#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace zohosyncd::log {

enum class Level { trace, debug, info, warn, error, off };
enum class Format { text, json };

/// "info" and so on; throws std::invalid_argument that lists the levels.
Level level_from(std::string_view name);
Format format_from(std::string_view name);

/// How lines are written from now on: to stderr, one line an event, with journald's levels when it
/// is the journal. Nobody ever waits for a reader who is slow; see LogOutput. Call before the first
/// thread starts.
void configure(Level level, Format format);
[[nodiscard]] bool is_enabled(Level level);

/// One key of a log line. Keys come from the closed list in docs/operate; the value is written as
/// it is in JSON when it is a number, quoted where needed otherwise.
struct Field {
    std::string_view key;
    std::string value;
    bool is_number = false;
};

inline Field kv(std::string_view key, std::string_view value) {
    return {key, std::string(value), false};
}

template <typename Number>
    requires std::is_integral_v<Number>
Field kv(std::string_view key, Number value) {
    return {key, std::to_string(value), true};
}

/// Seconds with milliseconds.
Field kv(std::string_view key, std::chrono::milliseconds value);

/// Writes one line: time, level, fields, event. The name is constant, data are fields. Never a
/// secret, and no record's content above trace. Of an error that lasts only the first ten lines are
/// written, then one a minute that says how many were held back (`repeated`). Thread-safe.
void event(Level level, std::string_view name, std::initializer_list<Field> fields);

/// The stream works again: its next error is news, even if it is the same.
void recovered(std::string_view stream);

/// The next lines of this event answer somebody who waits for them: they are news, even if they are
/// the same.
void answers(std::string_view name);

/// The line that event() writes, for tests. Text that is no UTF-8 is mended, so that a line of JSON
/// is always JSON.
std::string format_line(Format format,
                        std::chrono::system_clock::time_point time,
                        Level level,
                        std::string_view name,
                        std::span<const Field> fields);

/// Which lines are held back because the same was said often enough. An error that was not met for
/// a minute is news again. Not thread-safe.
class Repeats {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    /// How often `subject` was held back since its last line, when it may be written now; nothing
    /// when it has to be held back, too.
    std::optional<std::uint64_t> admit(const std::string& subject, TimePoint now);

    /// Forgets the subjects that hold `part`.
    void forget(std::string_view part);

private:
    struct Said {
        TimePoint written;
        TimePoint met;
        int lines = 0;
        std::uint64_t held_back = 0;
    };

    std::map<std::string, Said> said_;
};

} // namespace zohosyncd::log
