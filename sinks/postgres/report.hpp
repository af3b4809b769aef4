#pragma once

#include "daemon/core/identifiers.hpp"
#include "daemon/core/target_report.hpp"
#include "sinks/postgres/session.hpp"

#include <string>

namespace zohosyncd::postgres {

/// See Sink::report.
TargetReport load_report(Session& session, pqxx::work& tx, const std::string& connection);

/// See Sink::about_rows. Small tables are counted.
std::uint64_t about_rows(pqxx::work& tx, const TableName& table);

} // namespace zohosyncd::postgres
