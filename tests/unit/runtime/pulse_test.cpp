#include "daemon/runtime/pulse.hpp"

#include <doctest/doctest.h>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

/// Until the clock has moved visibly.
void let_time_pass() {
    const auto until = std::chrono::steady_clock::now() + 2ms;
    while (std::chrono::steady_clock::now() < until) {
    }
}

} // namespace

TEST_CASE("a worker that gives no sign is silent") {
    const pulse::Worker worker;
    let_time_pass();

    CHECK(pulse::longest_silence() >= 2ms);
    pulse::sign();
    CHECK(pulse::longest_silence() < 1s);
}

TEST_CASE("a declared wait is no silence, and its end is a sign") {
    const pulse::Worker worker;
    {
        const pulse::Rest rest;
        {
            const pulse::Rest within;
        }
        let_time_pass();
        CHECK(pulse::longest_silence() == 0ms);
    }
    CHECK(pulse::longest_silence() < 1s);
}

TEST_CASE("a thread that is no worker counts for nothing") {
    pulse::sign();
    let_time_pass();

    CHECK(pulse::longest_silence() == 0ms);
}

} // namespace zohosyncd
