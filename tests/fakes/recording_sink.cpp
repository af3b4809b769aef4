#include "tests/fakes/recording_sink.hpp"

#include "sinks/common/stage_count.hpp"
#include "tests/fakes/store_checkpoint.hpp"

#include <algorithm>
#include <iterator>

namespace zohosyncd::fakes {
namespace {

std::string text_of(const StreamKey& key) {
    return key.connection + "/" + key.stream + "/" + key.target.text();
}

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

/// What makes a row count as changed.
std::map<std::string, std::string> content(const StreamSchema& schema,
                                           const std::map<std::string, std::string>& values) {
    std::map<std::string, std::string> counted;
    for (const auto& column : schema.columns) {
        if (const auto value = values.find(column.api_name);
            column.counts_as_change && value != values.end()) {
            counted.insert(*value);
        }
    }
    return counted;
}

WriteStats sum(WriteStats a, const WriteStats& b) {
    a.inserted += b.inserted;
    a.updated += b.updated;
    a.unchanged += b.unchanged;
    a.deleted += b.deleted;
    return a;
}

} // namespace

void RecordingTarget::fail(const std::string& function, ErrorKind kind, int good_ones) {
    const std::lock_guard lock(mutex_);
    failures_.insert_or_assign(function, std::pair(good_ones, kind));
}

void RecordingTarget::before(const std::string& function,
                             std::function<void(const StreamKey&)> hook) {
    const std::lock_guard lock(mutex_);
    hooks_[function] = std::move(hook);
}

std::vector<RecordingTarget::Call> RecordingTarget::calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
}

std::vector<RecordingTarget::Call> RecordingTarget::calls(std::string_view function) const {
    std::vector<Call> chosen = calls();
    std::erase_if(chosen, [&](const Call& call) { return call.name != function; });
    return chosen;
}

std::vector<Checkpoint> RecordingTarget::checkpoints() const {
    std::vector<Checkpoint> checkpoints;
    for (const auto& call : calls()) {
        if (call.checkpoint && !call.has_failed) {
            checkpoints.push_back(*call.checkpoint);
        }
    }
    return checkpoints;
}

RecordingTarget::Rows RecordingTarget::rows(const std::string& table) const {
    const std::lock_guard lock(mutex_);
    const auto found = tables_.find(table);
    return found == tables_.end() ? Rows{} : found->second.rows;
}

RecordingTarget::Rows RecordingTarget::staged(const std::string& table) const {
    const std::lock_guard lock(mutex_);
    const auto found = tables_.find(table);
    return found == tables_.end() ? Rows{} : found->second.stage;
}

void RecordingTarget::take_from_stage(const std::string& table, std::int64_t id) {
    const std::lock_guard lock(mutex_);
    tables_[table].stage.erase(id);
}

void RecordingTarget::put_set_aside(std::int64_t id) {
    const std::lock_guard lock(mutex_);
    set_aside_.insert(id);
}

std::set<std::int64_t> RecordingTarget::set_aside() const {
    const std::lock_guard lock(mutex_);
    return set_aside_;
}

std::uint64_t RecordingTarget::quarantined() const {
    const std::lock_guard lock(mutex_);
    return quarantined_;
}

StreamState RecordingTarget::state(const StreamKey& key) const {
    const std::lock_guard lock(mutex_);
    return states_.at(text_of(key));
}

void RecordingTarget::put_state(const StreamState& state) {
    const std::lock_guard lock(mutex_);
    states_[text_of(state.key)] = state;
}

void RecordingTarget::put_row(const std::string& table, std::int64_t id, Row row) {
    const std::lock_guard lock(mutex_);
    tables_[table].rows[id] = std::move(row);
}

void RecordingTarget::hold_lease(std::string holder) {
    const std::lock_guard lock(mutex_);
    lease_holder_ = std::move(holder);
    ++lease_epoch_;
}

void RecordingTarget::free_lease() {
    const std::lock_guard lock(mutex_);
    lease_holder_.clear();
}

RecordingTarget::Lock RecordingTarget::enter(Call call) {
    std::function<void(const StreamKey&)> hook;
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = hooks_.find(call.name); found != hooks_.end()) {
            hook = found->second;
        }
    }
    if (hook) {
        hook(call.key);
    }
    Lock lock(mutex_);
    const auto failure = failures_.find(call.name);
    if (failure != failures_.end() && failure->second.first-- == 0) {
        const ErrorKind kind = failure->second.second;
        failures_.erase(failure);
        call.has_failed = true;
        calls_.push_back(call);
        throw SyncError(kind, call.name + " fails as the test says");
    }
    calls_.push_back(std::move(call));
    return lock;
}

RecordingTarget::Row
RecordingTarget::row_from(const StreamSchema& schema, const Batch& batch, std::uint32_t index) {
    Row row{batch.versions()[index], {}, {}};
    for (std::size_t column = 1; column < schema.columns.size(); ++column) {
        if (!batch.column(column).is_null(index)) {
            row.values[schema.columns[column].api_name] = batch.column(column).value(index);
        }
    }
    return row;
}

WriteStats RecordingTarget::upsert(Rows& rows,
                                   const StreamSchema& schema,
                                   const Batch& batch,
                                   bool is_authoritative) {
    WriteStats stats;
    for (const auto index : batch.rows_to_write()) {
        const Row row = row_from(schema, batch, index);
        const auto [held, is_new] = rows.try_emplace(batch.ids()[index], row);
        if (is_new) {
            ++stats.inserted;
            continue;
        }
        const bool is_allowed = is_authoritative || held->second.version <= row.version;
        const bool differs = held->second.deleted_at ||
                             content(schema, held->second.values) != content(schema, row.values);
        ++(is_allowed && differs ? stats.updated : stats.unchanged);
        if (is_allowed && differs) {
            held->second = row;
        }
    }
    return stats;
}

WriteStats RecordingTarget::upsert(Rows& rows, const StreamSchema& schema, const PageWrite& page) {
    WriteStats stats;
    for (const auto* batch : {page.listed, page.authoritative}) {
        if (batch != nullptr) {
            stats = sum(stats, upsert(rows, schema, *batch, batch == page.authoritative));
            quarantined_ += batch->quarantined().size();
        }
    }
    if (page.corrections != nullptr) {
        stats = sum(stats, correct(rows, schema, *page.corrections));
    }
    return stats;
}

WriteStats RecordingTarget::correct(Rows& rows, const StreamSchema& schema, const Batch& batch) {
    WriteStats stats;
    for (const auto index : batch.rows_to_write()) {
        const Row row = row_from(schema, batch, index);
        const auto held = rows.find(batch.ids()[index]);
        if (held == rows.end() || held->second.deleted_at || held->second.version != row.version ||
            content(schema, held->second.values) == content(schema, row.values)) {
            continue;
        }
        for (std::size_t column = 1; column < schema.columns.size(); ++column) {
            held->second.values.erase(schema.columns[column].api_name);
        }
        held->second.values.insert(row.values.begin(), row.values.end());
        ++stats.updated;
    }
    return stats;
}

WriteStats RecordingTarget::apply(Rows& rows, const Deletion& deletion, DeletePolicy policy) {
    const auto found = rows.find(deletion.id);
    if (found == rows.end() || policy == DeletePolicy::none) {
        return {};
    }
    WriteStats stats;
    stats.deleted = found->second.deleted_at && policy == DeletePolicy::soft ? 0 : 1;
    found->second.deleted_at = deletion.deleted_time;
    if (policy == DeletePolicy::hard) {
        rows.erase(found);
    }
    return stats;
}

WriteStats RecordingTarget::merge(Table& table,
                                  const StreamSchema& schema,
                                  DeletePolicy policy,
                                  std::chrono::sys_seconds walked_at) {
    WriteStats stats;
    const Rows stage = std::exchange(table.stage, {});
    if (stage.empty()) {
        return stats;
    }
    for (const auto& [id, row] : stage) {
        const auto [held, is_new] = table.rows.try_emplace(id, row);
        const bool differs =
            !is_new && (held->second.deleted_at ||
                        content(schema, held->second.values) != content(schema, row.values));
        ++(is_new ? stats.inserted : differs ? stats.updated : stats.unchanged);
        held->second = is_new || differs ? row : held->second;
    }
    std::set<std::int64_t> absent;
    for (const auto& [id, row] : table.rows) {
        if (!row.deleted_at && !stage.contains(id)) {
            absent.insert(id);
        }
    }
    for (const auto id : absent) {
        if (table.absent.contains(id)) {
            stats = sum(stats, apply(table.rows, {id, walked_at}, policy));
        }
    }
    table.absent = absent;
    return stats;
}

void RecordingTarget::store(const StreamKey& key,
                            const Checkpoint& checkpoint,
                            const WriteStats& stats) {
    StreamState& state = states_[text_of(key)];
    state.rows_upserted += stats.inserted + stats.updated;
    state.rows_unchanged += stats.unchanged;
    state.rows_deleted += stats.deleted;
    (void)store_checkpoint(state, key, checkpoint);
}

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
