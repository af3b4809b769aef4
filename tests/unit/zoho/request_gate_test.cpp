#include "daemon/core/errors.hpp"
#include "daemon/zoho/request_gate.hpp"
#include "tests/fakes/manual_clock.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using fakes::ManualClock;
using Instants = std::vector<Clock::TimePoint>;

std::size_t busiest_second(Instants instants) {
    std::sort(instants.begin(), instants.end());
    std::size_t most = 0;
    for (std::size_t from = 0; from < instants.size(); ++from) {
        const auto end = std::lower_bound(instants.begin(), instants.end(), instants[from] + 1s);
        most = std::max(most, static_cast<std::size_t>(end - instants.begin()) - from);
    }
    return most;
}

ErrorKind kind_of_refusal(RequestGate& gate, bool costs_credit, const std::stop_token& stop = {}) {
    try {
        const auto permit = gate.acquire(costs_credit, stop);
    } catch (const SyncError& error) {
        return error.kind();
    }
    return ErrorKind::internal;
}

TEST_CASE("no sliding second sees more requests than allowed") {
    ManualClock clock;
    RequestGate gate({5, 3}, clock);
    Instants sent;

    for (int request = 0; request < 40; ++request) {
        clock.advance(std::chrono::milliseconds((request * 37) % 290));
        const auto permit = gate.acquire(true, {});
        sent.push_back(clock.now());
    }

    CHECK(busiest_second(sent) == 5);
    CHECK(gate.snapshot().sent == 40);
    CHECK(gate.snapshot().in_flight == 0);
}

TEST_CASE("many threads keep both limits together") {
    constexpr int threads_count = 6;
    constexpr int requests_each = 200;
    ManualClock clock;
    RequestGate gate({5, 3}, clock);
    std::mutex mutex;
    Instants sent;
    std::atomic<int> in_flight{0};
    std::atomic<int> most_in_flight{0};

    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < threads_count; ++thread) {
            threads.emplace_back([&] {
                for (int request = 0; request < requests_each; ++request) {
                    const auto permit = gate.acquire(true, {});
                    const auto booked = ManualClock::last_read();
                    const int now_in_flight = ++in_flight;
                    int most = most_in_flight.load();
                    while (now_in_flight > most &&
                           !most_in_flight.compare_exchange_weak(most, now_in_flight)) {
                    }
                    {
                        const std::lock_guard lock(mutex);
                        sent.push_back(booked);
                    }
                    std::this_thread::yield();
                    --in_flight;
                }
            });
        }
    }

    CHECK(sent.size() == threads_count * requests_each);
    CHECK(busiest_second(sent) == 5);
    CHECK(most_in_flight <= 3);
    CHECK(gate.snapshot().in_flight == 0);
    CHECK(gate.credits_spent() == threads_count * requests_each);
}

TEST_CASE("a place in flight is free again when its permit ends") {
    ManualClock clock;
    RequestGate gate({100, 2}, clock);
    const auto first = gate.acquire(true, {});
    std::atomic<bool> has_passed{false};
    std::jthread third;
    {
        const auto second = gate.acquire(true, {});
        third = std::jthread([&] {
            const auto permit = gate.acquire(true, {});
            has_passed = true;
        });
        std::this_thread::yield();
        CHECK_FALSE(has_passed);
    }
    third.join();

    CHECK(has_passed);
}

TEST_CASE("a stop ends every wait at the gate") {
    ManualClock clock;
    RequestGate gate({5, 1}, clock);
    std::stop_source stop;
    std::atomic<int> stopped{0};
    {
        const auto permit = gate.acquire(true, {});
        std::vector<std::jthread> waiting;
        for (int thread = 0; thread < 3; ++thread) {
            waiting.emplace_back([&] {
                stopped +=
                    kind_of_refusal(gate, true, stop.get_token()) == ErrorKind::stopped ? 1 : 0;
            });
        }
        stop.request_stop();
    }

    CHECK(stopped == 3);
    CHECK(kind_of_refusal(gate, true, stop.get_token()) == ErrorKind::stopped);
    CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);
}

TEST_CASE("nothing is sent during a pause") {
    ManualClock clock;
    RequestGate gate({5, 3}, clock);

    CHECK(gate.pause(90s) == 90s);
    CHECK(gate.snapshot().is_paused);
    const auto permit = gate.acquire(true, {});

    CHECK(clock.now() == ManualClock::begin + 90s);
    CHECK_FALSE(gate.snapshot().is_paused);
}

TEST_CASE("after a pause one request goes alone until one has come back well") {
    ManualClock clock;
    RequestGate gate({100, 3}, clock);
    (void)gate.pause(10s);
    std::atomic<bool> has_passed{false};
    std::jthread second;
    {
        const auto probe = gate.acquire(true, {});
        second = std::jthread([&] {
            const auto permit = gate.acquire(true, {});
            has_passed = true;
        });
        std::this_thread::yield();
        CHECK_FALSE(has_passed);

        gate.succeeded();
        second.join(); // Although the probe is still in flight.
        CHECK(has_passed);
    }
}

TEST_CASE("an answer from before a pause does not end it") {
    ManualClock clock;
    RequestGate gate({5, 3}, clock);

    (void)gate.pause(60s);
    gate.succeeded();
    const auto permit = gate.acquire(true, {});

    CHECK(clock.now() == ManualClock::begin + 60s);
}

TEST_CASE("pauses grow with each failed probe and start small after a success") {
    ManualClock clock;
    RequestGate gate({5, 3}, clock);
    auto longest = 0ms;
    for (int failure = 0; failure < 40; ++failure) {
        const auto wait = gate.pause(0ms);
        longest = std::max(longest, wait);
        CHECK(wait >= 200ms);
        CHECK(wait <= 5min);
        clock.advance(wait);
    }
    CHECK(longest > 1min);

    gate.succeeded();
    CHECK(gate.pause(0ms) <= 2s);
}

TEST_CASE("calls during a pause lengthen it and never shorten it") {
    ManualClock clock;
    RequestGate gate({5, 3}, clock);

    CHECK(gate.pause(60s) == 60s);
    CHECK(gate.pause(0ms) == 60s);
    CHECK(gate.pause(10s) == 60s);
    CHECK(gate.pause(300s) == 300s);
}

TEST_CASE("a hint of more than an hour is not believed") {
    ManualClock clock;
    RequestGate gate({5, 3}, clock);

    CHECK(gate.pause(std::chrono::hours(48)) == std::chrono::hours(1));
}

TEST_CASE("credits are counted and the gate closes when they are spent") {
    ManualClock clock;
    RequestGate gate({5, 3}, clock);
    const auto left_of_ten = [&gate](std::uint64_t used) {
        return gate.settle(10, [used](std::uint64_t) { return used; });
    };
    CHECK(left_of_ten(8) == 2);

    CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);
    CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);
    CHECK(kind_of_refusal(gate, true) == ErrorKind::credits_exhausted);
    CHECK(kind_of_refusal(gate, false) == ErrorKind::internal);

    CHECK(gate.credits_spent() == 2);
    CHECK(left_of_ten(7) == 3);
    CHECK(gate.credits_spent() == 0);
    CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);
}

TEST_CASE("what could not be written down stays to be written, and what is sent meanwhile counts") {
    ManualClock clock;
    RequestGate gate({100, 3}, clock);
    gate.charge(28);
    CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);

    CHECK_THROWS_AS(gate.settle(100,
                                [](std::uint64_t) -> std::uint64_t {
                                    throw SyncError(ErrorKind::sink_down, "away");
                                }),
                    SyncError);
    CHECK(gate.credits_spent() == 29);
    CHECK(gate.settle(100, [&](std::uint64_t spent) {
        CHECK(spent == 29);
        CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);
        return std::uint64_t{60};
    }) == 40);

    CHECK(gate.credits_spent() == 1);
    CHECK(gate.credits_left() == 39);
}

TEST_CASE("what Zoho says is left is kept down to the reserve") {
    ManualClock clock;
    RequestGate gate({100, 3}, clock);
    gate.keep_reserve(10);
    gate.believe_remaining(12);

    CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);
    CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);
    CHECK(gate.credits_left() == 0);
    CHECK(kind_of_refusal(gate, true) == ErrorKind::credits_exhausted);
    CHECK(kind_of_refusal(gate, false) == ErrorKind::internal);
    CHECK(gate.credits_spent() == 2);
}

TEST_CASE("while Zoho has only the reserve left one request an hour asks again") {
    ManualClock clock;
    RequestGate gate({100, 3}, clock);
    gate.keep_reserve(10);
    gate.believe_remaining(10);
    for (int hour = 0; hour < 3; ++hour) {
        clock.advance(59min);
        CHECK(kind_of_refusal(gate, true) == ErrorKind::credits_exhausted);
        clock.advance(1min);
        CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);
        CHECK(kind_of_refusal(gate, true) == ErrorKind::credits_exhausted);
        gate.believe_remaining(4);
    }
    CHECK(gate.credits_spent() == 3);
}

TEST_CASE("a look that says there are more credits again opens the gate") {
    for (const auto& said : {std::optional<std::uint64_t>(500), std::optional<std::uint64_t>()}) {
        ManualClock clock;
        RequestGate gate({100, 3}, clock);
        gate.keep_reserve(10);
        gate.believe_remaining(0);
        CHECK(kind_of_refusal(gate, true) == ErrorKind::credits_exhausted);
        clock.advance(1h);
        CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);

        gate.believe_remaining(said);

        for (int request = 0; request < 20; ++request) {
            CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);
        }
    }
}

TEST_CASE("a look without an answer is repeated after five minutes") {
    ManualClock clock;
    RequestGate gate({100, 3}, clock);
    gate.believe_remaining(0);
    clock.advance(1h);
    CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);
    clock.advance(4min);
    CHECK(kind_of_refusal(gate, true) == ErrorKind::credits_exhausted);
    clock.advance(1min);
    CHECK(kind_of_refusal(gate, true) == ErrorKind::internal);
}

} // namespace
} // namespace zohosyncd
