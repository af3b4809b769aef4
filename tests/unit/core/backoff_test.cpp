#include "daemon/core/backoff.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

std::vector<milliseconds> draw(Backoff& backoff, int count, double jitter) {
    std::vector<milliseconds> waits;
    for (int i = 0; i < count; ++i) {
        waits.push_back(backoff.next(jitter));
    }
    return waits;
}

TEST_CASE("the ceiling doubles up to the maximum") {
    Backoff backoff{{1s, 10s}};

    CHECK(draw(backoff, 7, 1.0) == std::vector<milliseconds>{1s, 2s, 4s, 8s, 10s, 10s, 10s});
    CHECK(backoff.failures() == 7);
}

TEST_CASE("the wait is the drawn share of the ceiling") {
    Backoff backoff{{1s, 60s}};

    CHECK(draw(backoff, 4, 0.5) == std::vector<milliseconds>{500ms, 1s, 2s, 4s});
}

TEST_CASE("the wait never falls below a tenth of the first") {
    Backoff backoff{{1s, 60s}};

    CHECK(draw(backoff, 3, 0.0) == std::vector<milliseconds>{100ms, 100ms, 100ms});
    CHECK(Backoff{{1ms, 1ms}}.next(0.0) == 1ms);
}

TEST_CASE("a success starts anew") {
    Backoff backoff{{1s, 60s}};
    draw(backoff, 5, 1.0);

    backoff.reset();

    CHECK(backoff.failures() == 0);
    CHECK(backoff.next(1.0) == 1s);
    CHECK(backoff.failures() == 1);
}

TEST_CASE("a jitter out of range is brought into it") {
    CHECK(Backoff{{1s, 60s}}.next(7.0) == 1s);
    CHECK(Backoff{{1s, 60s}}.next(-7.0) == 100ms);
}

TEST_CASE("many failures neither overflow nor leave the bounds") {
    const Backoff::Policy policy{250ms, std::chrono::hours{24 * 365}};
    Backoff backoff{policy};
    std::mt19937_64 random{1};
    std::uniform_real_distribution<double> jitter{0.0, 1.0};

    for (int i = 0; i < 10000; ++i) {
        const auto wait = backoff.next(jitter(random));
        REQUIRE(wait >= policy.first / 10);
        REQUIRE(wait <= policy.max);
    }
}

} // namespace
} // namespace zohosyncd
