#pragma once

#include "daemon/app/details_budget.hpp"
#include "daemon/app/run_context.hpp"
#include "daemon/core/details.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/zoho/detail_reader.hpp"
#include "daemon/zoho/metadata.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

/// What is remembered of a stream's details in one process. All of it may be forgotten: what waits
/// stands in the table.
struct DetailsMemory {
    struct Tried {
        std::chrono::sys_seconds version;
        std::chrono::seconds wait = std::chrono::seconds(0);
        Clock::TimePoint again_at;
    };

    /// Records that were asked for and still wait: gone, refused, or of another version than their
    /// row. Asked for again when their row is of another version, or later and later: a version may
    /// be one that is never met, as with fractions of a second in a table that was there first.
    std::map<std::int64_t, Tried> tried;
    /// What records lack although the list of fields has it, and that list.
    std::set<std::string> absent;
    ZohoFields absent_under;
    bool is_put_off = false;  ///< It waits for credits, and that was said.
    std::uint64_t filled = 0; ///< Records since there last was none that waited.
};

/// What a part of the work came to.
struct DetailsProgress {
    std::uint64_t requests = 0;
    bool is_put_off = false;    ///< For want of credits.
    bool has_too_young = false; ///< Some records changed just now and wait for their second to end.
};

/// Reads, one by one and newest first, the records whose row waits for its lines and columns, and
/// writes these with _details_at in one transaction that leaves rows alone which have another
/// version by then.
class DetailsRun {
public:
    DetailsRun(const RunContext& context,
               const StreamConfig& stream,
               DetailsMemory& memory,
               DetailsBudget& budget,
               std::stop_token stop);

    /// A few records, or none when none waits. What was read before a throw or a stop is written.
    DetailsProgress advance();

private:
    struct Row {
        std::int64_t id;
        std::chrono::sys_seconds version;
    };

    [[nodiscard]] StreamSchema records_schema() const;
    [[nodiscard]] ZohoFields fields();
    [[nodiscard]] bool add_columns();
    [[nodiscard]] bool prepare();
    void fill(const std::vector<Row>& rows, DetailsProgress& progress);
    [[nodiscard]] bool is_outdated(const SyncError& error);
    void forget_records();
    [[nodiscard]] std::vector<Row> waiting_rows(DetailsProgress& progress);
    [[nodiscard]] std::vector<Row> rows_to_read(const std::vector<RowVersion>& waiting,
                                                DetailsProgress& progress);
    void forget_tried_but(const std::vector<RowVersion>& waiting);
    [[nodiscard]] bool was_tried(const Row& row) const;
    void note_tried(const Row& row, std::chrono::seconds at_most);
    [[nodiscard]] bool may_spend(DetailsProgress& progress);
    [[nodiscard]] std::uint64_t most_requests() const;
    void read(const std::vector<Row>& rows, DetailsProgress& progress);
    std::optional<DetailOutcome>
    read_one(DetailReader& reader, const Row& row, DetailsProgress& progress);
    [[nodiscard]] bool is_about_one(const SyncError& error);
    [[nodiscard]] bool lacks_more_than_known(const RecordDetails& record);
    void commit();
    void add_line_columns();
    [[nodiscard]] bool write(const std::vector<RecordDetails>& records);
    void note_progress(const DetailsProgress& progress);

    const RunContext& context_;
    const StreamConfig& stream_;
    DetailsMemory& memory_;
    DetailsBudget& budget_;
    std::stop_token stop_;
    StreamKey key_;
    StreamSchema schema_; ///< Id and version of the records, their other columns and their lines.
    std::int64_t generation_ = 0;        ///< Of the details as they are in `schema_`.
    std::vector<RecordDetails> records_; ///< Read and not written yet.
    std::size_t bytes_ = 0;              ///< Of what they hold.
    std::vector<std::int64_t> failed_;   ///< In a row: records that could not be asked for.
};

} // namespace zohosyncd
