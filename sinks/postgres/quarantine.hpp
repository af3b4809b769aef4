#pragma once

#include "sinks/postgres/page_writer.hpp"

#include <set>
#include <string>

namespace zohosyncd::postgres {

/// The table `quarantine`, and which targets are known to have rows in it, so that a target without
/// any costs nothing.
class Quarantine {
public:
    explicit Quarantine(Session& session) : session_(session) {}

    /// Looks whether the target has rows.
    void look(pqxx::transaction_base& tx, const std::string& target);

    /// Stores what was refused, and forgets what is told of rows that were now written whole or are
    /// gone. Returns how many entries were forgotten.
    std::uint64_t store(pqxx::work& tx, const std::string& target, const PageResult& page);

    /// Records that were refused whole, not seen for an hour.
    [[nodiscard]] bool holds(const std::string& target) const {
        return populated_.contains(target);
    }

    std::vector<std::int64_t>
    set_aside(pqxx::transaction_base& tx, const std::string& target, std::size_t limit) const;

    /// Forgets what was not seen again for 30 days.
    void prune(pqxx::work& tx, const std::string& target);

private:
    Session& session_;
    std::set<std::string> populated_;
};

/// What a page brings without its rows: values that were set aside, and ids that are gone.
PageResult quarantined_only(const PageWrite& page);

} // namespace zohosyncd::postgres
