#pragma once

#include "daemon/app/progress.hpp"
#include "daemon/config/config.hpp"
#include "daemon/zoho/request_gate.hpp"

#include <chrono>
#include <cstddef>
#include <ostream>
#include <stop_token>
#include <thread>
#include <vector>

namespace zohosyncd {

/// Shows what the streams are doing on stderr: a table that is redrawn on a terminal, a plain line
/// per active stream every few seconds elsewhere. Lives as long as the run.
class ProgressDisplay {
public:
    ProgressDisplay(const ProgressBoard& board, const RequestGate& gate, Clock& clock);
    ProgressDisplay(const ProgressDisplay&) = delete;
    ProgressDisplay& operator=(const ProgressDisplay&) = delete;
    /// Clears the table from the terminal.
    ~ProgressDisplay();

private:
    void show(const std::stop_token& stop);
    void redraw();
    void print_lines();

    const ProgressBoard& board_;
    const RequestGate& gate_;
    Clock& clock_;
    bool is_terminal_;
    std::size_t drawn_lines_ = 0;
    std::jthread thread_;
};

/// The table of results: stream, outcome, pages, rows, what was written; then totals and errors.
void print_results(std::ostream& out, const std::vector<StreamProgress>& lines);

/// How one pass came out.
struct PassSummary {
    std::size_t succeeded = 0;
    std::size_t failed = 0;
    bool is_timed_out = false;
    std::chrono::milliseconds took{0};
};

/// The last lines of a Sling run, for those who look for their texts: `inserted N rows into`,
/// `execution succeeded`, `Completed in`.
void print_as_sling(std::ostream& out,
                    const Config& config,
                    const std::vector<StreamProgress>& lines,
                    const PassSummary& pass);

} // namespace zohosyncd
