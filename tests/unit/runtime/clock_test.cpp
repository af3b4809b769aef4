#include "daemon/runtime/clock.hpp"

#include <doctest/doctest.h>

#include <thread>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a sleep to a moment that has come ends at once") {
    SystemClock clock;

    CHECK(clock.sleep_until(clock.now(), {}));
    CHECK(clock.sleep_until(Clock::TimePoint{}, {}));
}

TEST_CASE("a stop ends a sleep that would last for hours") {
    SystemClock clock;
    std::stop_source stop;
    bool has_slept_through = true;
    {
        const std::jthread sleeper(
            [&] { has_slept_through = clock.sleep_for(24h, stop.get_token()); });
        stop.request_stop();
    }

    CHECK_FALSE(has_slept_through);
}

TEST_CASE("a stop requested before is no sleep") {
    SystemClock clock;
    std::stop_source stop;
    stop.request_stop();

    CHECK_FALSE(clock.sleep_for(24h, stop.get_token()));
}

} // namespace
} // namespace zohosyncd
