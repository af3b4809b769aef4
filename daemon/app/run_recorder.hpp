#pragma once

#include "daemon/app/run_context.hpp"
#include "daemon/core/stream_state.hpp"
#include "daemon/core/zoho_field.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zohosyncd {

/// So many credits spent are worth a write, and without it nothing more is sent: a crash forgets
/// no more than these and what the other fetchers had just been allowed.
constexpr std::uint64_t credits_worth_a_write = 25;
/// What the process that left a lease without releasing it may have spent unwritten.
constexpr std::uint64_t credits_lost_by_a_crash = credits_worth_a_write + 3;

/// Writes the credits spent down and learns how many are left of the last 24 hours; returns them.
/// Throws what the sink throws; then nothing is forgotten.
std::int64_t
settle_credits(Sink& sink, RequestGate& gate, const std::string& connection, std::uint64_t allowed);

/// The same when that is worth a write.
void settle_credits_in_time(Sink& sink,
                            RequestGate& gate,
                            const std::string& connection,
                            std::uint64_t allowed);

/// The state's marks as they are, with nothing finished.
Checkpoint
checkpoint_from(const RunContext& context, const StreamConfig& stream, const StreamState& state);

/// Throws SyncError{wrong_org} when the state is of another organisation than the credentials.
void require_same_organisation(const RunContext& context, const StreamState& state);

/// Says once which items of `select`, `columns` and `transforms` match no field. Zoho's fields may
/// change, so that such a name is no mistake for certain. Fields of lines match where they are
/// read.
void log_unmatched(const StreamConfig& stream,
                   const std::vector<ZohoField>& fields,
                   bool with_lines,
                   StreamMemory& memory);

/// Throws SyncError{schema_conflict} when the stream asks for what a module without Modified_Time
/// can not give: a range, or another merge than that of a full refresh.
void require_whole_readable(const StreamConfig& stream);

/// What the table has to hold for a run that follows changes. Throws SyncError{schema_conflict}
/// when a range is to be read and there is no Modified_Time, SyncError{bad_response} when the
/// module has lost it since the run was chosen.
StreamSchema schema_with_versions(const StreamConfig& stream, const std::vector<ZohoField>& fields);

/// The bookkeeping that every kind of run shares: state key, checkpoint, totals, credits, the
/// closing log line.
class RunRecorder {
public:
    RunRecorder(const RunContext& context, const StreamConfig& stream);
    RunRecorder(const RunRecorder&) = delete;
    RunRecorder& operator=(const RunRecorder&) = delete;
    /// What was counted of values is said even when the run fails: the pages are committed.
    ~RunRecorder();

    [[nodiscard]] const StreamKey& key() const { return key_; }

    /// Prepares the target for the schema, and refuses one that belongs to another organisation.
    /// Says which fields `add_new_columns: false` keeps out of the table, unless `said` is that
    /// already.
    PreparedStream prepare(const StreamSchema& wanted, std::string& said);

    /// See the function of that name.
    [[nodiscard]] Checkpoint checkpoint_from(const StreamState& state) const {
        return zohosyncd::checkpoint_from(context_, stream_, state);
    }

    /// Marks the checkpoint as the last of a successful run.
    void finish(Checkpoint& checkpoint) const;

    /// The sink's functions of these names, with `pre_sql` before the first rows, and counted.
    void write(const StreamSchema& schema, const PageWrite& page, const Checkpoint& checkpoint);
    void write_deletions(const StreamSchema& schema,
                         std::span<const Deletion> deletions,
                         DeletePolicy policy,
                         const Checkpoint& checkpoint);
    /// Appends a snapshot's stage, and merges any other, in the same way. `first_date` is the
    /// `Date` of the walk's first reply, if it had one.
    void end_stage(const StreamSchema& schema,
                   DeletePolicy policy,
                   std::optional<std::chrono::sys_seconds> first_date,
                   const Checkpoint& checkpoint);

    void count_page(std::uint64_t rows);
    void count_repeated(std::uint64_t rows);
    void count_written(const WriteStats& stats);
    /// What a page's commit could not keep as it came. Call before the commit, as it may take the
    /// page's entries.
    void count_values(const PageWrite& page);

    /// After the last commit.
    void log_finished(const Checkpoint& checkpoint);

private:
    void
    log_left_out(const StreamSchema& wanted, const StreamSchema& prepared, std::string& said) const;
    void before_rows();
    void show();
    void log_values();
    void count_quarantined(const std::string& kind, std::uint64_t entries) const;

    const RunContext& context_;
    const StreamConfig& stream_;
    StreamKey key_;
    std::string run_id_;
    Clock::TimePoint started_;
    std::uint64_t requests_before_;
    RunSummary summary_;
    WriteStats totals_;
    std::uint64_t repeated_ = 0;
    std::uint64_t cleaned_ = 0;                        ///< Characters.
    std::map<std::string, std::uint64_t> quarantined_; ///< By kind.
};

} // namespace zohosyncd
