#pragma once

#include "daemon/core/batch.hpp"
#include "daemon/runtime/clock.hpp"
#include "sinks/sink.hpp"

#include <cstddef>
#include <optional>

namespace zohosyncd {

/// Pages that were read and wait for their commit. Pages that come quickly share one; no page waits
/// for its commit longer than the next page takes.
class PageBuffer {
public:
    PageBuffer(std::size_t columns, Clock& clock)
        : clock_(clock), listed_(columns), authoritative_(columns) {}

    Batch& listed() { return listed_; }

    Batch& authoritative() { return authoritative_; }

    [[nodiscard]] PageWrite contents() const { return {&listed_, &authoritative_}; }

    [[nodiscard]] std::size_t rows() const { return listed_.rows() + authoritative_.rows(); }

    [[nodiscard]] bool is_empty() const {
        return rows() == 0 && listed_.quarantined().empty() && authoritative_.quarantined().empty();
    }

    /// Call after each page. True when the rows should be committed now.
    [[nodiscard]] bool is_due();
    void clear();

private:
    Clock& clock_;
    Batch listed_;
    Batch authoritative_;
    std::optional<Clock::TimePoint> oldest_;
};

} // namespace zohosyncd
