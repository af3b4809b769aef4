#pragma once

#include "daemon/core/details.hpp"
#include "sinks/sink.hpp"

#include <string>
#include <vector>

namespace zohosyncd {

/// Says of which records Zoho did not give all; `lines` are the tables that they were read for.
void log_what_was_cut(const std::string& stream,
                      const std::vector<RecordDetails>& records,
                      const std::vector<LineTable>& lines);

/// Says how many values of a page went to quarantine, and counts them. What the values were is
/// nobody's business in a log.
void log_quarantined(const std::string& stream, const DetailsPage& page, const WriteStats& stats);

} // namespace zohosyncd
