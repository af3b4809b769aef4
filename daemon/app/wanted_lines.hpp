#pragma once

#include "daemon/app/run_context.hpp"
#include "daemon/config/config.hpp"
#include "daemon/core/details.hpp"
#include "daemon/zoho/metadata.hpp"
#include "sinks/sink.hpp"

#include <stop_token>
#include <vector>

namespace zohosyncd {

/// Whether single records are to be read for the stream: `daemon.details` says so, and its runs
/// read records to keep them.
bool wants_details(const Config& config, const StreamConfig& stream);

/// The tables of the stream's lines, none where it has or wants none. Their columns come from the
/// field list of the lines' module; where Zoho gives none, they are what appeared so far, as `sink`
/// knows it (null: of nothing). Throws SyncError{schema_conflict} where two tables would be one.
std::vector<LineTable> wanted_lines(const Config& config,
                                    const StreamConfig& stream,
                                    FieldCatalog& fields,
                                    ApiClient& client,
                                    Sink* sink,
                                    const std::stop_token& stop);

/// The same for a run.
std::vector<LineTable>
wanted_lines(const RunContext& context, const StreamConfig& stream, const std::stop_token& stop);

} // namespace zohosyncd
