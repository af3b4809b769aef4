#include "daemon/runtime/log.hpp"

#include "daemon/core/text.hpp"
#include "daemon/runtime/log_output.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

namespace zohosyncd::log {
namespace {

constexpr std::array<std::string_view, 6> level_names{
    "trace", "debug", "info", "warn", "error", "off"};

// The first lines show the back-off grow; what lasts longer is said once a minute, with a count.
constexpr int lines_in_a_row = 10;
constexpr std::chrono::minutes between_repeats{1};
// Errors whose text changes each time must not fill the memory; beyond, the oldest are forgotten.
constexpr std::size_t most_subjects = 200;

std::atomic<Level> threshold{Level::info};
std::atomic<Format> line_format{Format::text};

// A reader who stops reading shall find the last minutes, at debug at least; and it is little
// beside the memory of a sync.
constexpr std::size_t most_waiting_bytes = 1 << 20;

/// Whether stderr goes to the journal. systemd says so by the device and inode of the stream that
/// it made (systemd.exec(5), JOURNAL_STREAM).
bool is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status{};
    return stream != nullptr && fstat(STDERR_FILENO, &status) == 0 &&
           fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

/// What tells the journal the level of a line; see sd-daemon(3).
std::string_view journal_prefix_of(Level level) {
    switch (level) {
    case Level::error:
        return "<3>";
    case Level::warn:
        return "<4>";
    case Level::info:
        return "<6>";
    default:
        return "<7>";
    }
}

std::string journal_prefix(Level level) {
    static const bool goes_to_journal = is_journal();
    return goes_to_journal ? std::string(journal_prefix_of(level)) : "";
}

std::string dropped_line(std::uint64_t lines) {
    const std::array<Field, 1> fields{kv("lines", lines)};
    return journal_prefix(Level::warn) +
           format_line(line_format.load(),
                       std::chrono::system_clock::now(),
                       Level::warn,
                       "log_lines_dropped",
                       fields) +
           "\n";
}

class StderrSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        output_.write(std::string(message.payload.data(), message.payload.size()) + "\n");
    }

    void flush_() override {}

private:
    LogOutput output_{STDERR_FILENO, most_waiting_bytes, dropped_line};
};

spdlog::logger& sink() {
    static const auto logger = [] {
        auto made = std::make_shared<spdlog::logger>("zohosyncd", std::make_shared<StderrSink>());
        made->set_level(spdlog::level::trace);
        return made;
    }();
    return *logger;
}

std::string timestamp(std::chrono::system_clock::time_point time) {
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
    const std::time_t seconds = static_cast<std::time_t>(milliseconds / 1000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                       parts.tm_year + 1900,
                       parts.tm_mon + 1,
                       parts.tm_mday,
                       parts.tm_hour,
                       parts.tm_min,
                       parts.tm_sec,
                       milliseconds % 1000);
}

/// Expects clean UTF-8.
void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        switch (c) {
        case '"':
            out += "\\\"";
            break;
        case '\\':
            out += "\\\\";
            break;
        case '\n':
            out += "\\n";
            break;
        default:
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
                out +=
                    fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
            } else {
                out += c;
            }
        }
    }
    out += '"';
}

bool needs_quotes(std::string_view text) {
    return text.empty() || text.find_first_of(" \"=\\") != std::string_view::npos ||
           std::any_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
           });
}

/// Most of it is ours; a server's words may be anything.
std::string clean(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    append_clean_utf8(out, text);
    return out;
}

bool is_subject(const Field& field) {
    return field.key == "stream" || field.key == "run";
}

std::string text_line(std::string_view time,
                      std::string_view level,
                      std::string_view name,
                      std::span<const Field> fields) {
    std::string line = fmt::format("{} {:<5}", time, level);
    const auto append = [&line](std::string_view key, std::string_view raw) {
        const auto value = clean(raw);
        line.append(1, ' ').append(key).append(1, '=');
        if (needs_quotes(value)) {
            append_quoted(line, value);
        } else {
            line += value;
        }
    };
    // What the line is about comes first, so that lines of one stream align.
    for (const auto& field : fields) {
        if (is_subject(field)) {
            append(field.key, field.value);
        }
    }
    append("event", name);
    for (const auto& field : fields) {
        if (!is_subject(field)) {
            append(field.key, field.value);
        }
    }
    return line;
}

std::string json_line(std::string_view time,
                      std::string_view level,
                      std::string_view name,
                      std::span<const Field> fields) {
    std::string line = fmt::format(R"({{"time":"{}","level":"{}","event":"{}")", time, level, name);
    for (const auto& field : fields) {
        line += ",\"";
        line += field.key;
        line += "\":";
        if (field.is_number) {
            line += field.value;
        } else {
            append_quoted(line, clean(field.value));
        }
    }
    return line + "}";
}

/// What makes two lines the same: who met which error where. Attempts and waits may differ.
std::string subject_of(std::string_view name, std::span<const Field> fields) {
    std::string subject(name);
    for (const auto& field : fields) {
        if (field.key == "stream" || field.key == "for" || field.key == "error") {
            subject.append(1, '\0').append(field.value);
        }
    }
    return subject;
}

bool has_error(std::span<const Field> fields) {
    return std::any_of(
        fields.begin(), fields.end(), [](const Field& field) { return field.key == "error"; });
}

struct SharedRepeats {
    std::mutex mutex;
    Repeats repeats;
};

SharedRepeats& shared_repeats() {
    static SharedRepeats shared;
    return shared;
}

std::optional<std::uint64_t> admit(std::string_view name, std::span<const Field> fields) {
    auto& shared = shared_repeats();
    const std::scoped_lock lock{shared.mutex};
    return shared.repeats.admit(subject_of(name, fields), std::chrono::steady_clock::now());
}

} // namespace

std::optional<std::uint64_t> Repeats::admit(const std::string& subject, TimePoint now) {
    const auto found = said_.find(subject);
    if (found != said_.end() && now < found->second.met + between_repeats) {
        Said& said = found->second;
        said.met = now;
        if (said.lines >= lines_in_a_row && now < said.written + between_repeats) {
            ++said.held_back;
            return std::nullopt;
        }
        said.written = now;
        ++said.lines;
        return std::exchange(said.held_back, 0);
    }
    if (found == said_.end() && said_.size() >= most_subjects) {
        said_.erase(std::min_element(said_.begin(), said_.end(), [](const auto& a, const auto& b) {
            return a.second.met < b.second.met;
        }));
    }
    const auto held_back = found == said_.end() ? 0 : found->second.held_back;
    said_[subject] = {now, now, 1, 0};
    return held_back;
}

void Repeats::forget(std::string_view part) {
    std::erase_if(said_,
                  [part](const auto& said) { return said.first.find(part) != std::string::npos; });
}

void recovered(std::string_view stream) {
    auto& shared = shared_repeats();
    const std::scoped_lock lock{shared.mutex};
    shared.repeats.forget(std::string(1, '\0').append(stream).append(1, '\0'));
}

void answers(std::string_view name) {
    auto& shared = shared_repeats();
    const std::scoped_lock lock{shared.mutex};
    shared.repeats.forget(std::string(name).append(1, '\0'));
}

Level level_from(std::string_view name) {
    for (std::size_t index = 0; index < level_names.size(); ++index) {
        if (level_names[index] == name) {
            return static_cast<Level>(index);
        }
    }
    throw std::invalid_argument("expected trace, debug, info, warn, error or off");
}

Format format_from(std::string_view name) {
    if (name == "text") {
        return Format::text;
    }
    if (name == "json") {
        return Format::json;
    }
    throw std::invalid_argument("expected text or json");
}

void configure(Level level, Format format) {
    threshold = level;
    line_format = format;
}

bool is_enabled(Level level) {
    return level >= threshold.load() && level != Level::off;
}

Field kv(std::string_view key, std::chrono::milliseconds value) {
    return {key, fmt::format("{:.3f}", static_cast<double>(value.count()) / 1000.0), true};
}

std::string format_line(Format format,
                        std::chrono::system_clock::time_point time,
                        Level level,
                        std::string_view name,
                        std::span<const Field> fields) {
    const auto level_name = level_names.at(static_cast<std::size_t>(level));
    return format == Format::json ? json_line(timestamp(time), level_name, name, fields)
                                  : text_line(timestamp(time), level_name, name, fields);
}

void event(Level level, std::string_view name, std::initializer_list<Field> fields) {
    if (!is_enabled(level)) {
        return;
    }
    std::vector<Field> all(fields);
    if (level >= Level::warn && has_error(fields)) {
        const auto repeated = admit(name, fields);
        if (!repeated) {
            return;
        }
        if (*repeated > 0) {
            all.push_back(kv("repeated", *repeated));
        }
    }
    sink().info(
        "{}{}",
        journal_prefix(level),
        format_line(line_format.load(), std::chrono::system_clock::now(), level, name, all));
}

} // namespace zohosyncd::log
