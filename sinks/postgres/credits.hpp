#pragma once

#include "sinks/postgres/session.hpp"

#include <cstdint>
#include <string>

namespace zohosyncd::postgres {

/// See Sink::spend_credits.
std::uint64_t spend_credits(Session& session, const std::string& connection, std::uint64_t credits);

} // namespace zohosyncd::postgres
