#pragma once

#include "daemon/app/run_context.hpp"

#include <stop_token>

namespace zohosyncd {

/// Mode definition-only: the table and its columns, without a row and without a list request.
/// `users` and `modules` have no field list: of them only the columns that are known already.
void run_definition(const RunContext& context,
                    const StreamConfig& stream,
                    const std::stop_token& stop);

} // namespace zohosyncd
