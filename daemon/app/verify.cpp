#include "daemon/app/progress_display.hpp"
#include "daemon/app/replication.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"

#include <fmt/format.h>

#include <iostream>

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

constexpr const char* table_row = "{:<16} {:>10} {:>8} {:>6} {:>10} {:>8} {:>8} {:>9}  {}\n";

void print_findings(const std::vector<StreamProgress>& lines) {
    std::cout << fmt::format(table_row,
                             "stream",
                             "compared",
                             "missing",
                             "extra",
                             "differing",
                             "mended",
                             "not due",
                             "requests",
                             "");
    for (const auto& line : lines) {
        const auto findings = line.findings.value_or(Findings{});
        const auto& found = findings.found;
        std::cout << fmt::format(table_row,
                                 line.stream,
                                 findings.compared,
                                 found.missing,
                                 found.extra,
                                 found.differing,
                                 found.sum() - findings.left.sum(),
                                 findings.not_due,
                                 line.requests,
                                 line.findings ? "" : line.error);
    }
}

} // namespace

ExitCode verify_verb(const Config& config,
                     VerifyOptions options,
                     Clock& clock,
                     const std::stop_token& stop) {
    RequestGate gate(gate_limits(config.source), clock);
    Replication replication(config, gate, clock);
    replication.reach_target(target_patience, stop);
    if (options.repairs) {
        replication.take_lease(lease_patience, stop);
    }
    replication.meet_zoho(target_patience, stop);
    Engine::Outcome outcome;
    {
        const ProgressDisplay display(replication.board(), replication.gate(), clock);
        outcome = replication.verify(options, stop);
    }
    const auto lines = replication.board().lines();
    print_findings(lines);
    if (stop.stop_requested()) {
        throw SyncError(ErrorKind::stopped, "stopped before the end of the comparison");
    }
    std::uint64_t left = 0;
    for (const auto& line : lines) {
        left += line.findings ? line.findings->left.sum() : 0;
    }
    if (left > 0) {
        std::cerr << left << " differences left"
                  << (options.repairs ? "\n" : "; `zohosyncd verify --repair` mends them\n");
    }
    return outcome.failed == 0 && left == 0 ? ExitCode::ok : ExitCode::failure;
}

} // namespace zohosyncd
