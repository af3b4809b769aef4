#include "daemon/core/rate_limiter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <random>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using TimePoint = RateLimiter::TimePoint;

constexpr TimePoint start{1000s};

/// The most instants that any window [t, t + window) holds, counted the slow way.
std::size_t busiest_window(const std::vector<TimePoint>& instants, RateLimiter::Duration window) {
    std::size_t most = 0;
    for (const auto from : instants) {
        std::size_t count = 0;
        for (const auto instant : instants) {
            count += instant >= from && instant < from + window ? 1U : 0U;
        }
        most = count > most ? count : most;
    }
    return most;
}

TEST_CASE("under another budget what was sent before still counts") {
    struct Case {
        std::size_t before;
        std::size_t after;
    };

    for (const auto& c : {Case{5, 2}, Case{2, 5}, Case{3, 3}}) {
        CAPTURE(c.before);
        RateLimiter limiter{c.before, 1s};
        std::vector<TimePoint> booked;
        for (std::size_t i = 0; i < c.before + 1; ++i) {
            booked.push_back(limiter.reserve(start));
        }

        limiter.set_budget(c.after);

        const auto changed = booked.back();
        for (int i = 0; i < 12; ++i) {
            booked.push_back(limiter.reserve(changed));
        }
        CHECK(busiest_window(booked, 1s) <= std::max(c.before, c.after));
        std::vector<TimePoint> later(booked.begin() + static_cast<std::ptrdiff_t>(c.before),
                                     booked.end());
        CHECK(busiest_window(later, 1s) <= c.after);
    }
}

TEST_CASE("a burst goes out at once up to the budget and then window by window") {
    RateLimiter limiter{2, 1s};
    std::vector<TimePoint> booked;

    for (int i = 0; i < 5; ++i) {
        booked.push_back(limiter.reserve(start));
    }

    CHECK(booked == std::vector<TimePoint>{start, start, start + 1s, start + 1s, start + 2s});
}

TEST_CASE("a refill does not meet the burst before it in one window") {
    RateLimiter limiter{2, 1s};
    (void)limiter.reserve(start + 900ms);
    (void)limiter.reserve(start + 950ms);

    CHECK(limiter.reserve(start + 1000ms) == start + 1900ms);
    CHECK(limiter.reserve(start + 1000ms) == start + 1950ms);
}

TEST_CASE("an idle caller waits for nothing") {
    RateLimiter limiter{1, 1s};
    (void)limiter.reserve(start);

    CHECK(limiter.reserve(start + 1s) == start + 1s);
    CHECK(limiter.reserve(start + 60s) == start + 60s);
}

TEST_CASE("looking books nothing") {
    RateLimiter limiter{1, 1s};

    CHECK(limiter.next_free(start) == start);
    CHECK(limiter.next_free(start) == start);
    CHECK(limiter.reserve(start) == start);
    CHECK(limiter.next_free(start) == start + 1s);
}

TEST_CASE("a pause holds everybody back and the longer one counts") {
    RateLimiter limiter{3, 1s};
    limiter.pause_until(start + 30s);
    limiter.pause_until(start + 10s);

    CHECK(limiter.reserve(start) == start + 30s);
    CHECK(limiter.reserve(start + 31s) == start + 31s);
}

TEST_CASE("callers with clocks that disagree are served in the order of their calls") {
    RateLimiter limiter{5, 1s};
    (void)limiter.reserve(start + 500ms);

    CHECK(limiter.reserve(start) == start + 500ms);
}

TEST_CASE(
    "no window of any history holds more than the budget, and no wait is longer than needed") {
    std::mt19937_64 random{7};
    std::uniform_int_distribution<int> budgets{1, 7};
    std::uniform_int_distribution<int> gaps{0, 600};
    std::uniform_int_distribution<int> chances{0, 19};

    for (int round = 0; round < 200; ++round) {
        const auto budget = static_cast<std::size_t>(budgets(random));
        const auto window = std::chrono::milliseconds{1 + gaps(random)};
        RateLimiter limiter{budget, window};
        std::vector<TimePoint> booked;
        auto now = start;
        auto paused = start;
        for (int call = 0; call < 80; ++call) {
            now += std::chrono::milliseconds{chances(random) < 10 ? 0 : gaps(random)};
            if (chances(random) == 0) {
                paused = std::max(paused, now + std::chrono::milliseconds{gaps(random)});
                limiter.pause_until(paused);
            }
            const auto looked = limiter.next_free(now);
            const auto instant = limiter.reserve(now);
            REQUIRE(instant == looked);
            REQUIRE(instant >= now);
            REQUIRE(instant >= paused);
            const bool is_held = instant > now && instant > paused &&
                                 !(booked.size() >= 1 && instant == booked.back());
            if (is_held) { // Only the window may hold a call back longer.
                REQUIRE(booked.size() >= budget);
                REQUIRE(instant == booked[booked.size() - budget] + window);
            }
            booked.push_back(instant);
        }
        REQUIRE(busiest_window(booked, window) <= budget);
    }
}

} // namespace
} // namespace zohosyncd
