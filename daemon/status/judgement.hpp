#pragma once

#include "daemon/status/status_store.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// A stream as configured, with what is known of it. Refers to the view it was made from.
struct StreamLine {
    const StreamSetup* plan;
    const StreamState* state = nullptr; ///< Null before its first run, or before the first look.
    const StreamNow* now = nullptr;
};

/// The configured streams in their order.
[[nodiscard]] std::vector<StreamLine> lines_of(const StatusView& view);

/// How old the stream is at the moment of the view: what the target had committed when it was last
/// read, however long that was ago. Never less than the truth as far as our clocks can tell: of
/// two ways to tell the greater age counts. Nothing while no run was complete, or none was seen.
[[nodiscard]] std::optional<std::chrono::seconds> freshness(const StreamLine& line,
                                                            const StatusView& view);

/// How old the stream may get by its own schedule: two intervals and a minute (the promise). Unset
/// when manual.
[[nodiscard]] std::optional<std::chrono::seconds> allowed_age(const StreamLine& line);

/// Rows that the last verification left different.
[[nodiscard]] std::uint64_t divergence(const StreamState& state);

/// What an operator should do about the stream; empty when nothing.
[[nodiscard]] std::string next_step(const StreamLine& line);

struct Verdict {
    bool is_good = false;
    std::vector<std::string> reasons; ///< Why not: one a stream.
};

/// No thread hangs. Nothing about Zoho or the target: a restart mends neither.
[[nodiscard]] Verdict is_live(const StatusView& view);

/// The configuration is valid (or we would not run) and the target was reached since it is in
/// force.
[[nodiscard]] Verdict is_ready(const StatusView& view);

/// Every stream is at most `most` old, or without that as old as its schedule allows, and none is
/// known to differ. `only` names the streams to judge; with none all are. A name that is no stream
/// is a reason.
[[nodiscard]] Verdict is_fresh(const StatusView& view,
                               std::optional<std::chrono::seconds> most,
                               std::span<const std::string> only);

constexpr std::chrono::seconds patience_of_life{30};

} // namespace zohosyncd
