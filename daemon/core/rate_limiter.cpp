#include "daemon/core/rate_limiter.hpp"

#include <algorithm>
#include <cassert>

namespace zohosyncd {

RateLimiter::RateLimiter(std::size_t budget, Duration window) : budget_(budget), window_(window) {
    assert(budget > 0 && window > Duration::zero());
    sent_.reserve(budget);
}

RateLimiter::TimePoint RateLimiter::next_free(TimePoint now) const {
    const auto earliest = std::max(now, floor_);
    return sent_.size() < budget_ ? earliest : std::max(earliest, sent_[oldest_] + window_);
}

RateLimiter::TimePoint RateLimiter::reserve(TimePoint now) {
    const auto instant = next_free(now);
    if (sent_.size() < budget_) {
        sent_.push_back(instant);
    } else {
        sent_[oldest_] = instant;
        oldest_ = (oldest_ + 1) % budget_;
    }
    floor_ = instant;
    return instant;
}

void RateLimiter::set_budget(std::size_t budget) {
    assert(budget > 0);
    std::rotate(sent_.begin(), sent_.begin() + static_cast<std::ptrdiff_t>(oldest_), sent_.end());
    oldest_ = 0;
    if (sent_.size() > budget) {
        sent_.erase(sent_.begin(), sent_.end() - static_cast<std::ptrdiff_t>(budget));
    }
    budget_ = budget;
}

void RateLimiter::pause_until(TimePoint until) {
    floor_ = std::max(floor_, until);
}

} // namespace zohosyncd
