#include "tests/fakes/recording_sink.hpp"

#include "sinks/common/stage_count.hpp"
#include "tests/fakes/store_checkpoint.hpp"

#include <algorithm>
#include <iterator>

namespace zohosyncd::fakes {
namespace {

std::vector<std::string> names_of(const StreamSchema& schema) {
    std::vector<std::string> names;
    for (const auto& column : schema.columns) {
        names.push_back(column.api_name);
    }
    return names;
}

RecordingTarget::Call call_of(const char* name, const StreamKey& key, const StreamSchema& schema) {
    RecordingTarget::Call call;
    call.name = name;
    call.key = key;
    call.columns = names_of(schema);
    return call;
}

RecordingTarget::Call call_of(const char* name,
                              const StreamKey& key,
                              const StreamSchema& schema,
                              const PageWrite& page,
                              const Checkpoint& checkpoint) {
    auto call = call_of(name, key, schema);
    if (page.listed != nullptr) {
        call.listed = page.listed->ids();
    }
    if (page.authoritative != nullptr) {
        call.authoritative = page.authoritative->ids();
    }
    call.checkpoint = checkpoint;
    return call;
}

RecordingTarget::Call call_of(const char* name, const std::string& connection = {}) {
    RecordingTarget::Call call;
    call.name = name;
    call.key.connection = connection;
    return call;
}

} // namespace

int RecordingSink::migrate() {
    const auto lock = target_.enter(call_of("migrate"));
    return 0;
}

void RecordingSink::write_under_lease(const std::string& connection, std::int64_t) {
    const auto lock = target_.enter(call_of("write_under_lease", connection));
}

Lease RecordingSink::try_acquire_lease(const std::string& connection, const std::string& holder) {
    const auto lock = target_.enter(call_of("try_acquire_lease", connection));
    const bool acquired = target_.lease_holder_.empty();
    if (acquired) {
        target_.lease_holder_ = holder;
        ++target_.lease_epoch_;
    }
    return {acquired, target_.lease_epoch_, target_.lease_holder_};
}

void RecordingSink::heartbeat(const std::string& connection, std::int64_t epoch) {
    const auto lock = target_.enter(call_of("heartbeat", connection));
    if (epoch != target_.lease_epoch_) {
        throw SyncError(ErrorKind::lease_lost, "another epoch");
    }
}

void RecordingSink::release_lease(const std::string& connection, std::int64_t epoch) {
    const auto lock = target_.enter(call_of("release_lease", connection));
    if (epoch == target_.lease_epoch_) {
        target_.lease_holder_.clear();
    }
}

PreparedStream
RecordingSink::prepare(const StreamKey& key, const StreamSchema& wanted, ColumnCasing casing) {
    const auto lock = target_.enter(call_of("prepare", key, wanted));
    PreparedStream prepared;
    prepared.created_table = !target_.tables_.contains(wanted.target.text());
    auto& table = target_.table_of(wanted);
    const auto names = names_of(wanted);
    const auto given = assign_column_names(names, casing, {});
    prepared.schema = wanted;
    for (std::size_t i = 0; i < given.size(); ++i) {
        prepared.schema.columns[i].name = given[i];
    }
    prepared.added_columns_to_existing_rows =
        !table.rows.empty() && table.columns.size() < wanted.columns.size();
    table.columns = prepared.schema.columns;
    StreamState& state = target_.states_[text_of(key)];
    state.key = key;
    prepared.state = state;
    return prepared;
}

std::vector<Column> RecordingSink::known_columns(const TableName& target) {
    const auto lock = target_.enter(call_of("known_columns"));
    const auto found = target_.tables_.find(target.text());
    return found == target_.tables_.end() ? std::vector<Column>{} : found->second.columns;
}

std::vector<StreamState> RecordingSink::states(const std::string& connection) {
    const auto lock = target_.enter(call_of("states", connection));
    std::vector<StreamState> states;
    for (const auto& [key, state] : target_.states_) {
        if (connection.empty() || state.key.connection == connection) {
            states.push_back(state);
        }
    }
    return states;
}

std::optional<StreamState> RecordingSink::state(const StreamKey& key) {
    const auto lock = target_.enter(call_of("state", key, {}));
    const auto found = target_.states_.find(text_of(key));
    return found == target_.states_.end() ? std::nullopt : std::optional(found->second);
}

WriteStats RecordingSink::write(const StreamKey& key,
                                const StreamSchema& schema,
                                const PageWrite& page,
                                const Checkpoint& checkpoint) {
    const auto lock = target_.enter(call_of("write", key, schema, page, checkpoint));
    const auto stats = target_.upsert(target_.table_of(schema).rows, schema, page);
    target_.store(key, checkpoint, stats);
    for (const auto id : page.gone) {
        target_.set_aside_.erase(id);
    }
    if (page.authoritative != nullptr) {
        for (const auto id : page.authoritative->ids()) {
            target_.set_aside_.erase(id);
        }
    }
    return stats;
}

std::vector<std::int64_t> RecordingSink::set_aside(const TableName&, std::size_t limit) {
    const auto held = target_.set_aside(); // No call to note: it costs nothing while empty.
    std::vector<std::int64_t> ids(held.begin(), held.end());
    ids.resize(std::min(limit, ids.size()));
    return ids;
}

std::vector<Deletion> RecordingSink::soft_deleted(const StreamSchema& schema,
                                                  std::chrono::sys_seconds since,
                                                  std::size_t limit) {
    auto call = call_of("soft_deleted", {}, schema);
    call.time = since;
    const auto lock = target_.enter(call);
    std::vector<Deletion> deletions;
    for (const auto& [id, row] : target_.table_of(schema).rows) {
        if (row.deleted_at && *row.deleted_at >= since) {
            deletions.push_back({id, *row.deleted_at});
        }
    }
    std::stable_sort(deletions.begin(), deletions.end(), [](const Deletion& a, const Deletion& b) {
        return a.deleted_time < b.deleted_time;
    });
    deletions.resize(std::min(limit, deletions.size()));
    return deletions;
}

WriteStats RecordingSink::write_deletions(const StreamKey& key,
                                          const StreamSchema& schema,
                                          std::span<const Deletion> deletions,
                                          DeletePolicy policy,
                                          const Checkpoint& checkpoint) {
    auto call = call_of("write_deletions", key, schema, {}, checkpoint);
    call.policy = policy;
    std::transform(deletions.begin(),
                   deletions.end(),
                   std::back_inserter(call.deleted),
                   [](const Deletion& deletion) { return deletion.id; });
    const auto lock = target_.enter(call);
    WriteStats stats;
    for (const auto& deletion : deletions) {
        stats = sum(stats, RecordingTarget::apply(target_.table_of(schema).rows, deletion, policy));
    }
    target_.store(key, checkpoint, stats);
    return stats;
}

void RecordingSink::begin_stage(const StreamKey& key, const StreamSchema& schema) {
    const auto lock = target_.enter(call_of("begin_stage", key, schema));
    target_.table_of(schema).stage.clear();
}

WriteStats RecordingSink::write_stage(const StreamKey& key,
                                      const StreamSchema& schema,
                                      const PageWrite& page,
                                      const Checkpoint& checkpoint) {
    const auto lock = target_.enter(call_of("write_stage", key, schema, page, checkpoint));
    const auto stats = target_.upsert(target_.table_of(schema).stage, schema, page);
    target_.store(key, with_staged_rows(checkpoint, stats), {});
    return stats;
}

WriteStats RecordingSink::append_stage(const StreamKey& key,
                                       const StreamSchema& schema,
                                       std::chrono::sys_seconds taken_at,
                                       const Checkpoint& checkpoint) {
    auto call = call_of("append_stage", key, schema, {}, checkpoint);
    call.time = taken_at;
    const auto lock = target_.enter(call);
    auto& table = target_.table_of(schema);
    check_stage_count(schema.target.text(), table.stage.size(), checkpoint.staged_rows);
    WriteStats stats;
    stats.inserted = table.stage.size();
    table.stage.clear();
    target_.store(key, checkpoint, stats);
    return stats;
}

std::optional<std::uint64_t> RecordingSink::count_stage(const StreamSchema& schema) {
    const auto lock = target_.enter(call_of("count_stage", {}, schema));
    return target_.table_of(schema).stage.size();
}

WriteStats RecordingSink::merge_stage(const StreamKey& key,
                                      const StreamSchema& schema,
                                      DeletePolicy policy,
                                      std::chrono::sys_seconds walked_at,
                                      const Checkpoint& checkpoint) {
    auto call = call_of("merge_stage", key, schema, {}, checkpoint);
    call.policy = policy;
    call.time = walked_at;
    const auto lock = target_.enter(call);
    check_stage_count(
        schema.target.text(), target_.table_of(schema).stage.size(), checkpoint.staged_rows);
    const auto stats = RecordingTarget::merge(target_.table_of(schema), schema, policy, walked_at);
    target_.store(key, checkpoint, stats);
    return stats;
}

std::vector<RowVersion> RecordingSink::live_rows(const StreamSchema& schema,
                                                 std::span<const std::int64_t> ids) {
    const auto lock = target_.enter(call_of("live_rows", {}, schema));
    const auto& rows = target_.table_of(schema).rows;
    std::vector<RowVersion> found;
    for (const auto id : ids) {
        const auto row = rows.find(id);
        if (row != rows.end() && !row->second.deleted_at) {
            found.push_back({id, row->second.version});
        }
    }
    return found;
}

std::vector<RowVersion> RecordingSink::live_rows_after(const StreamSchema& schema,
                                                       const std::optional<RowVersion>& after,
                                                       std::chrono::sys_seconds from,
                                                       std::size_t limit) {
    const auto lock = target_.enter(call_of("live_rows_after", {}, schema));
    using Key = std::pair<std::chrono::sys_time<std::chrono::microseconds>, std::int64_t>;
    std::set<Key> live;
    for (const auto& [id, row] : target_.table_of(schema).rows) {
        const auto version = schema.version_column ? row.version : std::chrono::sys_seconds{};
        if (!row.deleted_at && (!schema.version_column || version >= from)) {
            live.emplace(version, id);
        }
    }
    std::vector<RowVersion> found;
    for (const auto& [version, id] : live) {
        const Key key{version, id};
        const bool is_behind =
            !after || Key(after->version.value_or(Key::first_type{}), after->id) < key;
        if (is_behind && found.size() < limit) {
            found.push_back({id, std::nullopt});
            if (schema.version_column) {
                found.back().version = version;
            }
        }
    }
    return found;
}

std::vector<std::int64_t> RecordingSink::differing(const StreamSchema& schema,
                                                   const Batch& records) {
    const auto lock = target_.enter(call_of("differing", {}, schema));
    const auto& rows = target_.table_of(schema).rows;
    std::vector<std::int64_t> ids;
    for (const auto index : records.rows_to_write()) {
        const auto held = rows.find(records.ids()[index]);
        const auto wanted = RecordingTarget::row_from(schema, records, index);
        const bool is_equal =
            held != rows.end() && !held->second.deleted_at &&
            content(schema, held->second.values) == content(schema, wanted.values);
        if (!is_equal) {
            ids.push_back(records.ids()[index]);
        }
    }
    return ids;
}

void RecordingSink::record_verification(const StreamKey& key, const Verification& found) {
    const auto lock = target_.enter(call_of("record_verification", key, {}));
    store_verification(target_.states_[text_of(key)], found);
}

void RecordingSink::record_formulas(const StreamKey& key, const FormulaRefresh& found) {
    const auto lock = target_.enter(call_of("record_formulas", key, {}));
    target_.states_[text_of(key)].formulas = found;
}

void RecordingSink::record_failure(const StreamKey& key,
                                   StreamStatus status,
                                   const std::string& error) {
    auto call = call_of("record_failure", key, {});
    call.text = std::string(to_string(status)) + ": " + error;
    const auto lock = target_.enter(call);
    StreamState& state = target_.states_[text_of(key)];
    state.key = key;
    state.status = status;
    state.last_error = error;
    ++state.consecutive_failures;
}

int RecordingSink::reset(const std::string& connection, const std::string& stream) {
    const auto lock = target_.enter(call_of("reset", connection));
    int count = 0;
    for (auto& [key, state] : target_.states_) {
        if (state.key.connection == connection && state.key.stream == stream) {
            state.high_water_mark = state.deletes_mark = state.consistent_as_of = std::nullopt;
            state.unverified_as_of = std::nullopt;
            state.scan.clear();
            ++state.generation;
            ++count;
        }
    }
    return count;
}

std::uint64_t RecordingSink::count_rows(const TableName& table) {
    const auto lock = target_.enter(call_of("count_rows"));
    const auto& rows = target_.tables_[table.text()].rows;
    return static_cast<std::uint64_t>(std::count_if(
        rows.begin(), rows.end(), [](const auto& row) { return !row.second.deleted_at; }));
}

std::uint64_t RecordingSink::spend_credits(const std::string& connection, std::uint64_t credits) {
    const auto lock = target_.enter(call_of("spend_credits", connection));
    target_.credits_ += credits;
    return target_.credits_;
}

} // namespace zohosyncd::fakes
