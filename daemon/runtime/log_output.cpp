#include "daemon/runtime/log_output.hpp"

#include "daemon/runtime/metrics.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <utility>

namespace zohosyncd::log {
namespace {

using namespace std::chrono_literals;

// How often the thread looks whether it shall end while nobody reads.
constexpr auto between_looks = 100ms;
// The end of the process does not wait longer for a reader who sleeps.
constexpr auto patience_at_the_end = 2s;

bool accepts_some(int descriptor, std::chrono::milliseconds within) {
    pollfd one{descriptor, POLLOUT, 0};
    return poll(&one, 1, static_cast<int>(within.count())) > 0;
}

} // namespace

LogOutput::LogOutput(int descriptor, std::size_t most_waiting, SayDropped say_dropped)
    : descriptor_(descriptor), most_waiting_(most_waiting), say_dropped_(std::move(say_dropped)),
      writer_([this](const std::stop_token& stop) { hand_over(stop); }) {}

LogOutput::~LogOutput() {
    writer_.request_stop();
}

void LogOutput::write(std::string line) {
    const std::lock_guard lock(mutex_);
    enqueue(std::move(line));
    write_what_fits();
    if (!lines_.empty()) {
        changed_.notify_one();
    }
}

void LogOutput::enqueue(std::string line) {
    bytes_ += line.size();
    lines_.push_back(std::move(line));
    while (bytes_ > most_waiting_ && lines_.size() > 1) {
        drop_oldest();
    }
}

/// The oldest whole line: of the first a part may be written already.
void LogOutput::drop_oldest() {
    const auto oldest = lines_.begin() + (written_ > 0 ? 1 : 0);
    bytes_ -= oldest->size();
    lines_.erase(oldest);
    ++dropped_;
    metrics::count(metrics::Metric::log_dropped_total, {});
}

void LogOutput::write_what_fits() {
    while (!lines_.empty() && accepts_some(descriptor_, 0ms)) {
        if (dropped_ > 0 && written_ == 0) {
            lines_.push_front(say_dropped_(std::exchange(dropped_, 0)));
            bytes_ += lines_.front().size();
        }
        write_some(std::string_view(lines_.front()).substr(written_));
        if (written_ == lines_.front().size()) {
            bytes_ -= lines_.front().size();
            lines_.pop_front();
            written_ = 0;
        }
    }
}

/// Writes as much as is certain not to block: what accepts anything accepts PIPE_BUF.
void LogOutput::write_some(std::string_view text) {
    const auto result =
        ::write(descriptor_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (result >= 0) {
        written_ += static_cast<std::size_t>(result);
    } else if (errno != EAGAIN && errno != EINTR) {
        // Nobody reads any more, or the disk is full: the sync is worth more than the line.
        written_ = lines_.front().size();
        metrics::count(metrics::Metric::log_dropped_total, {});
    }
}

void LogOutput::hand_over(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !lines_.empty(); })) {
        if (stop.stop_requested()) {
            break;
        }
        wait_and_write(lock);
    }
    const auto until = std::chrono::steady_clock::now() + patience_at_the_end;
    while (!lines_.empty() && std::chrono::steady_clock::now() < until) {
        wait_and_write(lock);
    }
}

void LogOutput::wait_and_write(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    (void)accepts_some(descriptor_, between_looks);
    lock.lock();
    write_what_fits();
}

} // namespace zohosyncd::log
