#include "daemon/app/window_run.hpp"
#include "tests/unit/app/run_fixture.hpp"

#include <doctest/doctest.h>

namespace zohosyncd {
namespace {

using namespace fixture;

Batch batch_of(const std::vector<std::pair<std::int64_t, std::chrono::sys_seconds>>& rows) {
    Batch batch(2);
    for (const auto& [id, version] : rows) {
        batch.column(1).append("row " + std::to_string(id));
        batch.end_row(id, version);
        batch.quarantined().push_back({id, "reason", "body"});
    }
    return batch;
}

TEST_CASE("keep_window forgets rows outside the window and what quarantine was to keep of them") {
    auto batch =
        batch_of({{1, noon - 1h}, {2, noon - 1s}, {3, noon}, {4, noon + 5s}, {5, noon + 6s}});

    keep_window(batch, 1, 1, {noon, noon + 5s});

    CHECK(batch.ids() == std::vector<std::int64_t>{1, 3, 4}); // 1 was there before.
    CHECK(batch.column(1).value(1) == "row 3");
    CHECK(batch.column(1).value(2) == "row 4");
    REQUIRE(batch.quarantined().size() == 3);
    CHECK(batch.quarantined()[2].id == 4);
}

TEST_CASE("a window is read to its own end and moves no mark") {
    RunFixture zoho;
    zoho.stream.mode = StreamMode::backfill;
    zoho.stream.window = TimeWindow{noon - 100s, noon - 50s};
    zoho.script.reply(200, lead_fields);
    zoho.script.reply(
        200, page({record(2, noon - 100s), record(3, noon - 50s)}, More::yes), dated(noon));
    zoho.script.reply(
        200, page({record(3, noon - 50s), record(4, noon - 49s)}, More::yes), dated(noon));

    zoho.run();

    const auto state = zoho.state();
    CHECK(!state.high_water_mark);
    CHECK(!state.consistent_as_of);
    CHECK(!state.anchor);
    CHECK(state.status == StreamStatus::ok);
    CHECK(zoho.rows().size() == 2);
    CHECK(zoho.rows().contains(2));
    CHECK(zoho.rows().contains(3));
}

} // namespace
} // namespace zohosyncd
