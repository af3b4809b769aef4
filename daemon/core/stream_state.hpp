#pragma once

#include "daemon/core/schema.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace zohosyncd {

/// Which state row a stream owns. Another target is another stream.
struct StreamKey {
    std::string connection; ///< Name of the source connection, upper case.
    std::string stream;     ///< Stream name, as in the table's name: "leads", "Invoices".
    TableName target;

    bool operator==(const StreamKey&) const = default;
};

enum class StreamStatus { never, ok, backoff, denied, blocked };

const char* to_string(StreamStatus status);
std::optional<StreamStatus> stream_status_from(std::string_view name);

/// What a finished run did; one row in sync_runs when it did something.
struct RunSummary {
    std::uint64_t pages = 0;
    std::uint64_t requests = 0;
    std::uint64_t rows_read = 0;
    std::chrono::milliseconds took{0};
};

/// What is stored together with the rows of one commit. Every mark is a time of Zoho's.
struct Checkpoint {
    std::string org;  ///< Zoho's organisation id (zgid); never changes for a state row.
    std::string mode; ///< "incremental" or "full-refresh".
    std::optional<std::chrono::sys_seconds> anchor;
    std::optional<std::chrono::sys_seconds> high_water_mark;
    std::optional<std::chrono::sys_seconds> deletes_mark;
    std::optional<std::chrono::sys_seconds> consistent_as_of;
    std::string scan; ///< JSON, progress inside an unfinished scan; empty when there is none.
    /// While a stage is filled and when it is merged: the rows that it holds before this commit.
    /// Not stored as such; see with_staged_rows().
    std::optional<std::uint64_t> staged_rows = std::nullopt;
    std::string mapping_hash;
    /// Generation under which the run read the state. When the row's is higher, a reset came in
    /// between: the commit stores rows but leaves marks and scan as the reset left them.
    std::int64_t generation = 0;
    /// Set on the last commit of a successful run: status ok, failures 0, last_success_at.
    std::optional<RunSummary> finished;
};

/// What the last complete comparison of a table with Zoho left behind.
struct Verification {
    std::chrono::sys_seconds at; ///< Zoho's time when it began.
    std::uint64_t missing = 0;   ///< Records of Zoho without a live row.
    std::uint64_t extra = 0;     ///< Live rows without a record.
    std::uint64_t differing = 0; ///< Rows that are not the record as Zoho has it.
    /// Set when it also mended: the stream's generation when it began. Ends `unverified`, if the
    /// generation is still the same. Not stored.
    std::optional<std::int64_t> mended_generation = std::nullopt;
};

/// What the last complete refresh of formula and roll-up fields left behind.
struct FormulaRefresh {
    std::chrono::sys_seconds at; ///< Zoho's time when it began.
    std::uint64_t compared = 0;  ///< Records that Zoho listed.
    std::uint64_t corrected = 0; ///< Rows whose values had changed without a new version.
    std::uint64_t requests = 0;
};

/// One row of sync_state.
struct StreamState {
    StreamKey key;
    std::string org;
    std::string mode;
    std::optional<std::chrono::sys_seconds> anchor;
    std::optional<std::chrono::sys_seconds> high_water_mark;
    std::optional<std::chrono::sys_seconds> deletes_mark;
    std::optional<std::chrono::sys_seconds> consistent_as_of;
    std::string scan;
    std::string mapping_hash;
    std::int64_t generation = 0;
    std::optional<std::chrono::sys_seconds> last_attempt_at;
    std::optional<std::chrono::sys_seconds> last_success_at;
    StreamStatus status = StreamStatus::never;
    std::uint64_t rows_upserted = 0;
    std::uint64_t rows_unchanged = 0;
    std::uint64_t rows_deleted = 0;
    int consecutive_failures = 0;
    std::string last_error;
    std::optional<Verification> verification;
    std::optional<FormulaRefresh> formulas;
    /// The table was taken over with rows of somebody else, and no verification has mended them
    /// yet. So long complete runs move `unverified_as_of` instead of `consistent_as_of`.
    bool unverified = false;
    std::optional<std::chrono::sys_seconds> unverified_as_of;
};

/// The scan (a JSON object) with the number of rows that its stage holds, under "rows".
[[nodiscard]] std::string with_staged_rows(std::string scan, std::uint64_t rows);

/// The Date of the last complete run, whatever the rows before it are worth. It decides where a
/// scan begins; how fresh a stream is, `consistent_as_of` alone tells.
[[nodiscard]] std::optional<std::chrono::sys_seconds> complete_as_of(const StreamState& state);

/// Zoho keeps a deleted record in its bin for 60 days, and so long at least lists its deletion
/// (zoho-api-facts §8). Later it can not come back.
constexpr std::chrono::seconds deletions_kept = std::chrono::days(60);

/// Up to which time the target knows what was deleted: the mark, or a later verification that left
/// no row without a record.
[[nodiscard]] std::optional<std::chrono::sys_seconds>
deletions_known_until(const StreamState& state);

/// Whether only a verification can tell what the rows are worth: the table was taken over, or
/// deletions may be unknown because nobody asked for them while Zoho listed them (then their mark
/// stays where it was).
[[nodiscard]] bool needs_verification(const StreamState& state);

/// A stream that its target is ready for.
struct PreparedStream {
    StreamSchema schema; ///< With the columns' names and the table's own types.
    StreamState state;
    bool created_table = false;
    /// Columns that the table got just now although it held rows: they need a scan from the anchor.
    bool added_columns_to_existing_rows = false;
};

} // namespace zohosyncd
