#pragma once

#include "daemon/core/details.hpp"
#include "daemon/zoho/api_client.hpp"
#include "daemon/zoho/record_decoder.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

/// What a single record told.
enum class DetailOutcome {
    read,      ///< It is of the version asked for, and nobody can change that version any more.
    gone,      ///< Zoho has it no more; the list of deletions will say so.
    changed,   ///< It has another version by now, which the next scan brings.
    too_young, ///< Its second is not over: an edit within it would leave no trace.
};

/// Reads records one by one for what lists leave out. One instance per run of a stream.
class DetailReader {
public:
    DetailReader(ApiClient& client, std::string module, const std::vector<LineTable>& tables);

    /// Fills `out` when the outcome is `read`. Throws SyncError.
    DetailOutcome read(std::int64_t id,
                       std::chrono::sys_seconds version,
                       RecordDetails& out,
                       const std::stop_token& stop);

private:
    DetailOutcome take(const ApiReply& reply, RecordDetails& out);

    ApiClient& client_;
    std::string module_;
    std::vector<std::string> fields_;
    RecordDecoder decoder_;
    Batch record_;
};

/// Adds a column for each key of the lines that the table lacks and that has a value, typed by
/// that: for lines whose module has no list of fields. Keys that begin with `$` are Zoho's own
/// business. Returns whether a column was added.
bool add_line_columns_that_appear(std::span<const RecordDetails> records,
                                  std::size_t field,
                                  LineTable& table);

/// The lines of the records as rows of the tables. A line without a usable id goes to quarantine
/// under its record's.
DetailsPage decode_lines(std::span<const RecordDetails> records,
                         const std::vector<LineTable>& tables);

} // namespace zohosyncd
