#pragma once

#include <string>

namespace zohosyncd {

/// What both targets' SQL says alike of rows of the state tables that are there already.

/// The end of an insert into `sync_state` AS s: what the row says of the same table stays. A mark
/// vouches for rows of one table; those of another know nothing of it.
std::string or_keep_state_of_same_table();

/// The end of an insert into `columns`: the column is in use. Whether it was there before us stays.
std::string or_know_column_anew();

} // namespace zohosyncd
