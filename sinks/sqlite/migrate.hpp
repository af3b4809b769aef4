#pragma once

#include "sinks/sqlite/database.hpp"

namespace zohosyncd::sqlite {

/// Applies the migrations that the state tables lack; returns how many.
int migrate(Database& database);

} // namespace zohosyncd::sqlite
