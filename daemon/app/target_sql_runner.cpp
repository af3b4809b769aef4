#include "daemon/app/target_sql_runner.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace zohosyncd {
namespace {

/// What the same statements may not meet again: rollbacks, locks, shortages, a server that leaves.
bool is_passing(const SyncError& error) {
    constexpr std::array<std::string_view, 4> classes{"40", "53", "55", "57"};
    for (const auto sqlstate : classes) {
        if (error.sqlstate().size() == 5 && error.sqlstate().starts_with(sqlstate)) {
            return true;
        }
    }
    return false;
}

} // namespace

TargetSql::TargetSql(const RunContext& context,
                     const StreamConfig& stream,
                     StreamMemory& memory,
                     std::stop_token stop)
    : context_(context), stream_(stream), memory_(memory), stop_(std::move(stop)) {}

void TargetSql::before_write() {
    if (std::exchange(has_begun_, true)) {
        return;
    }
    run("pre_sql", stream_.pre_sql);
    memory_.owes_post_sql = !stream_.post_sql.empty();
}

void TargetSql::after_run() {
    if (memory_.owes_post_sql) {
        run("post_sql", stream_.post_sql);
        memory_.owes_post_sql = false;
    }
}

void TargetSql::run(const char* key, const TextTemplate& sql) {
    if (sql.empty()) {
        return;
    }
    RunFacts facts;
    facts.started = context_.clock.wall_seconds();
    const auto values =
        variables_for_stream(context_.config, stream_, facts, context_.clock.wall_seconds());
    try {
        hook_actions(context_.config.target).query(sql.render(values, escape_for_sql), stop_);
    } catch (const SyncError& error) {
        if (error.kind() == ErrorKind::stopped) {
            throw;
        }
        const auto kind = is_passing(error) ? ErrorKind::sink_conflict : error.kind();
        throw SyncError(
            kind, std::string(key) + " of " + stream_.endpoint.stream + " failed: " + error.what())
            .with_sqlstate(error.sqlstate());
    }
    log::event(log::Level::debug,
               "target_sql_ran",
               {log::kv("stream", stream_.endpoint.stream), log::kv("key", key)});
}

} // namespace zohosyncd
