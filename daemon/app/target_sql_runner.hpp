#pragma once

#include "daemon/app/hook_runner.hpp"
#include "daemon/app/run_context.hpp"

#include <stop_token>

namespace zohosyncd {

/// A stream's `pre_sql` and `post_sql` around what one of its runs writes. A run that has nothing
/// to write runs neither. Each is committed by itself, in a session of its own, so that `post_sql`
/// may be lost with a process that is killed between the rows and it, and `pre_sql` may run without
/// rows following: they have to bear both.
class TargetSql {
public:
    TargetSql(const RunContext& context,
              const StreamConfig& stream,
              StreamMemory& memory,
              std::stop_token stop);

    /// Before each write; the first one of the run runs `pre_sql`. Throws SyncError, and then
    /// nothing must be written.
    void before_write();
    /// After the last commit: runs `post_sql` when this run wrote, or one before it whose
    /// `post_sql` failed. Throws SyncError.
    void after_run();

private:
    void run(const char* key, const TextTemplate& sql);

    const RunContext& context_;
    const StreamConfig& stream_;
    StreamMemory& memory_;
    std::stop_token stop_;
    bool has_begun_ = false;
};

} // namespace zohosyncd
