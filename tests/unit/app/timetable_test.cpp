#include "daemon/app/timetable.hpp"

#include <doctest/doctest.h>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

constexpr RunResult away{ErrorKind::sink_down, {}, false, true};
constexpr RunResult ok{};

/// Three streams that poll every five minutes, all due at `start`.
struct Fixture {
    std::vector<StreamConfig> streams{3};
    Clock::TimePoint start{1h};

    Timetable timetable(EngineMode mode) {
        for (auto& stream : streams) {
            stream.schedule = Schedule::parse("@every 5m");
        }
        return {streams, mode, 1.0, start};
    }

    [[nodiscard]] Timetable::Moment after(Clock::Duration passed) const {
        return {start + passed, std::chrono::sys_seconds(1000h)};
    }
};

std::vector<std::size_t> streams_of(std::initializer_list<std::size_t> indexes) {
    return indexes;
}

} // namespace

TEST_CASE("a target that is away is looked for by one stream, at least twice a second") {
    Fixture f;
    auto timetable = f.timetable(EngineMode::forever);
    for (const auto stream : timetable.take_due(f.start)) {
        CHECK(timetable.finished(stream, away, 1.0, f.after(0s)));
    }

    int looks = 0;
    for (auto passed = 0ms; passed < 60s; passed += 50ms) {
        const auto due = timetable.take_due(f.start + passed);
        REQUIRE(due.size() <= 1);
        for (const auto stream : due) {
            ++looks;
            CHECK(timetable.take_due(f.start + passed).empty());
            CHECK(timetable.finished(stream, away, 1.0, f.after(passed)));
        }
    }

    CHECK(looks >= 110);
    CHECK(looks <= 120);
}

TEST_CASE("a stream that rests is due when it said, whatever its schedule") {
    Fixture f;
    auto timetable = f.timetable(EngineMode::forever);
    (void)timetable.take_due(f.start);
    const auto now = f.after(10s);

    timetable.finished(0, {std::nullopt, {}, false, false, now.wall + 7s}, 0.5, now);
    timetable.finished(1, ok, 0.5, now);
    timetable.set_stretch(3.0); // What is not an interval is not stretched.

    CHECK(timetable.due(0) == f.start + 17s);
    CHECK(timetable.due(1) == f.start + 10s + 15min);
}

TEST_CASE("all streams go on as soon as one has found the target again") {
    Fixture f;
    auto timetable = f.timetable(EngineMode::forever);
    for (const auto stream : timetable.take_due(f.start)) {
        CHECK(timetable.finished(stream, away, 0.0, f.after(0s)));
    }

    const auto first = timetable.take_due(f.start + 1s);
    CHECK(timetable.finished(first.front(), ok, 0.0, f.after(1s)));

    CHECK(timetable.take_due(f.start + 1s) == streams_of({1, 2}));
    CHECK(timetable.attempts(1) == 0);
}

TEST_CASE("while a target is away nothing is said to be due before the next look") {
    Fixture f;
    auto timetable = f.timetable(EngineMode::forever);
    for (const auto stream : timetable.take_due(f.start)) {
        CHECK(timetable.finished(stream, away, 1.0, f.after(0s)));
    }

    const auto look = timetable.next_due();
    REQUIRE(look.has_value());
    CHECK(*look > f.start);
    CHECK(timetable.take_due(*look - 1ms).empty());

    CHECK(timetable.take_due(*look).size() == 1);
    CHECK(!timetable.next_due()); // As long as that one looks, the others wait for it.
}

TEST_CASE("a target that fails only after Zoho was asked is backed off from") {
    Fixture f;
    auto timetable = f.timetable(EngineMode::forever);
    const RunResult broke{ErrorKind::sink_down, {}, false, false};
    for (const auto stream : timetable.take_due(f.start)) {
        CHECK(timetable.finished(stream, broke, 1.0, f.after(0s)));
    }

    auto passed = 0ms;
    int runs = 0;
    for (; passed < 60s; passed += 50ms) {
        for (const auto stream : timetable.take_due(f.start + passed)) {
            ++runs;
            CHECK(timetable.finished(stream, broke, 1.0, f.after(passed)));
        }
    }

    CHECK(runs == 3 * 5); // After 1, 3, 7, 15 and 31 seconds.
}

TEST_CASE("sync waits a minute for a target that went away, and no stream longer") {
    Fixture f;
    auto timetable = f.timetable(EngineMode::once);
    auto passed = 0ms;
    for (; passed < 5min && !timetable.is_all_done(); passed += 50ms) {
        for (const auto stream : timetable.take_due(f.start + passed)) {
            const bool goes_on = timetable.finished(stream, away, 0.5, f.after(passed));
            CHECK(goes_on == (passed < 60s));
        }
    }

    CHECK(passed >= 60s);
    CHECK(passed < 65s);
    CHECK(timetable.succeeded() == 0);
}

TEST_CASE("a stream goes on in another timetable where it was") {
    Fixture f;
    auto before = f.timetable(EngineMode::forever);
    (void)before.take_due(f.start);
    CHECK(before.finished(0, ok, 0.5, f.after(1s)));
    CHECK(before.finished(1, {ErrorKind::server_error, 0ms, false, false}, 1.0, f.after(1s)));

    Timetable after(f.streams, EngineMode::forever, 1.0, f.start + 1s);
    for (const std::size_t stream : {0, 1, 2}) {
        after.resume(stream, before.turn(stream));
    }

    CHECK(after.attempts(1) == 1);
    // Only the run that was broken off is taken up at once.
    CHECK(after.take_due(f.start + 1999ms) == streams_of({2}));
    CHECK(after.next_due() == before.next_due());
}

TEST_CASE("a stream with another schedule is due at once") {
    Fixture f;
    auto before = f.timetable(EngineMode::forever);
    (void)before.take_due(f.start);
    CHECK(before.finished(0, ok, 0.5, f.after(1s)));
    const auto turn = before.turn(0);
    f.streams[0].schedule = Schedule::parse("@every 1m");
    Timetable after(f.streams, EngineMode::forever, 1.0, f.start + 2s);

    after.resume(0, turn);

    CHECK(after.take_due(f.start + 2s).front() == 0);
}

TEST_CASE("intervals that have begun follow the stretch, back-offs do not") {
    Fixture f;
    auto timetable = f.timetable(EngineMode::forever);
    for (const auto stream : timetable.take_due(f.start)) {
        const RunResult failed{ErrorKind::server_error, 40s, false, false};
        CHECK(timetable.finished(stream, stream == 2 ? failed : ok, 0.0, f.after(10s)));
    }
    CHECK(timetable.due(0) == f.start + 10s + 5min);

    timetable.set_stretch(3.0);
    CHECK(timetable.due(0) == f.start + 10s + 15min);
    CHECK(timetable.due(2) == f.start + 50s);

    timetable.set_stretch(1.0);
    CHECK(timetable.due(0) == f.start + 10s + 5min);
    CHECK(timetable.due(1) == f.start + 10s + 5min);
}

} // namespace zohosyncd
