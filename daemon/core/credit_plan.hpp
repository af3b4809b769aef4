#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace zohosyncd {

/// What one stream costs when nothing changes.
struct StreamCost {
    std::chrono::seconds interval;
    std::uint64_t requests_per_run = 1;
    std::uint64_t metadata_requests = 1; ///< Each time the field list gets too old.
};

/// By how much all intervals must grow so that idle polling leaves a fifth of the allowed credits
/// to real changes; at least 1. `allowed` are the credits of 24 hours without the reserve.
double interval_stretch(std::span<const StreamCost> streams,
                        std::chrono::seconds metadata_age,
                        double allowed);

/// Credits that were spent come back a day later.
struct Repayment {
    std::chrono::seconds in{0}; ///< From now on.
    std::uint64_t credits = 0;
};

/// What can be spent in the next 24 hours.
class CreditForecast {
public:
    /// `left` can be spent at once. `repayments` in the order of time.
    CreditForecast(double left, std::span<const Repayment> repayments);

    /// Credits a day that can be spent evenly all day, without ever having to wait for a repayment.
    [[nodiscard]] double even_rate() const;

    /// Credits that can be spent at once beside an even `rate` a day. Negative when even that rate
    /// can not be kept up.
    [[nodiscard]] double spare_beside(double rate) const;

private:
    struct Point {
        double day;     ///< Days from now on.
        double credits; ///< What will have been available until just then.
    };

    double left_;
    std::vector<Point> points_;
};

} // namespace zohosyncd
