#pragma once

#include "sinks/sink.hpp"
#include "tests/simulation/organisation_model.hpp"
#include "tests/simulation/verdict.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace zohosyncd::simulation {

/// What a database does wrong, by the share of calls.
struct DatabaseTroubles {
    double down = 0;     ///< Refused, nothing happens.
    double in_doubt = 0; ///< Committed, but the reply is lost.
    double crash = 0;    ///< The process dies before or behind the call.
};

/// A target that keeps a sink's promises, in the smallest form: of each row the number of its
/// version. Every commit is looked at as it comes: rows that are no version of their record or of
/// two, versions that go back, marks that go back or stand before their data.
class DatabaseModel {
public:
    DatabaseModel(OrganisationModel& zoho, VirtualClock& clock, Dice& dice, Verdict& verdict);

    struct Row {
        Instant version;
        std::uint64_t edit = 0;
        std::optional<Instant> deleted_at;
    };

    using Rows = std::unordered_map<std::int64_t, Row>;

    struct Table {
        ModuleModel* module = nullptr;
        Rows rows;
        Rows stage;
        std::set<std::int64_t> absent;
        std::vector<std::size_t> markers; ///< Columns that hold the number of the version.
        std::uint64_t row_versions = 0;   ///< Rows written, changed or deleted.
        std::uint64_t completed_runs = 0;
        std::uint64_t state_updates = 0;
    };

    DatabaseTroubles troubles;
    DeletePolicy policy = DeletePolicy::soft;

    /// The share of completed runs whose claims are compared with the organisation.
    double audits = 0.1;

    [[nodiscard]] Table& table(const std::string& stream) { return tables_[stream]; }

    [[nodiscard]] StreamState& state(const std::string& stream) { return states_[stream]; }

    /// The stream that keeps the module.
    void keep(const std::string& stream, ModuleModel& module) { tables_[stream].module = &module; }

    [[nodiscard]] std::uint64_t commits() const { return commits_; }

    /// As the verb reset does it.
    void reset(const std::string& stream);

private:
    friend class ModelSink;

    void begin_call();
    void end_call(bool is_commit);
    void read_batch(Table& table,
                    const StreamSchema& schema,
                    const Batch* batch,
                    bool is_authoritative,
                    Rows& rows,
                    WriteStats& stats);
    [[nodiscard]] std::uint64_t
    edit_of(const Table& table, const Batch& batch, std::size_t row, bool& is_whole) const;
    void delete_row(Table& table, const Deletion& deletion, DeletePolicy policy, WriteStats& stats);
    void store(const StreamKey& key, const Checkpoint& checkpoint, const WriteStats& stats);
    void look_at_marks(const StreamState& before, const Checkpoint& checkpoint, const Table& table);
    void audit(const StreamKey& key, const Checkpoint& checkpoint);
    [[nodiscard]] std::uint64_t spend(std::uint64_t credits);

    OrganisationModel& zoho_;
    VirtualClock& clock_;
    Dice& dice_;
    Verdict& verdict_;
    std::map<std::string, Table> tables_;
    std::map<std::string, StreamState> states_;
    std::map<std::chrono::sys_time<std::chrono::minutes>, std::uint64_t> credits_;
    std::int64_t epoch_ = 0;
    bool is_held_ = false;
    std::uint64_t commits_ = 0;
};

/// The daemon's side of it.
class ModelSink final : public Sink {
public:
    explicit ModelSink(DatabaseModel& database) : database_(database) {}

    int migrate() override;
    void write_under_lease(const std::string& connection, std::int64_t epoch) override;
    Lease try_acquire_lease(const std::string& connection, const std::string& holder) override;
    void heartbeat(const std::string& connection, std::int64_t epoch) override;
    void release_lease(const std::string& connection, std::int64_t epoch) override;
    PreparedStream
    prepare(const StreamKey& key, const StreamSchema& wanted, ColumnCasing casing) override;
    std::vector<Column> known_columns(const TableName& target) override;
    std::vector<StreamState> states(const std::string& connection) override;
    std::optional<StreamState> state(const StreamKey& key) override;
    WriteStats write(const StreamKey& key,
                     const StreamSchema& schema,
                     const PageWrite& page,
                     const Checkpoint& checkpoint) override;
    std::vector<Deletion> soft_deleted(const StreamSchema& schema,
                                       std::chrono::sys_seconds since,
                                       std::size_t limit) override;
    WriteStats write_deletions(const StreamKey& key,
                               const StreamSchema& schema,
                               std::span<const Deletion> deletions,
                               DeletePolicy policy,
                               const Checkpoint& checkpoint) override;
    void begin_stage(const StreamKey& key, const StreamSchema& schema) override;
    WriteStats write_stage(const StreamKey& key,
                           const StreamSchema& schema,
                           const PageWrite& page,
                           const Checkpoint& checkpoint) override;
    WriteStats append_stage(const StreamKey& key,
                            const StreamSchema& schema,
                            std::chrono::sys_seconds taken_at,
                            const Checkpoint& checkpoint) override;
    std::optional<std::uint64_t> count_stage(const StreamSchema& schema) override;
    WriteStats merge_stage(const StreamKey& key,
                           const StreamSchema& schema,
                           DeletePolicy policy,
                           std::chrono::sys_seconds walked_at,
                           const Checkpoint& checkpoint) override;
    std::vector<RowVersion> live_rows(const StreamSchema& schema,
                                      std::span<const std::int64_t> ids) override;
    std::vector<RowVersion> live_rows_after(const StreamSchema& schema,
                                            const std::optional<RowVersion>& after,
                                            std::chrono::sys_seconds from,
                                            std::size_t limit) override;
    std::vector<std::int64_t> differing(const StreamSchema& schema, const Batch& records) override;
    void record_verification(const StreamKey& key, const Verification& found) override;
    void record_formulas(const StreamKey& key, const FormulaRefresh& found) override;
    void
    record_failure(const StreamKey& key, StreamStatus status, const std::string& error) override;
    int reset(const std::string& connection, const std::string& stream) override;
    std::uint64_t count_rows(const TableName& table) override;
    std::uint64_t spend_credits(const std::string& connection, std::uint64_t credits) override;
    TargetReport report(const std::string& connection) override;

private:
    DatabaseModel& database_;
};

} // namespace zohosyncd::simulation
