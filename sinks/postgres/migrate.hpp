#pragma once

#include "sinks/postgres/session.hpp"

namespace zohosyncd::postgres {

/// Applies the migrations that the state schema lacks; returns how many.
int migrate(Session& session);

} // namespace zohosyncd::postgres
