#pragma once

#include <string>

namespace zohosyncd::tests {

/// The conninfo, without a database, of the PostgreSQL server that the tests use: the one named by
/// ZOHOSYNCD_TEST_PG, else one that is made now and lives until stop_server().
const std::string& server_conninfo();

/// Whether the server is ours, so that its settings may be changed.
bool server_is_ours();

/// Stops and removes the server, if it is ours.
void stop_server();

} // namespace zohosyncd::tests
