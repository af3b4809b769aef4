#include "daemon/runtime/metrics.hpp"

#include <doctest/doctest.h>

#include <string>

namespace zohosyncd {

TEST_CASE("what was counted is told with what is given") {
    metrics::count(metrics::Metric::rows_deleted_total, {{"stream", "of this test"}}, 2);
    metrics::count(metrics::Metric::rows_deleted_total, {{"stream", "of this test"}});

    const metrics::Sample gauge{metrics::Metric::columns_used, {{"stream", "of this test"}}, 7};
    const std::string text = metrics::text({&gauge, 1});

    CHECK(text.find("# TYPE zohosyncd_rows_deleted_total counter\n") != std::string::npos);
    CHECK(text.find("zohosyncd_rows_deleted_total{stream=\"of this test\"} 3\n") !=
          std::string::npos);
    CHECK(text.find("# TYPE zohosyncd_columns_used gauge\n") != std::string::npos);
    CHECK(text.find("zohosyncd_columns_used{stream=\"of this test\"} 7\n") != std::string::npos);
}

TEST_CASE("what an alert waits for is there before it happens") {
    const std::string text = metrics::text({});

    for (const auto* series : {"zohosyncd_pg_errors_total{sqlstate=\"53100\"}",
                               "zohosyncd_commit_in_doubt_total{verdict=\"unknown\"}",
                               "zohosyncd_token_requests_total{outcome=\"ok\"}",
                               "zohosyncd_log_dropped_total"}) {
        CAPTURE(series);
        CHECK(text.find(series) != std::string::npos);
    }
}

TEST_CASE("an age is told from the first mark on") {
    metrics::mark(metrics::Metric::lock_age_seconds);

    CHECK(metrics::text({}).find("zohosyncd_lock_age_seconds ") != std::string::npos);
}

} // namespace zohosyncd
