#include "daemon/app/exit_code.hpp"

namespace zohosyncd {

ExitCode exit_code_for(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::auth_refused:
    case ErrorKind::wrong_data_center:
    case ErrorKind::sink_down:
    case ErrorKind::sink_refused:
        return ExitCode::unavailable;
    case ErrorKind::bad_usage:
        return ExitCode::bad_usage;
    case ErrorKind::bad_config:
        return ExitCode::bad_config;
    case ErrorKind::unsafe_file:
        return ExitCode::unsafe_file;
    case ErrorKind::lease_held:
    case ErrorKind::lease_lost:
        return ExitCode::lease_held;
    case ErrorKind::wrong_org:
        return ExitCode::wrong_org;
    case ErrorKind::internal:
        return ExitCode::internal;
    case ErrorKind::unreachable:
    case ErrorKind::network:
    case ErrorKind::server_error:
    case ErrorKind::bad_response:
    case ErrorKind::rate_limited:
    case ErrorKind::credits_exhausted:
    case ErrorKind::unauthorized:
    case ErrorKind::token_failed:
    case ErrorKind::token_throttled:
    case ErrorKind::denied:
    case ErrorKind::unknown_module:
    case ErrorKind::token_expired_page:
    case ErrorKind::sink_conflict:
    case ErrorKind::sink_full:
    case ErrorKind::schema_conflict:
    case ErrorKind::stopped:
        return ExitCode::failure;
    }
    return ExitCode::internal;
}

} // namespace zohosyncd
