#include "daemon/app/stream_verification.hpp"

#include "daemon/app/credit_waits.hpp"
#include "daemon/app/loose_verification.hpp"
#include "daemon/app/records_verification.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/runtime/log.hpp"

#include <limits>

namespace zohosyncd {
namespace {

constexpr std::size_t all_pages = std::numeric_limits<std::size_t>::max();
// Some ten seconds at five requests a second: the streams that wait for a fetcher meanwhile stay
// far within the minute that the promise allows for.
constexpr std::size_t pages_between_runs = 50;

bool is_due(const RunContext& context, const StreamConfig& stream, StreamMemory& memory) {
    if (!memory.verified_at) {
        const auto state = context.sink.state(stream_key(context, stream));
        const auto verified = state ? state->verification : std::nullopt;
        // A table that never was verified has its turn at the next date of the schedule.
        memory.verified_at = verified ? verified->at : context.clock.wall_seconds();
    }
    return context.verify_schedule->next_after(*memory.verified_at) <= context.clock.wall_seconds();
}

/// True when it has come to its end.
bool advance(const RunContext& context,
             const StreamConfig& stream,
             VerifyOptions options,
             VerifyMemory& memory,
             std::size_t pages,
             const std::stop_token& stop) {
    const bool has_times =
        stream.endpoint.kind == EndpointKind::records &&
        has_versions(*context.fields.get(context.client, stream.endpoint.module, stop));
    if (has_times) {
        return RecordsVerification(context, stream, options, memory, stop).advance(pages);
    }
    memory.findings = LooseVerification(context, stream, options, stop).run();
    return true;
}

} // namespace

void verify_stream(const RunContext& context,
                   const StreamConfig& stream,
                   StreamMemory& memory,
                   const std::stop_token& stop) {
    if (!keeps_equal(stream)) {
        log::event(log::Level::warn,
                   "not_compared",
                   {log::kv("stream", stream.endpoint.stream),
                    log::kv("hint", "its mode or range does not keep the table equal to Zoho")});
        context.board.update(stream.endpoint.stream, [](StreamProgress& line) {
            line.activity = StreamActivity::done;
            line.findings = Findings{};
        });
        return;
    }
    if (!memory.verification) {
        memory.verification.emplace();
    }
    context.board.update(stream.endpoint.stream, [&](StreamProgress& line) {
        line.activity = StreamActivity::reading;
        line.started = context.clock.now();
    });
    const auto requests_before = context.client.requests_sent();
    (void)advance(context, stream, *context.verify, *memory.verification, all_pages, stop);
    context.board.update(stream.endpoint.stream, [&](StreamProgress& line) {
        line.activity = StreamActivity::done;
        line.error.clear();
        line.requests += context.client.requests_sent() - requests_before;
        line.findings = memory.verification->findings;
    });
}

void verify_on_schedule(const RunContext& context,
                        const StreamConfig& stream,
                        StreamMemory& memory,
                        const std::stop_token& stop) {
    if (!memory.verification && !is_due(context, stream, memory)) {
        return;
    }
    if (must_comparison_wait(context, stream, "verification", memory.is_verification_put_off)) {
        return;
    }
    if (!memory.verification) {
        memory.verification.emplace();
    }
    constexpr VerifyOptions mends{true, false};
    if (advance(context, stream, mends, *memory.verification, pages_between_runs, stop)) {
        memory.verified_at = context.clock.wall_seconds();
        memory.verification.reset();
    }
}

} // namespace zohosyncd
