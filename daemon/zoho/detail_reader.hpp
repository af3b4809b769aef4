#pragma once

#include "daemon/core/details.hpp"
#include "daemon/zoho/api_client.hpp"
#include "daemon/zoho/record_decoder.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
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
    put_off,   ///< It takes a further request, for which it is not the time.
};

/// Reads records one by one for what lists leave out. One instance per run of a stream.
class DetailReader {
public:
    /// `columns` are the details that stand in the records' own table.
    DetailReader(ApiClient& client,
                 std::string module,
                 const std::vector<LineTable>& tables,
                 std::vector<Column> columns = {});

    /// Whether a further request may be sent now; waits for it.
    using Turn = std::function<bool()>;

    /// Fills `out` when the outcome is `read`. Zoho documents that lists cut rich text, and another
    /// address that gives all of it, but not whether a single record does: text that may be cut is
    /// asked for there, and the record once more, to see that the text is of its version. Throws
    /// SyncError.
    DetailOutcome read(std::int64_t id,
                       std::chrono::sys_seconds version,
                       RecordDetails& out,
                       const Turn& turn,
                       const std::stop_token& stop);

private:
    std::optional<ApiReply>
    get(std::int64_t id, const std::string& action, const std::stop_token& stop);
    DetailOutcome read_record(RecordDetails& out, const std::stop_token& stop);
    DetailOutcome take(const ApiReply& reply, RecordDetails& out);
    void require_record(const Batch& rows, std::int64_t id) const;
    bool read_whole_text(RecordDetails& out, const std::stop_token& stop);
    [[nodiscard]] bool may_be_cut(const RecordDetails& record) const;

    ApiClient& client_;
    std::string module_;
    std::vector<std::string> fields_; ///< Of the tables of lines.
    std::vector<Column> columns_;
    std::vector<std::size_t> texts_; ///< Those of them that lists cut.
    RecordDecoder decoder_;
    RecordDecoder text_decoder_;
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

/// The values of the records as rows of `schema`: id, version and the columns that they were read
/// for; no rows without any. All records lack the same of them: these are taken out of both.
Batch decode_columns(std::span<const RecordDetails> records, StreamSchema& schema);

} // namespace zohosyncd
