#include "daemon/status/gauges.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using metrics::Metric;

constexpr std::chrono::sys_seconds noon{1'800'000'000s};

StreamState state_of(const std::string& stream) {
    StreamState state;
    state.key = {"ZOHO_CRM", stream, {"zoho_crm", stream}};
    state.status = StreamStatus::ok;
    state.consistent_as_of = noon - 60s;
    state.high_water_mark = noon - 1h;
    state.deletes_mark = noon - 60s;
    state.last_attempt_at = noon - 30s;
    state.last_success_at = noon - 30s;
    return state;
}

StatusView view_of(std::size_t streams) {
    StatusView view;
    view.wall = noon;
    view.started = noon - 1h;
    view.now = Clock::TimePoint(1h);
    view.phase = Phase::syncing;
    view.live.emplace();
    view.live->source = "ZOHO_CRM";
    view.live->epoch = 3;
    view.live->credits_allowed = 1000;
    TargetView target;
    target.read_at = view.now - 2s;
    target.read_wall = noon - 2s;
    for (std::size_t i = 0; i < streams; ++i) {
        const std::string name = "stream" + std::to_string(i);
        view.live->plans.push_back(
            {name, "zoho_crm." + name, "incremental", "@every 5m", std::chrono::seconds(5min)});
        target.states.push_back(state_of(name));
        target.states.back().verification = Verification{noon - 24h, 0, 0, 0};
        target.rows["zoho_crm." + name] = 10;
        target.report.columns["zoho_crm." + name] = 40;
    }
    view.target = std::make_shared<const TargetView>(std::move(target));
    return view;
}

double value_of(const std::vector<metrics::Sample>& samples,
                Metric metric,
                const metrics::Labels& labels) {
    const auto found = std::find_if(samples.begin(), samples.end(), [&](const auto& sample) {
        return sample.metric == metric && sample.labels == labels;
    });
    REQUIRE(found != samples.end());
    return found->value;
}

} // namespace

TEST_CASE("fifty streams are fewer than two thousand series, with all that is counted") {
    auto samples = gauges_of(view_of(50), "1.0");
    // Of a stream there are also: five counts of rows, two of runs, and what went wrong with it.
    constexpr std::size_t counted_of_a_stream = 5 + 2 + 8;
    // Twelve buckets and two sums each, of five endpoints and of the commits, and what is left.
    constexpr std::size_t counted_of_the_process = 14 * 6 + 100;
    CHECK(samples.size() > 500);
    CHECK(samples.size() + 50 * counted_of_a_stream + counted_of_the_process < 2000);
}

TEST_CASE("the age of a stream grows while the target does not answer") {
    auto view = view_of(1);
    view.wall += 100s;
    view.now += 100s;
    const auto samples = gauges_of(view, "1.0");
    CHECK(value_of(samples, Metric::freshness_seconds, {{"stream", "stream0"}}) == 160);
    CHECK(value_of(samples, Metric::target_read_age_seconds, {}) == 102);
}

TEST_CASE("a wall clock that was set back makes no stream younger") {
    auto view = view_of(1);
    view.wall -= 1h;
    view.now += 10s;
    CHECK(value_of(gauges_of(view, "1.0"), Metric::freshness_seconds, {{"stream", "stream0"}}) ==
          70);
}

TEST_CASE("a clock behind Zoho's makes no stream younger") {
    auto view = view_of(1);
    view.live->clock_skew = 30s;
    CHECK(value_of(gauges_of(view, "1.0"), Metric::freshness_seconds, {{"stream", "stream0"}}) ==
          90);
}

TEST_CASE("a stream that never was complete has no age") {
    auto view = view_of(1);
    auto target = *view.target;
    target.states[0].consistent_as_of.reset();
    target.states[0].status = StreamStatus::backoff;
    view.target = std::make_shared<const TargetView>(std::move(target));
    const auto samples = gauges_of(view, "1.0");
    CHECK(std::none_of(samples.begin(), samples.end(), [](const auto& sample) {
        return sample.metric == Metric::freshness_seconds;
    }));
    CHECK(value_of(samples, Metric::stream_state, {{"stream", "stream0"}, {"state", "backoff"}}) ==
          1);
}

TEST_CASE("credits tell how many hours they last") {
    auto view = view_of(1);
    view.live->credits_left = 300;
    auto target = *view.target;
    target.report.credits[noon - 10min] = 100;
    target.report.credits[noon - 20h] = 600;
    view.target = std::make_shared<const TargetView>(std::move(target));
    const auto samples = gauges_of(view, "1.0");
    CHECK(value_of(samples, Metric::api_credits_used_24h, {}) == 700);
    CHECK(value_of(samples, Metric::api_credits_remaining, {}) == 300);
    CHECK(value_of(samples, Metric::api_credits_forecast_hours, {}) == 3);
}

} // namespace zohosyncd
