#include "daemon/core/credit_plan.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace zohosyncd;
using namespace std::chrono_literals;

namespace {

/// The 14 endpoints at their default intervals: 11 with a delete list, notes without, users and
/// modules hourly.
std::vector<StreamCost> default_streams() {
    std::vector<StreamCost> streams(11, StreamCost{5min, 2, 1});
    streams.push_back({5min, 1, 1});
    streams.push_back({1h, 1, 0});
    streams.push_back({1h, 1, 0});
    return streams;
}

double credits_per_day(const std::vector<StreamCost>& streams,
                       std::chrono::seconds metadata,
                       double stretch) {
    double sum = 0;
    for (const auto& stream : streams) {
        const double runs = 86'400.0 / (static_cast<double>(stream.interval.count()) * stretch);
        sum += runs * static_cast<double>(stream.requests_per_run);
        sum += 86'400.0 / static_cast<double>(metadata.count()) *
               static_cast<double>(stream.metadata_requests);
    }
    return sum;
}

} // namespace

TEST_CASE("a Free edition's intervals are stretched below what it allows") {
    constexpr std::uint64_t allowed = 3500; // 5,000 a day, 30 % left to others.

    const double stretch = interval_stretch(default_streams(), 1h, allowed);

    CHECK(stretch > 2.0);
    CHECK(credits_per_day(default_streams(), 1h, stretch) <= 0.8 * allowed + 1.0);
}

TEST_CASE("with credits enough no interval is stretched") {
    CHECK(interval_stretch(default_streams(), 1h, 50'000) == doctest::Approx(1.0));
    CHECK(interval_stretch({}, 1h, 0) == doctest::Approx(1.0));
}

TEST_CASE("credits that do not even cover the field lists stretch without limit but finitely") {
    const double stretch = interval_stretch(default_streams(), 1h, 10);

    CHECK(stretch > 1000.0);
    CHECK(stretch < 1e9);
}

TEST_CASE("a day's even rate is what is left and comes back, without ever running dry") {
    using Repayments = std::vector<Repayment>;

    CHECK(CreditForecast(2400, {}).even_rate() == doctest::Approx(2400));
    CHECK(CreditForecast(1200, Repayments{{12h, 1200}}).even_rate() == doctest::Approx(2400));
    CHECK(CreditForecast(1200, Repayments{{1h, 1200}}).even_rate() == doctest::Approx(2400));
    // What comes back late does not help before.
    CHECK(CreditForecast(100, Repayments{{12h, 2300}}).even_rate() == doctest::Approx(200));
    CHECK(CreditForecast(100, Repayments{{6h, 500}, {12h, 1800}}).even_rate() ==
          doctest::Approx(400));
    CHECK(CreditForecast(-5, {}).even_rate() < 0);
}

TEST_CASE("what can be spared beside an even rate is what never makes it wait") {
    using Repayments = std::vector<Repayment>;

    CHECK(CreditForecast(2400, {}).spare_beside(2000) == doctest::Approx(400));
    CHECK(CreditForecast(100, Repayments{{1h, 2300}}).spare_beside(1000) ==
          doctest::Approx(100 - 1000 / 24.0));
    CHECK(CreditForecast(50, Repayments{{1h, 2300}}).spare_beside(0) == doctest::Approx(50));
    CHECK(CreditForecast(100, {}).spare_beside(1000) < 0);
}
