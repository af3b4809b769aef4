#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

namespace zohosyncd::log {

/// Writes lines to a descriptor without ever making the caller wait for who reads them.
///
/// As long as the reader keeps up a line is written at once, so that a crash loses none. When it
/// does not, lines wait in a queue and a thread hands them over; when that is full the oldest are
/// dropped, and a line says how many. Thread-safe.
class LogOutput {
public:
    /// Makes the line that says that `lines` were dropped, with its end of line.
    using SayDropped = std::function<std::string(std::uint64_t lines)>;

    /// `descriptor` stays the caller's and must outlive it. `most_waiting`: bytes of the queue.
    LogOutput(int descriptor, std::size_t most_waiting, SayDropped say_dropped);
    /// Waits, but not for long, until everything is written.
    ~LogOutput();
    LogOutput(const LogOutput&) = delete;
    LogOutput& operator=(const LogOutput&) = delete;

    /// `line` with its end of line.
    void write(std::string line);

private:
    void hand_over(const std::stop_token& stop);
    void wait_and_write(std::unique_lock<std::mutex>& lock);
    void write_what_fits();
    void write_some(std::string_view text);
    void enqueue(std::string line);
    void drop_oldest();

    const int descriptor_;
    const std::size_t most_waiting_;
    const SayDropped say_dropped_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<std::string> lines_;
    std::size_t bytes_ = 0;     ///< Of `lines_`.
    std::size_t written_ = 0;   ///< Of the first of `lines_`.
    std::uint64_t dropped_ = 0; ///< Not said yet.
    std::jthread writer_;
};

} // namespace zohosyncd::log
