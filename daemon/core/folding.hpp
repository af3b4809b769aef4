#pragma once

#include "daemon/core/batch.hpp"
#include "daemon/core/schema.hpp"

namespace zohosyncd {

/// Whether one of the schema's columns holds whole records.
bool holds_records(const StreamSchema& schema);

/// What is asked of Zoho for a schema: its columns but for those that lists leave out, which are
/// its last ones; or, where one of them holds whole records, a column for each of the fields in
/// there.
StreamSchema asked_schema(const StreamSchema& schema);

/// Appends rows of asked_schema(schema) as rows of `schema`, each record as one JSON object with
/// its keys in the order of `folded`, and empties `rows`. What else `rows` tells is handed on.
void fold_rows(const StreamSchema& asked, Batch& rows, Batch& out);

} // namespace zohosyncd
