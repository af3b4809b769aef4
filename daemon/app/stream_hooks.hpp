#pragma once

#include "daemon/app/hook_runner.hpp"
#include "daemon/app/run_context.hpp"

#include <chrono>
#include <stop_token>
#include <string>

namespace zohosyncd {

/// The hooks around one run of a stream. The run knows nothing of them, and they of nothing that it
/// has not committed.
class HookedRun {
public:
    /// Everything has to outlive it.
    HookedRun(const RunContext& context, const StreamConfig& stream);

    /// The `pre` hooks; none while the target is away, which its many looks would repeat. Throws
    /// SyncError for that and for a stop.
    HookOutcome before(const std::stop_token& stop);

    /// The `post` hooks of a run that went well. Throws SyncError{stopped}.
    HookOutcome after_success(const std::stop_token& stop);

    /// Those of one that did not; none unless before() came to its end. What fails is logged, and
    /// that is all: the run has failed anyway.
    void after_failure(const std::string& error, const std::stop_token& stop);

private:
    [[nodiscard]] Variables values() const;
    void take_rows();

    const RunContext& context_;
    const StreamConfig& stream_;
    Clock::TimePoint begun_;
    RunFacts facts_;
    bool has_begun_ = false;
};

/// The root's hooks around one `sync`. Throws SyncError{stopped}.
HookOutcome run_root_hooks(const std::vector<Hook>& hooks,
                           const Config& config,
                           const PassFacts& pass,
                           Clock& clock,
                           const std::stop_token& stop);

} // namespace zohosyncd
