#include "daemon/app/lease_keeper.hpp"
#include "daemon/core/errors.hpp"
#include "tests/fakes/manual_clock.hpp"
#include "tests/fakes/recording_sink.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

using namespace zohosyncd;
using namespace std::chrono_literals;
using fakes::ManualClock;
using fakes::RecordingSink;
using fakes::RecordingTarget;

namespace {

/// Lets so many naps pass in no time; the next lasts until the stop. A heart beats after each.
class BeatingClock final : public Clock {
public:
    explicit BeatingClock(int beats) : beats_left_(beats) {}

    [[nodiscard]] TimePoint now() const override { return inner_.now(); }

    [[nodiscard]] std::chrono::system_clock::time_point wall_now() const override {
        return inner_.wall_now();
    }

    bool sleep_until(TimePoint deadline, std::stop_token stop) override {
        std::unique_lock lock(mutex_);
        if (beats_left_-- > 0) {
            return inner_.sleep_until(deadline, stop);
        }
        std::condition_variable_any stopped;
        stopped.wait(lock, stop, [] { return false; });
        return false;
    }

    [[nodiscard]] std::vector<Duration> naps() const { return inner_.naps(); }

private:
    ManualClock inner_;
    std::mutex mutex_;
    int beats_left_;
};

/// The limit is for a broken program only.
bool comes_true(std::promise<void>& promise) {
    return promise.get_future().wait_for(20s) == std::future_status::ready;
}

struct Rig {
    LeaseKeeper make() { return {std::make_unique<RecordingSink>(target), "ZOHO_CRM", clock}; }

    ManualClock clock;
    RecordingTarget target;
    std::stop_source stop;
};

} // namespace

TEST_CASE("a free lease is taken at once and given back at the end") {
    Rig rig;
    {
        LeaseKeeper keeper(std::make_unique<RecordingSink>(rig.target), "ZOHO_CRM", rig.clock);
        keeper.acquire(std::nullopt, {});
        CHECK(keeper.epoch() == 1);
        CHECK(rig.clock.naps().empty());
        CHECK(rig.target.calls("release_lease").empty());
    }
    CHECK(rig.target.calls("release_lease").size() == 1);

    auto next = rig.make();
    next.acquire(0s, {});
    CHECK(next.epoch() == 2);
}

TEST_CASE("a keeper that never held the lease gives nothing back") {
    Rig rig;

    (void)rig.make();

    CHECK(rig.target.calls().empty());
}

TEST_CASE("a standby asks every second until the lease is free") {
    Rig rig;
    rig.target.hold_lease("other pid 7");
    int asked = 0;
    rig.target.before("try_acquire_lease", [&](const StreamKey&) {
        if (++asked == 100) {
            rig.target.free_lease();
        }
    });
    auto keeper = rig.make();

    keeper.acquire(std::nullopt, {});

    CHECK(asked == 100);
    CHECK(rig.clock.naps() == std::vector<Clock::Duration>(99, 1s));
    CHECK(keeper.epoch() == 2);
}

TEST_CASE("patience ends with the holder's name") {
    Rig rig;
    rig.target.hold_lease("other pid 7");
    auto keeper = rig.make();
    std::string message;

    try {
        keeper.acquire(30s, {});
    } catch (const SyncError& error) {
        CHECK(error.kind() == ErrorKind::lease_held);
        message = error.what();
    }

    CHECK(message.find("other pid 7") != std::string::npos);
    CHECK(rig.clock.now() == ManualClock::begin + 30s);
}

TEST_CASE("a stop ends the waiting for a lease") {
    Rig rig;
    rig.target.hold_lease("other pid 7");
    rig.target.before("try_acquire_lease", [&](const StreamKey&) { rig.stop.request_stop(); });
    auto keeper = rig.make();
    auto kind = ErrorKind::internal;

    try {
        keeper.acquire(std::nullopt, rig.stop.get_token());
    } catch (const SyncError& error) {
        kind = error.kind();
    }

    CHECK(kind == ErrorKind::stopped);
}

TEST_CASE("what the target says while the lease is asked for is passed on") {
    Rig rig;
    rig.target.fail("try_acquire_lease", ErrorKind::sink_down);
    auto keeper = rig.make();

    CHECK_THROWS_AS(keeper.acquire(std::nullopt, {}), SyncError);
    keeper.acquire(std::nullopt, {});

    CHECK(keeper.epoch() == 1);
}

TEST_CASE("the heart beats every two seconds until the keeper goes") {
    Rig rig;
    BeatingClock clock(3);
    std::promise<void> third;
    std::atomic<int> beats = 0;
    rig.target.before("heartbeat", [&](const StreamKey& key) {
        CHECK(key.connection == "ZOHO_CRM");
        if (++beats == 3) {
            third.set_value();
        }
    });
    {
        LeaseKeeper keeper(std::make_unique<RecordingSink>(rig.target), "ZOHO_CRM", clock);
        keeper.acquire(std::nullopt, {});
        keeper.keep();
        CHECK(comes_true(third));
        CHECK_FALSE(keeper.lost().stop_requested());
    }

    CHECK(clock.naps() == std::vector<Clock::Duration>(3, 2s));
    CHECK(rig.target.calls("heartbeat").size() == 3);
    CHECK(rig.target.calls().back().name == "release_lease");
}

TEST_CASE("a beat that fails is tried again") {
    Rig rig;
    BeatingClock clock(3);
    rig.target.fail("heartbeat", ErrorKind::sink_down, 1);
    std::promise<void> third;
    std::atomic<int> beats = 0;
    rig.target.before("heartbeat", [&](const StreamKey&) {
        if (++beats == 3) {
            third.set_value();
        }
    });
    {
        LeaseKeeper keeper(std::make_unique<RecordingSink>(rig.target), "ZOHO_CRM", clock);
        keeper.acquire(std::nullopt, {});
        keeper.keep();
        CHECK(comes_true(third));
        CHECK_FALSE(keeper.lost().stop_requested());
    }

    CHECK(rig.target.calls("heartbeat").at(1).has_failed);
    CHECK(rig.target.calls("release_lease").size() == 1);
}

TEST_CASE("a lost lease is told and not given back") {
    Rig rig;
    BeatingClock clock(5);
    rig.target.fail("heartbeat", ErrorKind::lease_lost, 2);
    std::promise<void> lost;
    {
        LeaseKeeper keeper(std::make_unique<RecordingSink>(rig.target), "ZOHO_CRM", clock);
        keeper.acquire(std::nullopt, {});
        const std::stop_callback on_loss(keeper.lost(), [&] { lost.set_value(); });
        keeper.keep();
        CHECK(comes_true(lost));
    }

    CHECK(rig.target.calls("heartbeat").size() == 3);
    CHECK(rig.target.calls("release_lease").empty());
}

TEST_CASE("a lease that can not be given back runs out by itself") {
    Rig rig;
    rig.target.fail("release_lease", ErrorKind::sink_down);
    {
        auto keeper = rig.make();
        keeper.acquire(std::nullopt, {});
    }

    CHECK(rig.target.calls("release_lease").at(0).has_failed);
}
