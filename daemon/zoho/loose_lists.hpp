#pragma once

#include "daemon/core/column_rules.hpp"
#include "daemon/core/endpoints.hpp"
#include "daemon/core/field_selection.hpp"
#include "daemon/core/schema.hpp"
#include "daemon/zoho/api_client.hpp"
#include "daemon/zoho/record_decoder.hpp"

#include <string>
#include <string_view>

namespace zohosyncd {

/// `users` and `modules` have no field list: their columns are the keys that appear.
///
/// The key of the reply that holds the list: "users" or "modules".
std::string loose_list_key(EndpointKind kind);

/// The request for a page of the list, from 1 on. `modules` has one page only.
ApiRequest loose_page_request(EndpointKind kind, int page);

/// Whether a further page follows. Throws SyncError{bad_response} when a reply of `users` does not
/// say: the list may be cut short.
bool loose_list_goes_on(EndpointKind kind, const PageInfo& info);

/// Adds a column, under the rules, to `schema` for every selected key of the reply's list that it
/// lacks, typed as contract §6 says: ids bigint, …_time timestamptz, objects and arrays json, the
/// rest by its JSON type. A key that is null everywhere becomes text. Returns whether a column was
/// added. Throws SyncError{bad_response}.
bool add_columns_that_appear(const std::string& body,
                             std::string_view list_key,
                             const FieldSelection& select,
                             StreamSchema& schema,
                             const ColumnRules& rules = {});

/// Whether a key's value changes without anybody's doing (Isonline and offset of users,
/// zoho-api-facts §7.1).
bool changes_by_itself(std::string_view key);

/// The schema before anything was read: the id alone.
StreamSchema empty_loose_schema(const TableName& target);

} // namespace zohosyncd
