#include "daemon/core/errors.hpp"

namespace zohosyncd {

const char* to_string(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::unreachable:
        return "unreachable";
    case ErrorKind::network:
        return "network";
    case ErrorKind::server_error:
        return "server_error";
    case ErrorKind::bad_response:
        return "bad_response";
    case ErrorKind::rate_limited:
        return "rate_limited";
    case ErrorKind::credits_exhausted:
        return "credits_exhausted";
    case ErrorKind::unauthorized:
        return "unauthorized";
    case ErrorKind::auth_refused:
        return "auth_refused";
    case ErrorKind::token_failed:
        return "token_failed";
    case ErrorKind::token_throttled:
        return "token_throttled";
    case ErrorKind::wrong_data_center:
        return "wrong_data_center";
    case ErrorKind::denied:
        return "denied";
    case ErrorKind::unknown_module:
        return "unknown_module";
    case ErrorKind::token_expired_page:
        return "token_expired_page";
    case ErrorKind::sink_down:
        return "sink_down";
    case ErrorKind::sink_conflict:
        return "sink_conflict";
    case ErrorKind::sink_full:
        return "sink_full";
    case ErrorKind::sink_refused:
        return "sink_refused";
    case ErrorKind::schema_conflict:
        return "schema_conflict";
    case ErrorKind::lease_lost:
        return "lease_lost";
    case ErrorKind::lease_held:
        return "lease_held";
    case ErrorKind::wrong_org:
        return "wrong_org";
    case ErrorKind::bad_config:
        return "bad_config";
    case ErrorKind::bad_usage:
        return "bad_usage";
    case ErrorKind::unsafe_file:
        return "unsafe_file";
    case ErrorKind::stopped:
        return "stopped";
    case ErrorKind::internal:
        return "internal";
    }
    return "internal";
}

Reaction reaction_to(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::unreachable:
    case ErrorKind::rate_limited:
    case ErrorKind::credits_exhausted:
    case ErrorKind::unauthorized:
    case ErrorKind::auth_refused:
    case ErrorKind::token_failed:
    case ErrorKind::token_throttled:
    case ErrorKind::wrong_data_center:
        return Reaction::pause_organisation;
    case ErrorKind::network:
    case ErrorKind::server_error:
    case ErrorKind::bad_response:
    case ErrorKind::token_expired_page:
    case ErrorKind::sink_down:
    case ErrorKind::sink_conflict:
    case ErrorKind::sink_full:
    case ErrorKind::stopped:
        return Reaction::back_off_stream;
    case ErrorKind::denied:
    case ErrorKind::unknown_module:
        return Reaction::deny_stream;
    case ErrorKind::sink_refused:
    case ErrorKind::schema_conflict:
        return Reaction::block_stream;
    case ErrorKind::lease_lost:
    case ErrorKind::lease_held:
    case ErrorKind::wrong_org:
    case ErrorKind::bad_config:
    case ErrorKind::bad_usage:
    case ErrorKind::unsafe_file:
    case ErrorKind::internal:
        return Reaction::end_process;
    }
    return Reaction::end_process; // Unreachable: -Wswitch keeps the list complete.
}

} // namespace zohosyncd
