#pragma once

#include "daemon/core/target_report.hpp"
#include "sinks/sqlite/database.hpp"

#include <string>

namespace zohosyncd::sqlite {

/// See Sink::report.
TargetReport load_report(Database& database, const std::string& connection);

} // namespace zohosyncd::sqlite
