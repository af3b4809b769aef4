#include "daemon/app/progress_display.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <map>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

constexpr auto redraw_interval = 200ms;
constexpr auto line_interval = 5s;

double rows_per_second(const StreamProgress& line, Clock::TimePoint now) {
    const bool is_over = line.activity != StreamActivity::reading;
    const auto took = is_over ? std::chrono::duration<double>(line.took)
                              : std::chrono::duration<double>(now - line.started);
    return took.count() > 0.05 ? static_cast<double>(line.rows_read) / took.count() : 0.0;
}

/// What holds a stream up, if anything.
std::string activity(const StreamProgress& line, const RequestGate::Snapshot& gate) {
    if (line.activity == StreamActivity::reading && gate.is_paused) {
        return "paused: Zoho";
    }
    return to_string(line.activity);
}

std::string
row(const StreamProgress& line, const RequestGate::Snapshot& gate, Clock::TimePoint now) {
    return fmt::format("{:<14} {:<13} {:>7} pages {:>10} rows {:>8.0f} rows/s",
                       line.stream.substr(0, 14),
                       activity(line, gate),
                       line.pages,
                       line.rows_read,
                       rows_per_second(line, now));
}

} // namespace

ProgressDisplay::ProgressDisplay(const ProgressBoard& board, const RequestGate& gate, Clock& clock)
    : board_(board), gate_(gate), clock_(clock), is_terminal_(isatty(STDERR_FILENO) == 1),
      thread_([this](const std::stop_token& stop) { show(stop); }) {}

ProgressDisplay::~ProgressDisplay() {
    thread_.request_stop();
    thread_.join();
    if (drawn_lines_ > 0) {
        std::cerr << fmt::format("\x1b[{}A\x1b[J", drawn_lines_) << std::flush;
    }
}

void ProgressDisplay::show(const std::stop_token& stop) {
    while (clock_.sleep_for(
        is_terminal_ ? Clock::Duration(redraw_interval) : Clock::Duration(line_interval), stop)) {
        if (is_terminal_) {
            redraw();
        } else {
            print_lines();
        }
    }
}

void ProgressDisplay::redraw() {
    const auto gate = gate_.snapshot();
    const auto now = clock_.now();
    std::string text = drawn_lines_ > 0 ? fmt::format("\x1b[{}A", drawn_lines_) : "";
    const auto lines = board_.lines();
    for (const auto& line : lines) {
        text += row(line, gate, now) + "\x1b[K\n";
    }
    text += fmt::format("{} requests sent, {} in flight, {} waiting for the limiter{}\x1b[K\n",
                        gate.sent,
                        gate.in_flight,
                        gate.waiting,
                        gate.is_paused ? ", all requests paused" : "");
    drawn_lines_ = lines.size() + 1;
    std::cerr << text << std::flush;
}

void ProgressDisplay::print_lines() {
    const auto gate = gate_.snapshot();
    const auto now = clock_.now();
    for (const auto& line : board_.lines()) {
        if (line.activity == StreamActivity::reading ||
            line.activity == StreamActivity::backing_off) {
            std::cerr << row(line, gate, now) + "\n" << std::flush;
        }
    }
}

void print_results(std::ostream& out, const std::vector<StreamProgress>& lines) {
    out << fmt::format("{:<16} {:<12} {:>6} {:>9} {:>10} {:>10} {:>10} {:>8} {:>9} {:>8}\n",
                       "stream",
                       "outcome",
                       "pages",
                       "requests",
                       "read",
                       "written",
                       "unchanged",
                       "deleted",
                       "repeated",
                       "seconds");
    StreamProgress sum;
    for (const auto& line : lines) {
        out << fmt::format("{:<16} {:<12} {:>6} {:>9} {:>10} {:>10} {:>10} {:>8} {:>9} {:>8.1f}\n",
                           line.stream,
                           to_string(line.activity),
                           line.pages,
                           line.requests,
                           line.rows_read,
                           line.written,
                           line.unchanged,
                           line.deleted,
                           line.repeated,
                           static_cast<double>(line.took.count()) / 1000.0);
        sum.pages += line.pages;
        sum.requests += line.requests;
        sum.rows_read += line.rows_read;
        sum.written += line.written;
        sum.unchanged += line.unchanged;
        sum.deleted += line.deleted;
        sum.repeated += line.repeated;
    }
    out << fmt::format("{:<16} {:<12} {:>6} {:>9} {:>10} {:>10} {:>10} {:>8} {:>9}\n",
                       "total",
                       "",
                       sum.pages,
                       sum.requests,
                       sum.rows_read,
                       sum.written,
                       sum.unchanged,
                       sum.deleted,
                       sum.repeated);
    std::map<std::string, std::size_t> anchors;
    for (const auto& line : lines) {
        ++anchors[line.anchor];
    }
    anchors.erase("");
    for (const auto& [anchor, streams] : anchors) {
        out << fmt::format(
            "anchor {}: what was last modified before is not read ({} streams)\n", anchor, streams);
    }
    for (const auto& line : lines) {
        if (line.activity != StreamActivity::done && !line.error.empty()) {
            out << line.stream << ": " << line.error << "\n";
        }
    }
}

void print_as_sling(std::ostream& out,
                    const Config& config,
                    const std::vector<StreamProgress>& lines,
                    const PassSummary& pass) {
    const auto table_of = [&](const std::string& name) {
        for (const auto& stream : config.streams) {
            if (stream.endpoint.stream == name) {
                const auto& target = stream.target;
                return (target.schema.empty() ? "" : "\"" + target.schema + "\".") + "\"" +
                       target.table + "\"";
            }
        }
        return name;
    };
    for (const auto& line : lines) {
        const auto seconds = static_cast<std::uint64_t>(line.took.count() / 1000);
        if (line.written > 0) {
            out << fmt::format("INF inserted {} rows into {} in {} secs [{} r/s]\n",
                               line.written,
                               table_of(line.stream),
                               seconds,
                               line.written / std::max<std::uint64_t>(seconds, 1));
        } else if (line.activity == StreamActivity::done) {
            out << "INF 0 rows inserted. Nothing to do.\n";
        }
        const bool is_done = line.activity == StreamActivity::done;
        out << (is_done                                   ? "INF execution succeeded\n"
                : pass.is_timed_out && line.error.empty() ? "INF execution failed (timed-out)\n"
                                                          : "INF execution failed\n");
    }
    out << fmt::format("INF Replication Completed in {}s | {} -> {} | {} Successes | {} Failures\n",
                       pass.took.count() / 1000,
                       config.source.name,
                       config.target.name,
                       pass.succeeded,
                       pass.failed);
}

} // namespace zohosyncd
