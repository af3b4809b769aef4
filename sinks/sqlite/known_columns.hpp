#pragma once

#include "sinks/common/column_names.hpp"
#include "sinks/sqlite/database.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace zohosyncd::sqlite {

/// The rows of the state table `columns` about one target.
std::vector<KnownColumn> load_columns(Database& database, const std::string& target);

/// Makes a column known as one in use; of one that is known already all but whether it was there
/// before us.
void record_column(Database& database, const std::string& target, const KnownColumn& column);
void retire_column(Database& database, const std::string& target, const std::string& name);
void rename_known_column(Database& database,
                         const std::string& target,
                         const std::string& from,
                         const std::string& to);

/// See Sink::details_generation. Both inside a transaction.
void raise_details_generation(Database& database, const std::string& target);
std::int64_t load_details_generation(Database& database, const std::string& target);

} // namespace zohosyncd::sqlite
