#pragma once

#include "daemon/core/batch.hpp"
#include "daemon/core/details.hpp"
#include "daemon/core/identifiers.hpp"
#include "daemon/core/schema.hpp"
#include "daemon/core/stream_state.hpp"
#include "daemon/core/target_report.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zohosyncd {

/// What a write did to the target's rows.
struct WriteStats {
    std::uint64_t inserted = 0;
    std::uint64_t updated = 0;
    std::uint64_t unchanged = 0;
    std::uint64_t deleted = 0;
    /// Commits since the last answer whose reply was lost and that turned out to have happened.
    std::uint64_t settled = 0;
    std::uint64_t refused = 0;  ///< Values and records that the target itself did not take.
    std::uint64_t released = 0; ///< Entries that left quarantine, as their records are whole now.
};

/// What became of a page of details.
struct DetailsWritten {
    WriteStats lines;
    std::vector<std::int64_t> settled; ///< Records whose row had their version; sorted.
    bool is_outdated = false;          ///< Nothing was done: the page is of another generation.
};

/// A deletion learnt from the source.
struct Deletion {
    std::int64_t id = 0;
    std::chrono::sys_seconds deleted_time;
};

/// A live row of the target.
struct RowVersion {
    std::int64_t id = 0;
    /// Its Modified_Time as stored, fractions included; unset when it has none.
    std::optional<std::chrono::sys_time<std::chrono::microseconds>> version;
};

/// What happens to a row whose record was deleted at the source.
enum class DeletePolicy { soft, hard, none };

/// Rows to upsert in one transaction. `listed` rows yield to a newer version in the target;
/// `authoritative` rows were read one by one and win in any case. Both may be null. What quarantine
/// holds of the records `gone`, which Zoho does not have any more, is forgotten.
struct PageWrite {
    const Batch* listed = nullptr;
    const Batch* authoritative = nullptr;
    std::vector<std::int64_t> gone = {};
    /// Values that change without a new version, of a schema that holds only these beside id and
    /// version: set in live rows of the record's very version, and nowhere else. No row is added.
    const Batch* corrections = nullptr;
};

/// The right to write, held by one process per (connection, state schema).
struct Lease {
    bool acquired = false;
    std::int64_t epoch = 0;     ///< Raised with each new holder; checked in every transaction.
    std::string holder;         ///< Who holds it now, for people: "host pid 42 since 2026-…".
    bool was_abandoned = false; ///< Acquired from one who never released it.
    int ended_sessions = 0;     ///< Of that one, which hung in a transaction and were ended for it.
};

/// Where records end up: a PostgreSQL database or a SQLite file.
///
/// One instance per thread; never shared. Every function but the constructor may throw SyncError of
/// kind sink_down, sink_conflict, sink_full, sink_refused, schema_conflict or lease_lost; after a
/// throw nothing of the call is in the target, or the call was a commit whose fate `states()`
/// tells. The connection is opened when first needed and again after a failure.
class Sink {
public:
    virtual ~Sink() = default;

    /// Applies the migrations of the state schema that are missing, all in one transaction, and
    /// returns how many there were. Safe when several processes call it at once.
    virtual int migrate() = 0;

    /// From now on every writing transaction first checks that `connection` is still held under
    /// `epoch` and throws SyncError{lease_lost} otherwise.
    virtual void write_under_lease(const std::string& connection, std::int64_t epoch) = 0;

    /// Takes the lease when it is free, when its holder's session is gone, or, where a session may
    /// outlive its process (PostgreSQL), when its heart has not beaten for `lease_expiry`. Never
    /// waits for another process.
    virtual Lease try_acquire_lease(const std::string& connection, const std::string& holder) = 0;
    /// Keeps the lease alive; throws SyncError{lease_lost} when it is another's.
    virtual void heartbeat(const std::string& connection, std::int64_t epoch) = 0;
    virtual void release_lease(const std::string& connection, std::int64_t epoch) = 0;

    /// Makes the target able to hold `wanted` and returns it with every column named: creates
    /// schema and table, adds columns, never narrows or drops. Names once given stay. Follows the
    /// types of a table that exists. An open stage of the stream gets the same columns. Loads the
    /// stream's state, creating it when there is none or when the table is not the one it was
    /// about. With lines wanted, their tables and the column _details_at are made, too.
    virtual PreparedStream
    prepare(const StreamKey& key, const StreamSchema& wanted, ColumnCasing casing) = 0;

    /// The columns that the target's table has been given so far, named, with their logical types;
    /// empty for a new target. Streams without a field list begin with them, so that types once
    /// given stay.
    virtual std::vector<Column> known_columns(const TableName& target) = 0;

    /// The state rows, of all connections or of one, ordered by connection and stream.
    virtual std::vector<StreamState> states(const std::string& connection) = 0;
    virtual std::optional<StreamState> state(const StreamKey& key) = 0;

    /// Upserts and stores the checkpoint in one transaction: after a crash either both are there or
    /// neither is. A row whose content is unchanged is not written; an older version never
    /// overwrites a newer one; a row that was deleted and is read again is live again. Writing
    /// twice changes nothing.
    virtual WriteStats write(const StreamKey& key,
                             const StreamSchema& schema,
                             const PageWrite& page,
                             const Checkpoint& checkpoint) = 0;

    /// The rows now marked deleted, whose deletion is at or after `since`; at most `limit`, oldest
    /// first.
    virtual std::vector<Deletion>
    soft_deleted(const StreamSchema& schema, std::chrono::sys_seconds since, std::size_t limit) = 0;

    /// Records that the target refused whole and that were not tried again for an hour; at most
    /// `limit`, those first that wait longest. Costs nothing while there are none.
    virtual std::vector<std::int64_t> set_aside(const TableName&, std::size_t) { return {}; }

    /// The lines' part of prepare() alone, for a table that is ready: `schema` needs no more
    /// columns than id and version, with their names. Returns the tables with every column named.
    /// The lines of other fields are not read any more then: should they be wanted again, all rows
    /// wait.
    virtual std::vector<LineTable>
    prepare_lines(const StreamKey&, const StreamSchema& schema, ColumnCasing) {
        return schema.lines;
    }

    /// How many live rows wait for their details: _details_at is NULL. Nothing when the table does
    /// not exist or never had any.
    virtual std::optional<std::uint64_t> details_backlog(const TableName&) { return std::nullopt; }

    /// The newest of these rows, by their version; at most `limit`. Rows without a version, whose
    /// lines could never be told from another's, are left out.
    virtual std::vector<RowVersion> rows_without_details(const StreamSchema&, std::size_t) {
        return {};
    }

    /// Raised whenever details that were asked for before lack something, because there is a place
    /// for further ones. To be asked before it is decided what to read.
    virtual std::int64_t details_generation(const TableName&) { return 0; }

    /// Writes lines and columns of records whose live row still has the version that they were read
    /// at, sets _details_at there and removes the lines that such a record has no more; all in one
    /// transaction. Nothing happens to other records, and nothing at all when the page is of
    /// another generation. `tables` as prepare() named them.
    virtual DetailsWritten
    write_details(const StreamSchema&, const std::vector<LineTable>&, const DetailsPage&) {
        return {};
    }

    /// Applies deletions to rows that exist, and corrects the time of rows deleted before. One
    /// transaction with the checkpoint. Lines follow their record: they are marked with it, or
    /// removed with it.
    virtual WriteStats write_deletions(const StreamKey& key,
                                       const StreamSchema& schema,
                                       std::span<const Deletion> deletions,
                                       DeletePolicy policy,
                                       const Checkpoint& checkpoint) = 0;

    /// Full refresh: a walk is collected in a stage table beside the target and merged at its end.
    /// begin_stage empties the stage. Only inserted rows are new to a stage: their sum is what it
    /// holds, and what write_stage adds to the scan where `checkpoint.staged_rows` is set.
    virtual void begin_stage(const StreamKey& key, const StreamSchema& schema) = 0;
    virtual WriteStats write_stage(const StreamKey& key,
                                   const StreamSchema& schema,
                                   const PageWrite& page,
                                   const Checkpoint& checkpoint) = 0;
    /// Merges the stage in one transaction: changed rows are written, unchanged ones untouched.
    /// Rows absent from the stage are remembered; those absent from two merges in a row follow
    /// `policy` (deleted at `walked_at`, Zoho's time of the walk), and their lines with them. An
    /// empty stage changes no row. Drops the stage. Throws SyncError{sink_conflict} and does
    /// nothing when the stage does not hold `checkpoint.staged_rows`, if set: what was taken from
    /// it would count as absent.
    virtual WriteStats merge_stage(const StreamKey& key,
                                   const StreamSchema& schema,
                                   DeletePolicy policy,
                                   std::chrono::sys_seconds walked_at,
                                   const Checkpoint& checkpoint) = 0;

    /// Appends the stage's rows to the table of a snapshot in one transaction, all with the same
    /// _sling_loaded_at: `taken_at`, or a second more than the greatest that is there. Drops the
    /// stage, and counts its rows, as merge_stage does.
    virtual WriteStats append_stage(const StreamKey& key,
                                    const StreamSchema& schema,
                                    std::chrono::sys_seconds taken_at,
                                    const Checkpoint& checkpoint) = 0;

    /// The rows that the stream's stage holds; nothing without a stage.
    virtual std::optional<std::uint64_t> count_stage(const StreamSchema& schema) = 0;

    /// The live rows among `ids`, in any order.
    virtual std::vector<RowVersion> live_rows(const StreamSchema& schema,
                                              std::span<const std::int64_t> ids) = 0;
    /// At most `limit` live rows by ascending (version, id), those without a version last: the ones
    /// that follow `after`, or the first ones. Rows with a version before `from` are left out. A
    /// schema without versions orders by id alone.
    virtual std::vector<RowVersion> live_rows_after(const StreamSchema& schema,
                                                    const std::optional<RowVersion>& after,
                                                    std::chrono::sys_seconds from,
                                                    std::size_t limit) = 0;
    /// The ids of the batch whose live row is missing or not equal in every column of the schema
    /// that counts as a change. Records that no row of the table can hold are passed over: they are
    /// in quarantine.
    virtual std::vector<std::int64_t> differing(const StreamSchema& schema,
                                                const Batch& records) = 0;
    /// Stores the outcome of a complete verification. Needs no lease.
    virtual void record_verification(const StreamKey& key, const Verification& found) = 0;

    /// Stores the outcome of a complete refresh of formula fields. Needs no lease.
    virtual void record_formulas(const StreamKey& key, const FormulaRefresh& found) = 0;

    /// Stores how a run ended without moving any mark.
    virtual void
    record_failure(const StreamKey& key, StreamStatus status, const std::string& error) = 0;

    /// Forgets the marks and the scan of the stream in all its targets and raises its generation;
    /// returns how many state rows there were. Needs no lease.
    virtual int reset(const std::string& connection, const std::string& stream) = 0;

    /// Number of live (not deleted) rows.
    virtual std::uint64_t count_rows(const TableName& table) = 0;

    /// The same, but a large table may be estimated, with its deleted rows; 0 without a table.
    virtual std::uint64_t about_rows(const TableName& table) { return count_rows(table); }

    /// What people want to see beside the states. Requires migrate().
    virtual TargetReport report(const std::string& connection) {
        (void)connection;
        return {};
    }

    /// Adds API credits spent to the current minute and returns the sum of the last 24 hours and a
    /// minute (target's clock): a credit at the end of a minute counts for the whole of it.
    virtual std::uint64_t spend_credits(const std::string& connection, std::uint64_t credits) = 0;
};

/// A heart that has not beaten for this long is taken for dead: four missed beats of two seconds.
constexpr std::chrono::seconds lease_expiry{8};

} // namespace zohosyncd
