#pragma once

#include "daemon/app/details_run.hpp"
#include "daemon/core/backoff.hpp"

#include <cstddef>
#include <stop_token>
#include <vector>

namespace zohosyncd {

/// Whether any stream of the configuration has lines to be read.
bool wants_details(const Config& config);

/// Reads the details of all streams, a few records of each in turn, in one thread of its own. What
/// goes wrong with a stream is logged, and that stream waits. Throws SyncError only for what ends
/// the process.
class DetailsFiller {
public:
    /// The context's client and sink are this thread's own.
    explicit DetailsFiller(const RunContext& context);

    /// Until a stop is requested.
    void run_until_stopped(const std::stop_token& stop);

    /// Until nothing waits any more that can be read now. Returns the streams that were given up.
    std::vector<std::size_t> run_once(const std::stop_token& stop);

private:
    struct Slot {
        std::size_t stream; ///< Its index in Config::streams.
        DetailsMemory memory;
        Backoff backoff;
        Clock::TimePoint due; ///< Not before this.
        int attempts = 0;     ///< Failures in a row.
    };

    /// What all streams came to, each in turn.
    struct Round {
        bool has_sent = false;
        bool has_too_young = false;
    };

    Round go_round(const std::stop_token& stop);
    void advance(Slot& slot, Round& round, const std::stop_token& stop);

    RunContext context_;
    DetailsBudget budget_;
    std::vector<Slot> slots_;
};

} // namespace zohosyncd
