#include "daemon/core/stream_state.hpp"

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

} // namespace zohosyncd
