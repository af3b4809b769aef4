#include "daemon/zoho/auth_state.hpp"

#include "daemon/runtime/metrics.hpp"

#include <array>
#include <mutex>
#include <utility>

namespace zohosyncd {

void note_auth(AuthState state) {
    constexpr std::array<std::pair<AuthState, const char*>, 3> names{
        {{AuthState::ok, "ok"}, {AuthState::degraded, "degraded"}, {AuthState::failed, "failed"}}};
    static std::mutex mutex;
    static bool has_failed = false;
    const std::lock_guard lock(mutex);
    has_failed = state == AuthState::failed || (has_failed && state != AuthState::ok);
    const auto shown = has_failed ? AuthState::failed : state;
    for (const auto& [each, name] : names) {
        metrics::set(metrics::Metric::auth_state, {{"state", name}}, each == shown ? 1 : 0);
    }
}

} // namespace zohosyncd
