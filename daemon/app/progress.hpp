#pragma once

#include "daemon/app/findings.hpp"
#include "daemon/runtime/clock.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd {

/// What a stream is doing, for people.
enum class StreamActivity { waiting, reading, backing_off, done, failed, denied, blocked };

const char* to_string(StreamActivity activity);

/// One stream's line.
struct StreamProgress {
    std::string stream;
    StreamActivity activity = StreamActivity::waiting;
    std::uint64_t pages = 0;
    std::uint64_t requests = 0;
    std::uint64_t rows_read = 0;
    std::uint64_t written = 0;
    std::uint64_t unchanged = 0;
    std::uint64_t deleted = 0;
    std::uint64_t repeated = 0;
    std::chrono::milliseconds took{0};
    std::string error;
    std::string anchor; ///< Records older than this are not read; empty where everything is.
    Clock::TimePoint started;
    std::optional<Clock::TimePoint> next_run; ///< While it waits for its turn.
    std::optional<Findings> findings;         ///< Of a verification that has come to its end.
};

/// The lines of all streams, shared by the fetchers that write them and the thread that shows them.
class ProgressBoard {
public:
    /// In this order they are shown.
    explicit ProgressBoard(const std::vector<std::string>& streams);

    /// Other streams from now on.
    void show(const std::vector<std::string>& streams);

    template <typename Change> void update(const std::string& stream, Change change) {
        const std::lock_guard lock(mutex_);
        change(lines_.at(index_.at(stream)));
    }

    [[nodiscard]] std::vector<StreamProgress> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<StreamProgress> lines_;
    std::map<std::string, std::size_t> index_;
};

} // namespace zohosyncd
