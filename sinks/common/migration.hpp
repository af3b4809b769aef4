#pragma once

#include <span>

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

} // namespace zohosyncd
