#include "daemon/app/stream_hooks.hpp"

#include "daemon/core/errors.hpp"

namespace zohosyncd {

HookedRun::HookedRun(const RunContext& context, const StreamConfig& stream)
    : context_(context), stream_(stream), begun_(context.clock.now()) {
    facts_.started = context.clock.wall_seconds();
}

HookOutcome HookedRun::before(const std::stop_token& stop) {
    if (stream_.hooks.empty()) {
        return {};
    }
    (void)context_.sink.state(stream_key(context_, stream_));
    auto outcome = run_hooks(stream_.hooks.pre,
                             values(),
                             stream_.endpoint.stream,
                             hook_actions(context_.config.target),
                             stop);
    has_begun_ = true;
    return outcome;
}

HookOutcome HookedRun::after_success(const std::stop_token& stop) {
    if (stream_.hooks.post.empty()) {
        return {};
    }
    facts_.status = "success";
    take_rows();
    return run_hooks(stream_.hooks.post,
                     values(),
                     stream_.endpoint.stream,
                     hook_actions(context_.config.target),
                     stop);
}

void HookedRun::after_failure(const std::string& error, const std::stop_token& stop) {
    if (stream_.hooks.post.empty() || !has_begun_) {
        return;
    }
    facts_.status = "error";
    facts_.error = error;
    take_rows();
    try {
        (void)run_hooks(stream_.hooks.post,
                        values(),
                        stream_.endpoint.stream,
                        hook_actions(context_.config.target),
                        stop);
    } catch (const SyncError&) {
        return; // A stop. The failure that was before it is what counts.
    }
}

Variables HookedRun::values() const {
    return variables_for_stream(context_.config, stream_, facts_, context_.clock.wall_seconds());
}

/// What the board says of this run; nothing where it did not get that far.
void HookedRun::take_rows() {
    facts_.ended = context_.clock.wall_seconds();
    for (const auto& line : context_.board.lines()) {
        if (line.stream == stream_.endpoint.stream && line.started >= begun_) {
            facts_.rows_written = line.written;
            facts_.rows_read = line.rows_read;
            facts_.rows_deleted = line.deleted;
        }
    }
}

HookOutcome run_root_hooks(const std::vector<Hook>& hooks,
                           const Config& config,
                           const PassFacts& pass,
                           Clock& clock,
                           const std::stop_token& stop) {
    return run_hooks(hooks,
                     variables_for_pass(config, pass, clock.wall_seconds()),
                     {},
                     hook_actions(config.target),
                     stop);
}

} // namespace zohosyncd
