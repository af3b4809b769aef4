#pragma once

#include "daemon/core/backoff.hpp"
#include "daemon/core/rate_limiter.hpp"
#include "daemon/runtime/clock.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>

namespace zohosyncd {

/// The one door through which every request to Zoho goes, token calls included: at most so many
/// in flight, at most so many in any sliding second by the instants of sending, and nothing at all
/// while the organisation is paused. After a pause one request goes first as a probe; the others
/// follow when it has come back well. Thread-safe.
class RequestGate {
public:
    struct Limits {
        std::size_t per_second = 5;
        std::size_t in_flight = 3;
    };

    /// The place of one request in flight; gives it back when destroyed.
    class Permit {
    public:
        explicit Permit(RequestGate& gate) : gate_(&gate) {}

        Permit(const Permit&) = delete;
        Permit& operator=(const Permit&) = delete;

        ~Permit() { gate_->give_back(); }

    private:
        RequestGate* gate_;
    };

    /// `jitter` seeds the draws of the back-off.
    RequestGate(Limits limits, Clock& clock, unsigned jitter = std::random_device{}());

    /// Waits for the turn. Throws SyncError: stopped, or credits_exhausted when `costs_credit` and
    /// the budget is spent.
    [[nodiscard]] Permit acquire(bool costs_credit, const std::stop_token& stop);

    /// Other limits from the next request on; what was sent before still counts.
    void set_limits(Limits limits);

    /// Something is wrong with the whole organisation: nothing more is sent for `at_least`, or for
    /// a growing, jittered while. Returns how long. Calls while a pause runs only lengthen it.
    std::chrono::milliseconds pause(std::chrono::milliseconds at_least);

    /// A request was answered: a probe has passed, the next pause starts small again.
    void succeeded();

    /// How many credits may still be spent; unset means no limit is known yet.
    void set_credits_left(std::optional<std::int64_t> credits);
    /// What Zoho says is left to the whole organisation, others included; unset when it does not
    /// say, which it does only from half of the day's credits on. While that is no more than the
    /// reserve nothing is sent but one request an hour, to hear whether there are more again.
    void believe_remaining(std::optional<std::uint64_t> remaining);
    /// So many of what Zoho says is left stay untouched.
    void keep_reserve(std::uint64_t credits);
    /// What may still be spent by both counts; unset without any limit.
    [[nodiscard]] std::optional<std::int64_t> credits_left() const;
    /// The last word of Zoho, less what was sent since.
    [[nodiscard]] std::optional<std::int64_t> zoho_remaining() const;
    /// Requests sent that cost a credit and are not written down yet.
    [[nodiscard]] std::uint64_t credits_spent() const;
    /// So many more are to be written down, although this process did not spend them.
    void charge(std::uint64_t credits);

    /// Writes down what was spent and returns what was in the last 24 hours, that included.
    using Ledger = std::function<std::uint64_t(std::uint64_t spent)>;
    /// What was spent is written down, and what may be spent still is `allowed` less the ledger's
    /// answer; returns that. One caller at a time; the others wait. Until the ledger has returned,
    /// what it writes counts as unwritten; what it throws is passed on.
    std::int64_t settle(std::uint64_t allowed, const Ledger& ledger);

    struct Snapshot {
        std::uint64_t sent = 0;
        std::size_t in_flight = 0;
        std::size_t waiting = 0; ///< For the rate, for a place in flight, or for a pause to end.
        bool is_paused = false;
        bool is_probing = false; ///< After a pause, until a request has come back well.
        std::optional<Clock::TimePoint> paused_until = {};
        std::optional<std::int64_t> credits_left = {};
        std::chrono::seconds clock_skew{0}; ///< Zoho's Date less our clock, as last noted.
    };

    /// Noted for the snapshot alone.
    void note_clock_skew(std::chrono::seconds skew);

    [[nodiscard]] const Limits& limits() const { return limits_; }

    [[nodiscard]] Snapshot snapshot() const;

private:
    void give_back();
    void require_credit();
    [[nodiscard]] bool is_look_due() const;
    [[nodiscard]] std::optional<std::int64_t> left_by_both() const;
    [[nodiscard]] bool may_pass() const;
    void wait_for_turn(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);
    void sleep_unlocked(std::unique_lock<std::mutex>& lock,
                        Clock::TimePoint until,
                        const std::stop_token& stop);

    Limits limits_;
    Clock& clock_;
    std::mutex settling_; ///< Taken before the other.
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    RateLimiter limiter_;
    Backoff backoff_;
    std::minstd_rand jitter_;
    Clock::TimePoint paused_until_;
    bool is_probing_ = false; ///< After a pause: only one request may be out.
    bool turn_is_taken_ = false;
    std::size_t in_flight_ = 0;
    std::size_t waiting_ = 0;
    std::uint64_t sent_ = 0;
    std::optional<std::int64_t> credits_left_;
    std::uint64_t credits_spent_ = 0;
    std::optional<std::int64_t> zoho_remaining_;
    std::int64_t reserve_ = 0;
    Clock::TimePoint zoho_said_at_;
    Clock::TimePoint looked_at_;
    std::chrono::seconds clock_skew_{0};
};

} // namespace zohosyncd
