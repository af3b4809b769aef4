#pragma once

#include "sinks/sqlite/page_writer.hpp"

#include <set>
#include <string>

namespace zohosyncd::sqlite {

/// The table `quarantine`, and which targets are known to have rows in it, so that a target without
/// any costs nothing.
class Quarantine {
public:
    explicit Quarantine(Database& database) : database_(database) {}

    /// Looks whether the target has rows.
    void look(const std::string& target);
    /// Stores what was refused, and forgets what is told of rows that were now written whole or are
    /// gone. Returns how many entries were forgotten.
    std::uint64_t store(const std::string& target, const PageResult& page);

    [[nodiscard]] bool holds(const std::string& target) const {
        return populated_.contains(target);
    }

    /// Records that were refused whole, not seen for an hour.
    std::vector<std::int64_t> set_aside(const std::string& target, std::size_t limit) const;
    /// Forgets what was not seen again for 30 days.
    void prune(const std::string& target);

private:
    Database& database_;
    std::set<std::string> populated_;
};

} // namespace zohosyncd::sqlite
