#include "daemon/core/credit_plan.hpp"

#include "daemon/core/load_estimate.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

constexpr double share_for_polling = 0.8;
// Where field lists alone would take more than the rest, the intervals grow beyond their age, and
// then they are read no more often than the streams.
constexpr double least_share_for_lists = 0.4;

} // namespace

double interval_stretch(std::span<const StreamCost> streams,
                        std::chrono::seconds metadata_age,
                        double allowed) {
    double polling = 0.0;
    double metadata = 0.0;
    for (const auto& stream : streams) {
        polling += runs_per_day(stream.interval) * static_cast<double>(stream.requests_per_run);
        // Fields are read with a run, so never more often than the stream runs.
        metadata += runs_per_day(std::max(stream.interval, metadata_age)) *
                    static_cast<double>(stream.metadata_requests);
    }
    const double left =
        std::max(allowed * share_for_polling - metadata, allowed * least_share_for_lists);
    return std::max(1.0, polling / std::max(left, 1.0));
}

CreditForecast::CreditForecast(double left, std::span<const Repayment> repayments) : left_(left) {
    constexpr double seconds_per_day = 86'400.0;
    double credits = left;
    for (const auto& repayment : repayments) {
        const auto in = std::max<std::int64_t>(repayment.in.count(), 1);
        points_.push_back({static_cast<double>(in) / seconds_per_day, credits});
        credits += static_cast<double>(repayment.credits);
    }
    points_.push_back({1.0, credits});
}

double CreditForecast::even_rate() const {
    double rate = points_.back().credits;
    for (const auto& point : points_) {
        rate = std::min(rate, point.credits / point.day);
    }
    return rate;
}

double CreditForecast::spare_beside(double rate) const {
    double spare = left_;
    for (const auto& point : points_) {
        spare = std::min(spare, point.credits - rate * point.day);
    }
    return spare;
}

} // namespace zohosyncd
