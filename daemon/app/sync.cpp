#include "daemon/app/progress_display.hpp"
#include "daemon/app/replication.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"

#include <iostream>

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

} // namespace

ExitCode sync_verb(const Config& config, Clock& clock, const std::stop_token& stop) {
    RequestGate gate(gate_limits(config.source), clock);
    Replication replication(config, gate, clock);
    replication.reach_target(target_patience, stop);
    replication.take_lease(lease_patience, stop);
    replication.meet_zoho(target_patience, stop);
    Engine::Outcome outcome;
    {
        const ProgressDisplay display(replication.board(), replication.gate(), clock);
        outcome = replication.run(EngineMode::once, stop);
    }
    print_results(std::cerr, replication.board().lines());
    if (stop.stop_requested()) {
        throw SyncError(ErrorKind::stopped, "stopped; the next run goes on where this one was");
    }
    std::cerr << outcome.succeeded << " streams ok, " << outcome.failed << " failed\n";
    return outcome.failed == 0 ? ExitCode::ok : ExitCode::failure;
}

} // namespace zohosyncd
