#include "daemon/core/stream_state.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace zohosyncd {
namespace {

constexpr std::array<std::pair<StreamStatus, const char*>, 5> names{{
    {StreamStatus::never, "never"},
    {StreamStatus::ok, "ok"},
    {StreamStatus::backoff, "backoff"},
    {StreamStatus::denied, "denied"},
    {StreamStatus::blocked, "blocked"},
}};

} // namespace

const char* to_string(StreamStatus status) {
    for (const auto& [known, name] : names) {
        if (known == status) {
            return name;
        }
    }
    return "never";
}

std::optional<StreamStatus> stream_status_from(std::string_view name) {
    for (const auto& [status, known] : names) {
        if (name == known) {
            return status;
        }
    }
    return std::nullopt;
}

std::optional<std::chrono::sys_seconds> deletions_known_until(const StreamState& state) {
    const bool is_verified =
        state.deletes_mark && state.verification && state.verification->extra == 0;
    return is_verified ? std::max(*state.deletes_mark, state.verification->at) : state.deletes_mark;
}

std::string with_staged_rows(std::string scan, std::uint64_t rows) {
    const auto end = scan.rfind('}');
    if (end == std::string::npos) {
        return scan;
    }
    const bool is_first = scan.find_first_not_of(" {") == end;
    return scan.insert(end, (is_first ? "\"rows\":" : ",\"rows\":") + std::to_string(rows));
}

std::optional<std::chrono::sys_seconds> complete_as_of(const StreamState& state) {
    return state.consistent_as_of ? state.consistent_as_of : state.unverified_as_of;
}

bool needs_verification(const StreamState& state) {
    if (state.unverified) {
        return true;
    }
    const auto known = deletions_known_until(state);
    return known && state.consistent_as_of && *state.consistent_as_of - *known > deletions_kept;
}

} // namespace zohosyncd
