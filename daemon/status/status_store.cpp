#include "daemon/status/status_store.hpp"

#include "daemon/runtime/metrics.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

constexpr std::chrono::minutes slice_length{10};
// NTP slews far less than this from one sample to the next.
constexpr std::chrono::seconds jump_of_a_clock{2};
// Samples are a second apart; a busy machine does not take ten times that.
constexpr std::chrono::seconds sleep_of_a_process{10};

std::int64_t slice_of(std::chrono::sys_seconds wall) {
    return wall.time_since_epoch() / slice_length;
}

} // namespace

const char* to_string(Phase phase) {
    switch (phase) {
    case Phase::waiting_for_target:
        return "waiting for the target";
    case Phase::standing_by:
        return "standing by";
    case Phase::waiting_for_zoho:
        return "waiting for Zoho";
    case Phase::syncing:
        return "syncing";
    case Phase::stopping:
        return "stopping";
    }
    return "syncing";
}

StatusStore::StatusStore(Clock& clock)
    : clock_(clock), started_(std::chrono::floor<std::chrono::seconds>(clock.wall_now())),
      slice_(slice_of(started_)) {}

void StatusStore::set_phase(Phase phase) {
    const std::lock_guard lock(mutex_);
    phase_ = phase;
    waiting_for_.clear();
}

void StatusStore::set_waiting_for(std::string error) {
    const std::lock_guard lock(mutex_);
    waiting_for_ = std::move(error);
}

void StatusStore::publish(TargetView view) {
    auto shared = std::make_shared<const TargetView>(std::move(view));
    const std::lock_guard lock(mutex_);
    target_ = std::move(shared);
    target_error_.clear();
}

void StatusStore::publish_error(std::string error) {
    const std::lock_guard lock(mutex_);
    target_error_ = std::move(error);
}

StatusStore::Source::Source(StatusStore& store, std::function<LiveView()> ask) : store_(store) {
    const std::lock_guard asking(store_.source_mutex_);
    store_.ask_ = std::move(ask);
    const std::lock_guard lock(store_.mutex_);
    store_.target_.reset();
    store_.target_error_.clear();
}

StatusStore::Source::~Source() {
    const std::lock_guard asking(store_.source_mutex_);
    store_.last_live_ = store_.ask_();
    store_.last_live_->silence = {}; // Nobody is expected to work until there is a successor.
    store_.ask_ = nullptr;
}

StatusView StatusStore::view() const {
    StatusView view;
    const std::lock_guard asking(source_mutex_);
    view.live = ask_ ? std::optional(ask_()) : last_live_;
    const std::lock_guard lock(mutex_);
    view.now = clock_.now();
    view.wall = std::chrono::floor<std::chrono::seconds>(clock_.wall_now());
    view.started = started_;
    view.phase = phase_;
    view.waiting_for = waiting_for_;
    view.target = target_;
    view.target_error = target_error_;
    view.requests = requests_;
    return view;
}

void StatusStore::watch_clocks() {
    const auto now = clock_.now();
    const auto wall = clock_.wall_now();
    if (sampled_at_) {
        const auto passed = now - *sampled_at_;
        if (std::chrono::abs((wall - sampled_wall_) - passed) > jump_of_a_clock) {
            metrics::count(metrics::Metric::clock_jumps_total, {});
        }
        if (passed > sleep_of_a_process) {
            metrics::count(metrics::Metric::resume_events_total, {});
        }
    }
    sampled_at_ = now;
    sampled_wall_ = wall;
}

void StatusStore::sample() {
    watch_clocks();
    std::uint64_t sent = 0;
    {
        const std::lock_guard lock(source_mutex_);
        sent = ask_ ? ask_().requests_sent : 0;
    }
    const std::lock_guard lock(mutex_);
    const auto slice = slice_of(std::chrono::floor<std::chrono::seconds>(clock_.wall_now()));
    // A clock that was set back goes on in the slice it was in.
    for (; slice_ < slice; ++slice_) {
        if (slice - slice_ > static_cast<std::int64_t>(requests_.size())) {
            slice_ = slice - static_cast<std::int64_t>(requests_.size());
        }
        std::rotate(requests_.begin(), requests_.begin() + 1, requests_.end());
        requests_.back() = {};
    }
    const auto in_this_second = sent - std::min(sent, sent_);
    requests_.back().requests += in_this_second;
    requests_.back().most_in_a_second = std::max(requests_.back().most_in_a_second, in_this_second);
    sent_ = sent;
}

} // namespace zohosyncd
