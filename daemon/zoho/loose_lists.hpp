#pragma once

#include "daemon/core/schema.hpp"

#include <string>
#include <string_view>

namespace zohosyncd {

/// `users` and `modules` have no field list: their columns are the keys that appear.
///
/// Adds a column to `schema` for every key of the reply's list that it lacks, typed as contract §6
/// says: ids bigint, …_time timestamptz, objects and arrays json, the rest by its JSON type. A key
/// that is null everywhere becomes text. Returns whether a column was added. Throws
/// SyncError{bad_response}.
bool add_columns_that_appear(const std::string& body,
                             std::string_view list_key,
                             StreamSchema& schema);

/// Whether a key's value changes without anybody's doing (Isonline and offset of users,
/// zoho-api-facts §7.1).
bool changes_by_itself(std::string_view key);

/// The schema before anything was read: the id alone.
StreamSchema empty_loose_schema(const TableName& target);

} // namespace zohosyncd
