#pragma once

#include "daemon/zoho/request_gate.hpp"
#include "sinks/sink.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

namespace zohosyncd {

/// What reading details may take: half of the rate, one request at a time and only while nobody
/// else waits to send one; and half of the credits of any 24 hours, counted in the target under a
/// name of their own, so that restarts do not forget them. Of one thread.
class DetailsBudget {
public:
    /// `allowed`: credits of all of us in 24 hours. The rest outlives it.
    DetailsBudget(const std::string& connection,
                  std::uint64_t allowed,
                  RequestGate& gate,
                  Clock& clock);

    /// How many credits may still be spent, as far as was counted.
    [[nodiscard]] std::uint64_t left() const;

    /// Waits until the next request may be sent. False when a stop was requested.
    bool wait_for_turn(const std::stop_token& stop);

    void spend(std::uint64_t credits) { unwritten_ += credits; }

    /// Writes down what was spent, and learns what 24 hours have given back.
    void settle(Sink& sink);
    /// The same, when that was not done for a minute, or never: what was spent by others before us.
    void settle_in_time(Sink& sink);

private:
    std::string account_;
    std::uint64_t allowed_;
    RequestGate& gate_;
    Clock& clock_;
    std::uint64_t spent_ = 0; ///< In 24 hours, as written.
    std::uint64_t unwritten_ = 0;
    Clock::TimePoint next_;
    std::optional<Clock::TimePoint> settled_at_;
};

/// The least time between two requests for details, at a limit of `per_second`.
std::chrono::milliseconds pause_between_details(std::size_t per_second);

} // namespace zohosyncd
