#include "daemon/app/credit_waits.hpp"

#include "daemon/runtime/log.hpp"

#include <utility>

namespace zohosyncd {
namespace {

using log::kv;

constexpr const char* hint = "it goes on as credits come back; changes come first";

bool has_room_for(const RunContext& context, Deferrable work) {
    return context.pressure == nullptr || context.pressure->has_room_for(work);
}

} // namespace

bool must_loads_wait(const RunContext& context) {
    return !has_room_for(context, Deferrable::load);
}

void put_off_run(const RunContext& context,
                 const StreamConfig& stream,
                 const std::string& what,
                 std::uint64_t rows_read,
                 StreamMemory& memory) {
    context.board.update(stream.endpoint.stream, [&](StreamProgress& line) {
        line.activity = StreamActivity::backing_off;
        line.error = "the " + what + " waits for API credits; daemon.credits allows " +
                     std::to_string(context.organisation.credits_allowed) + " in 24 hours";
    });
    if (!std::exchange(memory.is_put_off, true)) {
        log::event(log::Level::warn,
                   "put_off",
                   {kv("stream", stream.endpoint.stream),
                    kv("what", what),
                    kv("rows", rows_read),
                    kv("credits_left", context.gate.credits_left().value_or(0)),
                    kv("hint", hint)});
    }
}

bool must_comparison_wait(const RunContext& context,
                          const StreamConfig& stream,
                          const char* what,
                          bool& said) {
    const bool waits = !has_room_for(context, Deferrable::verification);
    if (!std::exchange(said, waits) && waits) {
        log::event(log::Level::info,
                   "put_off",
                   {kv("stream", stream.endpoint.stream),
                    kv("what", what),
                    kv("credits_left", context.gate.credits_left().value_or(0)),
                    kv("hint", hint)});
    }
    return waits;
}

} // namespace zohosyncd
