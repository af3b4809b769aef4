#include "tests/simulator/request_log.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace zohosim {

namespace {

// A client that spaces five calls by a second may arrive a little closer together here.
constexpr Micros pace_window = 950'000;

// A soak of days must not grow; the totals stay exact.
constexpr std::size_t most_entries = 300'000;

} // namespace

std::size_t RequestLog::arrive(LogEntry entry) {
    const std::scoped_lock lock{mutex_};
    entry.monotonic = Clock::monotonic_micros();
    entry.in_flight = ++in_flight_;
    max_in_flight_ = std::max(max_in_flight_, in_flight_);
    ++requests_;
    ++kinds_[entry.kind];
    window_.push_back(entry.monotonic);
    while (entry.monotonic - window_.front() >= pace_window) {
        window_.pop_front();
    }
    most_in_window_ = std::max(most_in_window_, window_.size());
    entries_.push_back(std::move(entry));
    if (entries_.size() > most_entries) {
        entries_.pop_front();
        ++base_;
    }
    return base_ + entries_.size() - 1;
}

void RequestLog::answer(std::size_t number, int status, std::size_t rows, std::size_t bytes) {
    const std::scoped_lock lock{mutex_};
    ++statuses_[std::to_string(status)];
    rows_ += rows;
    bytes_ += bytes;
    if (number < base_) {
        return;
    }
    auto& entry = entries_[number - base_];
    entry.status = status;
    entry.rows = rows;
    entry.bytes = bytes;
}

void RequestLog::leave(std::size_t number) {
    const std::scoped_lock lock{mutex_};
    --in_flight_;
    if (number >= base_) {
        auto& entry = entries_[number - base_];
        entry.took = Clock::monotonic_micros() - entry.monotonic;
    }
}

void RequestLog::spend(std::size_t credits) {
    const std::scoped_lock lock{mutex_};
    credits_used_ += credits;
}

RequestLog::Credits RequestLog::credits() {
    const std::scoped_lock lock{mutex_};
    return {credits_used_, credit_limit_};
}

void RequestLog::set_credit_limit(std::size_t limit) {
    const std::scoped_lock lock{mutex_};
    credit_limit_ = limit;
}

int RequestLog::in_flight() {
    const std::scoped_lock lock{mutex_};
    return in_flight_;
}

std::size_t RequestLog::arrivals_in(Micros window) {
    const std::scoped_lock lock{mutex_};
    const Micros since = Clock::monotonic_micros() - window;
    std::size_t count = 0;
    for (auto entry = entries_.rbegin(); entry != entries_.rend() && entry->monotonic > since;
         ++entry) {
        ++count;
    }
    return count;
}

nlohmann::json RequestLog::entries() {
    const std::scoped_lock lock{mutex_};
    auto list = nlohmann::json::array();
    for (const auto& entry : entries_) {
        list.push_back(
            {{"monotonic_us", entry.monotonic},
             {"wall_us", entry.wall},
             {"method", entry.method},
             {"target", entry.target},
             {"kind", entry.kind},
             {"if_modified_since", entry.since ? nlohmann::json(*entry.since) : nlohmann::json()},
             {"page_token", entry.with_token},
             {"status", entry.status},
             {"rows", entry.rows},
             {"bytes", entry.bytes},
             {"in_flight", entry.in_flight},
             {"took_us", entry.took}});
    }
    return list;
}

nlohmann::json RequestLog::stats() {
    const std::scoped_lock lock{mutex_};
    return {{"requests", requests_},
            {"kinds", kinds_},
            {"statuses", statuses_},
            {"rows", rows_},
            {"bytes", bytes_},
            {"in_flight", in_flight_},
            {"max_in_flight", max_in_flight_},
            {"max_arrivals_950ms", most_in_window_},
            {"credits_used", credits_used_},
            {"credits_limit", credit_limit_},
            {"cpu_seconds", cpu_seconds()}};
}

void RequestLog::reset() {
    const std::scoped_lock lock{mutex_};
    base_ += entries_.size();
    entries_.clear();
    requests_ = 0;
    kinds_.clear();
    statuses_.clear();
    rows_ = 0;
    bytes_ = 0;
    window_.clear();
    most_in_window_ = 0;
    max_in_flight_ = in_flight_;
    credits_used_ = 0;
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

} // namespace zohosim
