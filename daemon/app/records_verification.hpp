#pragma once

#include "daemon/app/findings.hpp"
#include "daemon/app/run_context.hpp"
#include "daemon/zoho/list_reader.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <vector>

namespace zohosyncd {

/// Compares the table of a module with Zoho, and mends it if asked to.
///
/// The records are walked once, ascending by Modified_Time from the anchor, like a scan. Each
/// record of a page is looked up in the target; then the rows of the same window that Zoho did not
/// list are looked at. Whatever differs is fetched by its id and compared again before it counts,
/// so that edits and syncs meanwhile raise no false alarm. What is younger than the overlap before
/// `consistent_as_of` is still the next sync's, and only counted as not due. Memory holds a page, a
/// constant number of rows, and the ids of the differences. Nothing HTTP happens inside a
/// transaction.
class RecordsVerification {
public:
    RecordsVerification(const RunContext& context,
                        const StreamConfig& stream,
                        VerifyOptions options,
                        VerifyMemory& memory,
                        std::stop_token stop);

    /// Goes on for at most `pages` pages. True when the walk has ended; then the outcome is stored.
    /// On a throw the failed page is read again by the next call. Throws SyncError.
    bool advance(std::size_t pages);

private:
    using Ids = std::vector<std::int64_t>;

    void prepare();
    [[nodiscard]] StreamSchema schema_as_known(const StreamSchema& wanted);
    void compare_page();
    [[nodiscard]] Ids suspects_of_page(const ListReader::Page& page, const Batch& listed);
    [[nodiscard]] Ids of_other_version(std::span<const std::int64_t> ids,
                                       std::span<const std::chrono::sys_seconds> versions);
    [[nodiscard]] Ids unlisted_rows();
    void fill_ahead();
    [[nodiscard]] bool is_passed(const RowVersion& row) const;
    void forget_passed();

    void confirm(std::span<const std::int64_t> suspects);
    [[nodiscard]] std::set<std::int64_t> live_among(std::span<const std::int64_t> ids);
    [[nodiscard]] std::vector<std::size_t> rows_unlike(const Batch& records);
    [[nodiscard]] bool is_due(std::chrono::sys_seconds version) const;
    void judge_records(Batch& records);
    void judge_gone(const Ids& gone);
    void mend_extra(const Ids& extra);
    void note(std::int64_t id, DifferenceKind kind, bool is_left);
    void note_not_due(std::int64_t id);
    void load_state();

    const RunContext& context_;
    const StreamConfig& stream_;
    VerifyOptions options_;
    VerifyMemory& memory_;
    std::stop_token stop_;
    StreamKey key_;
    StreamState state_;
    StreamSchema schema_;        ///< Of the table.
    StreamSchema listed_schema_; ///< Of what the list is asked for.
    std::unique_ptr<ListReader> lists_;
    std::unique_ptr<ListReader> singles_;
};

} // namespace zohosyncd
