#pragma once

#include "daemon/core/errors.hpp"

namespace zohosyncd {

/// Contract §10.
enum class ExitCode {
    ok = 0,
    failure = 1,
    bad_usage = 64,
    bad_config = 65,
    unavailable = 69,
    internal = 70,
    lease_held = 75,
    unsafe_file = 77,
    wrong_org = 78,
    interrupted = 130,
    terminated = 143,
};

ExitCode exit_code_for(ErrorKind kind);

} // namespace zohosyncd
