#include "daemon/app/service_notices.hpp"

#include <doctest/doctest.h>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

constexpr ServiceNotices::TimePoint start{1h};

ServiceNotices::Sight sight(Phase phase, std::chrono::milliseconds silence = 0ms) {
    ServiceState state;
    state.set_phase(phase);
    return {state.snapshot(), describe(state.snapshot(), {}), silence};
}

StreamProgress line(const std::string& stream, StreamActivity activity) {
    StreamProgress progress;
    progress.stream = stream;
    progress.activity = activity;
    return progress;
}

} // namespace

TEST_CASE("ready as soon as the target was reached") {
    ServiceNotices notices(start, std::nullopt);

    CHECK(notices.next(sight(Phase::waiting_for_target), start) == "STATUS=waiting for the target");
    CHECK(notices.next(sight(Phase::waiting_for_zoho), start + 3s) ==
          "READY=1\nSTATUS=waiting for Zoho");
    CHECK(notices.next(sight(Phase::waiting_for_zoho), start + 4s).empty());
}

TEST_CASE("a target that is away does not hold up the boot") {
    ServiceNotices notices(start, std::nullopt);
    (void)notices.next(sight(Phase::waiting_for_target), start);

    CHECK(notices.next(sight(Phase::waiting_for_target), start + 29s).empty());
    CHECK(notices.next(sight(Phase::waiting_for_target), start + 30s) == "READY=1");
}

TEST_CASE("the watchdog is fed twice within its time, unless a worker hangs") {
    ServiceNotices notices(start, 10s);
    const auto syncing = sight(Phase::syncing);
    const auto hanging = sight(Phase::syncing, 20min);

    CHECK(notices.next(syncing, start).ends_with("WATCHDOG=1"));
    CHECK(notices.next(syncing, start + 4s).empty());
    CHECK(notices.next(syncing, start + 5s) == "WATCHDOG=1");
    CHECK(notices.next(hanging, start + 10s).empty());
    CHECK(notices.next(hanging, start + 100s).empty());
    CHECK(notices.next(syncing, start + 101s) == "WATCHDOG=1");
}

TEST_CASE("the status line names the streams in trouble and a refused reload") {
    ServiceState state;
    state.set_phase(Phase::syncing);

    CHECK(describe(state.snapshot(), {line("leads", StreamActivity::done)}) == "syncing 1 streams");
    CHECK(describe(state.snapshot(),
                   {line("leads", StreamActivity::denied),
                    line("deals", StreamActivity::backing_off),
                    line("calls", StreamActivity::backing_off)}) ==
          "syncing 3 streams, 3 in trouble; backing off: deals, calls; denied: leads");

    state.reload_refused("line 3: no such key");
    CHECK(describe(state.snapshot(), {}) ==
          "syncing 0 streams; the changed configuration was refused, the old one is in use");
    state.reloaded();
    CHECK(describe(state.snapshot(), {}) == "syncing 0 streams");
    CHECK(state.snapshot().generation == 2);
}

} // namespace zohosyncd
