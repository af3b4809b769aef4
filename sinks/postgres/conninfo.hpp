#pragma once

#include <string>

namespace zohosyncd::postgres {

/// `conninfo` (URL or key=value) with our defaults for what it leaves open: timeouts, keepalives,
/// name. Throws SyncError{sink_refused} when it can not be read.
std::string complete_conninfo(const std::string& conninfo);

/// Connects once more only to learn the SQLSTATE of the refusal, which libpq tells in no other way.
/// Empty when there is none, such as for a server that is not there.
std::string sqlstate_of_refusal(const std::string& conninfo);

} // namespace zohosyncd::postgres
