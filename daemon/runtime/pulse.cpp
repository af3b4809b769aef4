#include "daemon/runtime/pulse.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

namespace zohosyncd::pulse {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Slot {
    std::atomic<SteadyClock::rep> signed_at{0};
    std::atomic<int> rests{0};
};

struct Slots {
    std::mutex mutex;
    std::set<const Slot*> all;
};

Slots& slots() {
    static Slots slots;
    return slots;
}

Slot& own_slot() {
    thread_local Slot slot;
    return slot;
}

} // namespace

Worker::Worker() {
    sign();
    const std::lock_guard lock(slots().mutex);
    slots().all.insert(&own_slot());
}

Worker::~Worker() {
    const std::lock_guard lock(slots().mutex);
    slots().all.erase(&own_slot());
}

Rest::Rest() {
    ++own_slot().rests;
}

Rest::~Rest() {
    sign();
    --own_slot().rests;
}

void sign() {
    own_slot().signed_at = SteadyClock::now().time_since_epoch().count();
}

std::chrono::milliseconds longest_silence() {
    const auto now = SteadyClock::now();
    SteadyClock::duration longest{0};
    const std::lock_guard lock(slots().mutex);
    for (const auto* slot : slots().all) {
        if (slot->rests == 0) {
            const SteadyClock::time_point at{SteadyClock::duration(slot->signed_at.load())};
            longest = std::max(longest, now - at);
        }
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(longest);
}

} // namespace zohosyncd::pulse
