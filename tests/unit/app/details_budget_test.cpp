#include "daemon/app/details_budget.hpp"
#include "tests/fakes/manual_clock.hpp"
#include "tests/fakes/recording_sink.hpp"

#include <doctest/doctest.h>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

TEST_CASE("details never come faster than half of the rate") {
    for (const std::size_t rate : {1U, 2U, 3U, 5U, 10U, 500U}) {
        CAPTURE(rate);
        const auto pause = pause_between_details(rate);
        const double per_second = 1000.0 / static_cast<double>(pause.count());
        CHECK(per_second <= static_cast<double>(rate) / 2);
        CHECK(per_second >= static_cast<double>(rate) / 4);
    }
}

TEST_CASE("details spend half of the credits, whoever spent them before") {
    fakes::ManualClock clock;
    RequestGate gate({5, 3}, clock);
    fakes::RecordingTarget target;
    fakes::RecordingSink sink(target);

    DetailsBudget first("ZOHO_CRM", 101, gate, clock);
    CHECK(first.left() == 50);
    first.spend(20);
    CHECK(first.left() == 30);
    first.settle(sink);
    CHECK(first.left() == 30);

    DetailsBudget second("ZOHO_CRM", 101, gate, clock);
    second.settle_in_time(sink);
    CHECK(second.left() == 30);
    second.settle_in_time(sink); // Too soon to look again.
    second.spend(40);
    CHECK(second.left() == 0);
}

TEST_CASE("a turn comes as soon as the rate allows") {
    for (const std::size_t rate : {5U, 500U}) {
        CAPTURE(rate);
        fakes::ManualClock clock;
        RequestGate gate({rate, 3}, clock);
        DetailsBudget budget("ZOHO_CRM", 100, gate, clock);
        CHECK(budget.wait_for_turn({}));
        const auto before = clock.now();
        CHECK(budget.wait_for_turn({}));
        CHECK(clock.now() - before == pause_between_details(rate));
    }
}

} // namespace
} // namespace zohosyncd
