#pragma once

#include "tests/simulator/clock.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace zohosim {

/// One request as it arrived and as it was answered.
struct LogEntry {
    Micros monotonic = 0;
    Micros wall = 0;
    std::string method;
    std::string target;
    std::string kind;
    std::optional<std::string> since;
    bool with_token = false;
    int status = 0;
    std::size_t rows = 0;
    std::size_t bytes = 0;
    int in_flight = 0; ///< including itself
    Micros took = 0;
};

/// Everything the simulator was asked, for tests of pace and of economy. Thread-safe.
class RequestLog {
public:
    struct Credits {
        std::size_t used;
        std::size_t limit;
    };

    /// Books an arrival, stamps it and returns its number; it is in flight from now on.
    std::size_t arrive(LogEntry entry);

    /// Notes the outcome. The request stays in flight until leave().
    void answer(std::size_t number, int status, std::size_t rows, std::size_t bytes);
    void leave(std::size_t number);

    void spend(std::size_t credits);
    [[nodiscard]] Credits credits();
    void set_credit_limit(std::size_t limit);

    [[nodiscard]] int in_flight();

    /// Arrivals in the last second, this one included; for the optional rate gate.
    [[nodiscard]] std::size_t arrivals_in(Micros window);

    [[nodiscard]] nlohmann::json entries();
    [[nodiscard]] nlohmann::json stats();
    void reset();

private:
    std::mutex mutex_;
    std::deque<LogEntry> entries_; ///< the newest; older ones only count
    std::size_t base_ = 0;         ///< number of the first entry: numbers are never reused
    std::size_t requests_ = 0;
    std::map<std::string, std::size_t> kinds_;
    std::map<std::string, std::size_t> statuses_;
    std::size_t rows_ = 0;
    std::size_t bytes_ = 0;
    std::deque<Micros> window_; ///< arrivals of the last pace window
    std::size_t most_in_window_ = 0;
    int in_flight_ = 0;
    int max_in_flight_ = 0;
    std::size_t credits_used_ = 0;
    std::size_t credit_limit_ = 100'000;
};

/// CPU seconds of this process, user and system.
double cpu_seconds();

} // namespace zohosim
