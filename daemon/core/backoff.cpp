#include "daemon/core/backoff.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace zohosyncd {

Backoff::Backoff(Policy policy) : policy_(policy), ceiling_(policy.first) {
    assert(policy.first.count() > 0 && policy.first <= policy.max);
}

std::chrono::milliseconds Backoff::next(double jitter) {
    using std::chrono::milliseconds;
    const std::chrono::duration<double, std::milli> drawn = ceiling_ * std::clamp(jitter, 0.0, 1.0);
    const auto shortest = std::max(policy_.first / 10, milliseconds{1});
    const auto wait = std::max(std::chrono::duration_cast<milliseconds>(drawn), shortest);
    ceiling_ = ceiling_ > policy_.max / 2 ? policy_.max : ceiling_ * 2;
    if (failures_ < std::numeric_limits<int>::max()) {
        ++failures_;
    }
    return wait;
}

void Backoff::reset() {
    ceiling_ = policy_.first;
    failures_ = 0;
}

int Backoff::failures() const {
    return failures_;
}

} // namespace zohosyncd
