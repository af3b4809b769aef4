#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/hook_variables.hpp"
#include "daemon/net/http_transport.hpp"

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

/// What hooks do outside of the process. Both throw SyncError, and `stopped` on stop.
struct HookActions {
    /// Sends a request and returns the status of its answer.
    std::function<long(const HttpRequest&, const std::stop_token&)> send;
    /// Runs statements on the target, in a session of their own.
    std::function<void(const std::string&, const std::stop_token&)> query;
};

/// The real ones. They never touch what limits Zoho's requests.
HookActions hook_actions(const TargetConnection& target);

/// How a list of hooks came out.
struct HookOutcome {
    enum class Result { done, skips_the_run, failed };

    Result result = Result::done;
    std::string error = {}; ///< Of a failure.
};

/// Runs the hooks one after the other, as far as their conditions and failures let them. `stream`
/// is for the log; empty for the root's. Throws SyncError{stopped} alone.
HookOutcome run_hooks(const std::vector<Hook>& hooks,
                      const Variables& values,
                      const std::string& stream,
                      const HookActions& actions,
                      const std::stop_token& stop);

} // namespace zohosyncd
