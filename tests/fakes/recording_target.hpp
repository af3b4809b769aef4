#pragma once

#include "daemon/core/errors.hpp"
#include "sinks/sink.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zohosyncd::fakes {

/// Under what a target keeps a stream's state.
std::string text_of(const StreamKey& key);

/// What of a row makes it count as changed.
std::map<std::string, std::string> content(const StreamSchema& schema,
                                           const std::map<std::string, std::string>& values);

WriteStats sum(WriteStats a, const WriteStats& b);

/// A target in memory that keeps Sink's promises, and notes everything that was asked of it.
/// Thread-safe: the sinks of several threads may share one.
class RecordingTarget {
public:
    struct Row {
        std::chrono::sys_seconds version;
        std::map<std::string, std::string> values; ///< By API name; what is NULL is not there.
        std::optional<std::chrono::sys_seconds> deleted_at;
    };

    using Rows = std::map<std::int64_t, Row>;

    /// One call of a sink. What the function does not have stays empty.
    struct Call {
        std::string name; ///< Of the function: "prepare", "write", …
        StreamKey key;
        std::vector<std::string> columns; ///< API names.
        std::vector<std::int64_t> listed;
        std::vector<std::int64_t> authoritative;
        std::vector<std::int64_t> deleted;
        std::optional<DeletePolicy> policy;
        std::optional<std::chrono::sys_seconds> time; ///< `since` or `walked_at`.
        std::optional<Checkpoint> checkpoint;
        std::string text; ///< Status and error of record_failure.
        bool has_failed = false;
    };

    /// The call of that function after the next `good_ones` throws and leaves nothing behind.
    void fail(const std::string& function, ErrorKind kind, int good_ones = 0);

    /// Runs first in each call of that function, on the caller's thread; may block.
    void before(const std::string& function, std::function<void(const StreamKey&)> hook);

    [[nodiscard]] std::vector<Call> calls() const;
    [[nodiscard]] std::vector<Call> calls(std::string_view function) const;
    /// The checkpoints of the calls that did not fail, in order.
    [[nodiscard]] std::vector<Checkpoint> checkpoints() const;
    [[nodiscard]] Rows rows(const std::string& table) const;
    [[nodiscard]] Rows staged(const std::string& table) const;
    /// As somebody might by hand.
    void take_from_stage(const std::string& table, std::int64_t id);
    [[nodiscard]] std::uint64_t quarantined() const;
    [[nodiscard]] std::set<std::int64_t> set_aside() const;
    /// Throws when there is none.
    [[nodiscard]] StreamState state(const StreamKey& key) const;

    /// As earlier runs may have left them.
    void put_state(const StreamState& state);
    void put_row(const std::string& table, std::int64_t id, Row row);
    void put_set_aside(std::int64_t id);

    void hold_lease(std::string holder);
    void free_lease();

private:
    friend class RecordingSink;

    struct Table {
        std::vector<Column> columns;
        Rows rows;
        Rows stage;
        std::set<std::int64_t> absent;
    };

    using Lock = std::unique_lock<std::mutex>;

    /// Notes the call, runs its hook, throws when it is to fail; returns with the lock held.
    Lock enter(Call call);

    Table& table_of(const StreamSchema& schema) { return tables_[schema.target.text()]; }

    static Row row_from(const StreamSchema& schema, const Batch& batch, std::uint32_t index);
    static WriteStats
    upsert(Rows& rows, const StreamSchema& schema, const Batch& batch, bool is_authoritative);
    WriteStats upsert(Rows& rows, const StreamSchema& schema, const PageWrite& page);
    static WriteStats correct(Rows& rows, const StreamSchema& schema, const Batch& batch);
    static WriteStats apply(Rows& rows, const Deletion& deletion, DeletePolicy policy);
    static WriteStats merge(Table& table,
                            const StreamSchema& schema,
                            DeletePolicy policy,
                            std::chrono::sys_seconds walked_at);
    void store(const StreamKey& key, const Checkpoint& checkpoint, const WriteStats& stats);

    mutable std::mutex mutex_;
    std::vector<Call> calls_;
    std::map<std::string, std::pair<int, ErrorKind>> failures_;
    std::map<std::string, std::function<void(const StreamKey&)>> hooks_;
    std::map<std::string, Table> tables_;
    std::map<std::string, StreamState> states_;
    std::uint64_t quarantined_ = 0;
    std::set<std::int64_t> set_aside_;
    std::uint64_t credits_ = 0;
    std::string lease_holder_;
    std::int64_t lease_epoch_ = 0;
};

} // namespace zohosyncd::fakes
