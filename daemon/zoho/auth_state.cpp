#include "daemon/zoho/auth_state.hpp"

#include "daemon/runtime/metrics.hpp"

#include <array>
#include <utility>

namespace zohosyncd {

void note_auth(AuthState state) {
    constexpr std::array<std::pair<AuthState, const char*>, 3> names{
        {{AuthState::ok, "ok"}, {AuthState::degraded, "degraded"}, {AuthState::failed, "failed"}}};
    for (const auto& [each, name] : names) {
        metrics::set(metrics::Metric::auth_state, {{"state", name}}, each == state ? 1 : 0);
    }
}

} // namespace zohosyncd
