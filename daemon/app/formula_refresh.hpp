#pragma once

#include "daemon/app/run_context.hpp"
#include "daemon/zoho/list_reader.hpp"

#include <cstddef>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

/// Reads formula and roll-up fields again, whose values change without a new Modified_Time.
///
/// The records are walked once, ascending by Modified_Time from the anchor, like a scan, with id,
/// Modified_Time and those fields alone. Where a live row of the very version has other values,
/// these are corrected, and nothing else: records that are new, newer, or gone are the stream's
/// runs' to bring. No mark moves. Nothing HTTP happens inside a transaction.
class FormulaWalk {
public:
    FormulaWalk(const RunContext& context,
                const StreamConfig& stream,
                FormulaMemory& memory,
                std::set<std::string>& absent,
                std::stop_token stop);

    /// Goes on for at most `pages` pages. True when the walk has ended; then the outcome is stored.
    /// On a throw the failed page is read again by the next call. Throws SyncError.
    bool advance(std::size_t pages);

private:
    [[nodiscard]] StreamSchema wanted_schema();
    void prepare();
    void take_known_columns();
    void refresh_page();
    const ListReader::Page& read_page(Batch& listed, Batch& whole);
    [[nodiscard]] std::set<std::int64_t> changed_rows(const Batch& records);
    void correct(const Batch& records);

    const RunContext& context_;
    const StreamConfig& stream_;
    FormulaMemory& memory_;
    std::set<std::string>& absent_; ///< See StreamMemory.
    std::stop_token stop_;
    StreamKey key_;
    StreamState state_;
    StreamSchema schema_; ///< Id, Modified_Time and the fields.
    std::unique_ptr<ListReader> reader_;
};

/// The schema of what a refresh reads: of `schema` id, version, and the formula and roll-up fields.
StreamSchema formulas_only(const StreamSchema& schema);

/// How many formula and roll-up fields there are among the columns.
std::size_t count_formulas(const StreamSchema& schema);

/// A part of a refresh, when one is due or under way: after a run of an incremental stream.
void refresh_formulas_on_schedule(const RunContext& context,
                                  const StreamConfig& stream,
                                  StreamMemory& memory,
                                  const std::stop_token& stop);

} // namespace zohosyncd
