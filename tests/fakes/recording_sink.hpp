#pragma once

#include "tests/fakes/recording_target.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zohosyncd::fakes {

class RecordingSink final : public Sink {
public:
    explicit RecordingSink(RecordingTarget& target) : target_(target) {}

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
    std::vector<std::int64_t> set_aside(const TableName& table, std::size_t limit) override;
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

private:
    RecordingTarget& target_;
};

} // namespace zohosyncd::fakes
