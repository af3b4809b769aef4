#include "tests/fakes/recording_target.hpp"

#include "tests/fakes/store_checkpoint.hpp"

namespace zohosyncd::fakes {

std::string text_of(const StreamKey& key) {
    return key.connection + "/" + key.stream + "/" + key.target.text();
}

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

} // namespace zohosyncd::fakes
