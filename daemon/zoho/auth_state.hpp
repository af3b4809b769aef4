#pragma once

namespace zohosyncd {

/// How we stand with Zoho's access tokens, for the metric auth_state.
enum class AuthState {
    ok,       ///< The API has accepted a token.
    degraded, ///< A token was refused, or none was to be had this time; it is tried again.
    failed,   ///< The credentials, or a fresh token, were refused: an operator has to act.
};

/// Sets the metric. What has failed stays so until the API accepts a token: that a new one is tried
/// for meanwhile mends nothing. Thread-safe.
void note_auth(AuthState state);

} // namespace zohosyncd
