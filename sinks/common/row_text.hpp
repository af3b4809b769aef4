#pragma once

#include "daemon/core/batch.hpp"
#include "daemon/core/schema.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace zohosyncd {

/// A row's values under their API names, as a JSON object of strings: the body of a quarantined
/// record.
std::string row_as_json(const StreamSchema& schema, const Batch& batch, std::size_t row);

/// The first line of a database's message. The lines after it quote rows.
std::string first_line(const std::string& message);

/// Different in every commit, so that a commit recognises its own work.
std::int64_t draw_commit_id();

} // namespace zohosyncd
