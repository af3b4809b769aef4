#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace zohosyncd {

/// One step of the state schema's history, compiled in from migrations/.
struct Migration {
    int version;
    const char* name;
    const char* sql;
};

/// In ascending order of versions.
std::span<const Migration> postgres_migrations();
std::span<const Migration> sqlite_migrations();

/// What stands in the way of working with state tables that are of another version than the
/// program's. `state` names them: "state schema zohosync".
std::string state_is_newer(const std::string& state, std::int64_t version, std::int64_t newest);
std::string state_is_older(const std::string& state, std::int64_t version, std::int64_t newest);

} // namespace zohosyncd
