#pragma once

#include "sinks/postgres/catalog.hpp"
#include "sinks/postgres/session.hpp"

#include <map>
#include <string>

namespace zohosyncd::postgres {

/// The tables that a session works with, as its catalogue had them when each was first asked for,
/// or changed.
class BoundTables {
public:
    explicit BoundTables(Session& session) : session_(session) {}

    /// Reads the catalogue where it has to; valid until the next call about the same target.
    const BoundTable& get(const StreamSchema& schema);

    /// Reads it in any case: somebody may have altered a type.
    void renew(pqxx::work& tx, const StreamSchema& schema);

    void forget(const std::string& target) { tables_.erase(target); }

private:
    Session& session_;
    std::map<std::string, BoundTable> tables_;
    long read_under_ = 0; ///< What session_.stale_tables() was when tables_ was filled.
};

} // namespace zohosyncd::postgres
