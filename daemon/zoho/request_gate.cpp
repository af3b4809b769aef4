#include "daemon/zoho/request_gate.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/runtime/metrics.hpp"
#include "daemon/runtime/pulse.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

// A second, and a little more: between booking and sending a thread may lose the processor for a
// few milliseconds, and Zoho counts what arrives. Costs 2 % of the rate.
constexpr auto window = 1020ms;
// A pause starts at two seconds, so that a brief hiccup costs little, and grows to five minutes.
constexpr Backoff::Policy pause_policy{2s, 5min};
// Zoho's own hint is honoured up to an hour (contract §9).
constexpr std::chrono::milliseconds longest_hint = 1h;
// While the budget is spent, the window frees credits minute by minute.
constexpr std::chrono::milliseconds budget_wait = 1min;
// Zoho tells what is left only in replies, so while that is nothing one request looks again so
// often: two dozen a day, which our own count still covers.
constexpr auto zoho_look = 1h;
// A look that brought no answer says nothing, and may have cost nothing: it is soon repeated.
constexpr auto unanswered_look = 5min;

} // namespace

RequestGate::RequestGate(Limits limits, Clock& clock, unsigned jitter)
    : limits_(limits), clock_(clock), limiter_(limits.per_second, window), backoff_(pause_policy),
      jitter_(jitter), paused_until_(Clock::TimePoint::min()),
      zoho_said_at_(Clock::TimePoint::min()), looked_at_(Clock::TimePoint::min()) {}

bool RequestGate::may_pass() const {
    return !turn_is_taken_ && in_flight_ < limits_.in_flight && !(is_probing_ && in_flight_ > 0);
}

void RequestGate::sleep_unlocked(std::unique_lock<std::mutex>& lock,
                                 Clock::TimePoint until,
                                 const std::stop_token& stop) {
    lock.unlock();
    clock_.sleep_until(until, stop);
    lock.lock();
}

void RequestGate::wait_for_turn(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
    const pulse::Rest rest;
    do {
        if (!changed_.wait(lock, stop, [this] { return may_pass(); })) {
            throw SyncError(ErrorKind::stopped, "stopped while waiting for the request limit");
        }
        // Holding the turn: only one waits for the instant, so that what is booked is what is sent.
        turn_is_taken_ = true;
        while (!stop.stop_requested()) {
            const auto now = clock_.now();
            const auto due = std::max(limiter_.next_free(now), paused_until_);
            if (due <= now) {
                break;
            }
            sleep_unlocked(lock, due, stop);
        }
        turn_is_taken_ = false;
        changed_.notify_all();
        if (stop.stop_requested()) {
            throw SyncError(ErrorKind::stopped, "stopped while waiting for the request limit");
        }
    } while (!may_pass()); // A pause that began meanwhile lets only its probe through.
}

RequestGate::Permit RequestGate::acquire(bool costs_credit, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    const auto begun = clock_.now();
    const bool is_paused = paused_until_ > begun || is_probing_;
    try {
        wait_for_turn(lock, stop);
    } catch (const SyncError&) {
        --waiting_;
        throw;
    }
    --waiting_;
    metrics::count(metrics::Metric::throttled_seconds_total,
                   {{"reason", is_paused ? "pause" : "rate"}},
                   std::chrono::duration<double>(clock_.now() - begun).count());
    if (costs_credit) {
        require_credit();
    }
    (void)limiter_.reserve(clock_.now());
    ++in_flight_;
    ++sent_;
    if (costs_credit) {
        ++credits_spent_;
        if (credits_left_) {
            --*credits_left_;
        }
        if (zoho_remaining_) {
            --*zoho_remaining_;
        }
    }
    return Permit(*this);
}

void RequestGate::require_credit() {
    if (credits_left_ && *credits_left_ <= 0) {
        throw SyncError(
            ErrorKind::credits_exhausted,
            "the API credits allowed for 24 hours are spent; raise daemon.credits or wait")
            .with_retry_after(budget_wait);
    }
    if (zoho_remaining_ && *zoho_remaining_ <= reserve_) {
        if (!is_look_due()) {
            throw SyncError(ErrorKind::credits_exhausted,
                            "Zoho has no more API credits left for today than the reserve of " +
                                std::to_string(reserve_) +
                                ": something else spends them; lower daemon.credits.reserve, or "
                                "wait")
                .with_retry_after(budget_wait);
        }
        looked_at_ = clock_.now();
    }
}

bool RequestGate::is_look_due() const {
    return clock_.now() >= std::max(zoho_said_at_ + zoho_look, looked_at_ + unanswered_look);
}

std::optional<std::int64_t> RequestGate::left_by_both() const {
    if (!zoho_remaining_) {
        return credits_left_;
    }
    const auto by_zoho = *zoho_remaining_ - reserve_;
    if (by_zoho <= 0 && is_look_due()) {
        return credits_left_; // Who waits for credits would never look.
    }
    return credits_left_ ? std::min(*credits_left_, by_zoho) : by_zoho;
}

void RequestGate::believe_remaining(std::optional<std::uint64_t> remaining) {
    constexpr std::uint64_t most = 1'000'000'000; // Far more than any edition has.
    const std::lock_guard lock(mutex_);
    zoho_remaining_.reset();
    if (remaining) {
        zoho_remaining_ = static_cast<std::int64_t>(std::min(*remaining, most));
    }
    zoho_said_at_ = clock_.now();
}

void RequestGate::keep_reserve(std::uint64_t credits) {
    const std::lock_guard lock(mutex_);
    reserve_ = static_cast<std::int64_t>(credits);
}

std::optional<std::int64_t> RequestGate::credits_left() const {
    const std::lock_guard lock(mutex_);
    return left_by_both();
}

std::optional<std::int64_t> RequestGate::zoho_remaining() const {
    const std::lock_guard lock(mutex_);
    return zoho_remaining_;
}

void RequestGate::set_limits(Limits limits) {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
    limiter_.set_budget(limits.per_second);
    changed_.notify_all();
}

void RequestGate::give_back() {
    const std::lock_guard lock(mutex_);
    --in_flight_;
    changed_.notify_all();
}

std::chrono::milliseconds RequestGate::pause(std::chrono::milliseconds at_least) {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.now();
    is_probing_ = true;
    if (paused_until_ > now) {
        // Several fetchers meet the same trouble: one failure, not three.
        paused_until_ = std::max(paused_until_, now + std::min(at_least, longest_hint));
    } else {
        std::uniform_real_distribution<double> share(0.0, 1.0);
        const auto wait = std::max(backoff_.next(share(jitter_)), std::min(at_least, longest_hint));
        paused_until_ = now + wait;
    }
    changed_.notify_all();
    return std::chrono::duration_cast<std::chrono::milliseconds>(paused_until_ - now);
}

void RequestGate::succeeded() {
    const std::lock_guard lock(mutex_);
    if (clock_.now() >= paused_until_) {
        is_probing_ = false;
        backoff_.reset();
        changed_.notify_all();
    }
}

void RequestGate::set_credits_left(std::optional<std::int64_t> credits) {
    const std::lock_guard lock(mutex_);
    credits_left_ = credits;
    if (credits_left_) {
        *credits_left_ -= static_cast<std::int64_t>(credits_spent_); // Sent meanwhile.
    }
}

std::uint64_t RequestGate::credits_spent() const {
    const std::lock_guard lock(mutex_);
    return credits_spent_;
}

void RequestGate::charge(std::uint64_t credits) {
    const std::lock_guard lock(mutex_);
    credits_spent_ += credits;
}

std::int64_t RequestGate::settle(std::uint64_t allowed, const Ledger& ledger) {
    const std::lock_guard one_at_a_time(settling_);
    const auto spent = credits_spent();
    const auto used = ledger(spent);
    const auto left = static_cast<std::int64_t>(allowed) - static_cast<std::int64_t>(used);
    const std::lock_guard lock(mutex_);
    credits_spent_ -= spent;
    credits_left_ = left - static_cast<std::int64_t>(credits_spent_); // Sent meanwhile.
    return left;
}

void RequestGate::note_clock_skew(std::chrono::seconds skew) {
    const std::lock_guard lock(mutex_);
    clock_skew_ = skew;
}

RequestGate::Snapshot RequestGate::snapshot() const {
    const std::lock_guard lock(mutex_);
    const bool is_paused = paused_until_ > clock_.now();
    return {sent_,
            in_flight_,
            waiting_,
            is_paused,
            is_probing_,
            is_paused ? std::optional(paused_until_) : std::nullopt,
            left_by_both(),
            clock_skew_};
}

} // namespace zohosyncd
