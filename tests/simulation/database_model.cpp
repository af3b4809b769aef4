#include "tests/simulation/database_model.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/time.hpp"
#include "tests/fakes/store_checkpoint.hpp"
#include "tests/simulation/zoho_model.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace zohosyncd::simulation {
namespace {

using namespace std::chrono_literals;

std::string time_of(const std::optional<Instant>& instant) {
    return instant ? format_utc(*instant) : "none";
}

} // namespace

DatabaseModel::DatabaseModel(OrganisationModel& zoho,
                             VirtualClock& clock,
                             Dice& dice,
                             Verdict& verdict)
    : zoho_(zoho), clock_(clock), dice_(dice), verdict_(verdict) {}

void DatabaseModel::begin_call() {
    clock_.advance(dice_.between(0ms, 5ms));
    if (dice_.happens(troubles.crash)) {
        throw Crash{};
    }
    if (dice_.happens(troubles.down)) {
        static constexpr std::array kinds{
            ErrorKind::sink_down, ErrorKind::sink_conflict, ErrorKind::sink_full};
        throw SyncError(kinds.at(dice_.below(kinds.size())), "as the dice fell");
    }
}

void DatabaseModel::end_call(bool is_commit) {
    commits_ += is_commit ? 1U : 0U;
    if (dice_.happens(troubles.crash)) {
        throw Crash{};
    }
    if (is_commit && dice_.happens(troubles.in_doubt)) {
        throw SyncError(ErrorKind::sink_down, "the reply to the commit was lost");
    }
}

/// The number of the version that all slices of the row show.
std::uint64_t DatabaseModel::edit_of(const Table& table,
                                     const Batch& batch,
                                     std::size_t row,
                                     bool& is_whole) const {
    std::uint64_t edit = 0;
    for (const auto column : table.markers) {
        const std::string_view value = batch.column(column).value(row);
        const auto dot = value.find('.');
        std::uint64_t read = 0;
        if (batch.column(column).is_null(row) || dot == std::string_view::npos ||
            value.substr(0, dot) != std::to_string(batch.ids()[row])) {
            is_whole = false;
            return 0;
        }
        std::from_chars(value.data() + dot + 1, value.data() + value.size(), read);
        is_whole = is_whole && (edit == 0 || edit == read);
        edit = read;
    }
    return edit;
}

void DatabaseModel::read_batch(Table& table,
                               const StreamSchema& schema,
                               const Batch* batch,
                               bool is_authoritative,
                               Rows& rows,
                               WriteStats& stats) {
    if (batch == nullptr) {
        return;
    }
    for (const auto index : batch->rows_to_write()) {
        const auto id = batch->ids()[index];
        const auto version = batch->versions()[index];
        bool is_whole = true;
        const auto edit = edit_of(table, *batch, index, is_whole);
        const std::string name =
            schema.target.table + " " + std::to_string(id) + " edit " + std::to_string(edit);
        if (!is_whole) {
            verdict_.fail("torn row: " + name);
            continue;
        }
        const auto& edits = table.module->edits;
        if (edit >= edits.size() || edits[edit] != std::pair(id, version)) {
            verdict_.fail("no version that existed: " + name + " of " + format_utc(version));
            continue;
        }
        const auto [held, is_new] = rows.try_emplace(id, Row{version, edit, {}});
        if (is_new) {
            ++stats.inserted;
            continue;
        }
        Row& row = held->second;
        const bool is_older = version < row.version;
        if (is_older && is_authoritative) {
            verdict_.fail("version went back: " + name);
        }
        const bool differs = row.deleted_at || row.edit != edit;
        const bool is_written = differs && (is_authoritative || !is_older);
        ++(is_written ? stats.updated : stats.unchanged);
        if (is_written) {
            row = {version, edit, {}};
        }
    }
}

void DatabaseModel::delete_row(Table& table,
                               const Deletion& deletion,
                               DeletePolicy how,
                               WriteStats& stats) {
    const auto found = table.rows.find(deletion.id);
    if (found == table.rows.end() || how == DeletePolicy::none) {
        return;
    }
    if (how == DeletePolicy::hard) {
        table.rows.erase(found);
        ++stats.deleted;
    } else if (found->second.deleted_at != deletion.deleted_time) {
        found->second.deleted_at = deletion.deleted_time;
        ++stats.deleted;
    }
}

void DatabaseModel::look_at_marks(const StreamState& before,
                                  const Checkpoint& checkpoint,
                                  const Table& table) {
    const auto not_back = [&](const char* name, const auto& old, const auto& given) {
        if (old && given && *given < *old) {
            verdict_.fail(before.key.stream + ": " + name + " went back from " + time_of(old) +
                          " to " + time_of(given));
        }
    };
    not_back("high_water_mark", before.high_water_mark, checkpoint.high_water_mark);
    not_back("consistent_as_of", before.consistent_as_of, checkpoint.consistent_as_of);
    not_back("deletes_mark", before.deletes_mark, checkpoint.deletes_mark);
    if (checkpoint.high_water_mark && *checkpoint.high_water_mark > table.module->greatest_shown) {
        verdict_.fail(before.key.stream + ": high_water_mark " +
                      time_of(checkpoint.high_water_mark) + " is ahead of the data");
    }
    for (const auto& mark : {checkpoint.consistent_as_of, checkpoint.deletes_mark}) {
        if (mark && *mark > zoho_.second()) {
            verdict_.fail(before.key.stream + ": a mark lies in Zoho's future");
        }
    }
}

/// What a completed run claims: all that lists showed before its first reply is here.
void DatabaseModel::audit(const StreamKey& key, const Checkpoint& checkpoint) {
    const Table& table = tables_[key.stream];
    const Moment complete = checkpoint.consistent_as_of.value_or(Instant{});
    const Moment deletes = checkpoint.deletes_mark.value_or(Instant{});
    const Instant anchor = checkpoint.anchor.value_or(Instant{});
    const auto complain = [&](const char* what, std::int64_t id) {
        const Record& record = table.module->records.at(id);
        const auto row = table.rows.find(id);
        std::string held = "none";
        if (row != table.rows.end()) {
            held =
                format_utc(row->second.version) +
                (row->second.deleted_at ? " deleted " + format_utc(*row->second.deleted_at) : "");
        }
        verdict_.fail("claimed fresh as of " + time_of(checkpoint.consistent_as_of) + ", but " +
                      key.stream + " " + std::to_string(id) + " " + what + ": Zoho shows " +
                      format_utc(record.shown.modified) + " since " +
                      format_utc(std::chrono::floor<std::chrono::seconds>(record.shown_since)) +
                      ", the row is " + held +
                      (record.is_restored_silently ? ", restored silently" : ""));
    };
    for (const auto& [id, record] : table.module->records) {
        const auto row = table.rows.find(id);
        const bool is_held = row != table.rows.end();
        if (record.is_listed && record.shown_since < complete && record.shown.modified >= anchor) {
            // A deletion that is known may have taken the row already.
            const bool may_be_gone = record.is_in_bin || record.bin_since >= complete ||
                                     !record.exists || record.changes != record.shown_change;
            if (!is_held && !may_be_gone && !record.is_restored_silently) {
                complain("is missing", id);
            } else if (is_held && row->second.version < record.shown.modified &&
                       !(row->second.deleted_at && may_be_gone)) {
                complain("is stale", id);
            } else if (is_held && row->second.deleted_at && !may_be_gone &&
                       record.bin_since < deletes) {
                complain("is deleted here only", id);
            }
        }
        const bool is_gone = !record.exists && record.is_in_bin && record.bin_since < deletes &&
                             !record.is_listed && record.shown_since < complete;
        if (is_gone && is_held && !row->second.deleted_at && policy != DeletePolicy::none &&
            checkpoint.mode == "incremental" && table.module->has_delete_list) {
            complain("is deleted in Zoho only", id);
        }
    }
}

void DatabaseModel::store(const StreamKey& key,
                          const Checkpoint& checkpoint,
                          const WriteStats& stats) {
    Table& table = tables_[key.stream];
    table.row_versions += stats.inserted + stats.updated + stats.deleted;
    ++table.state_updates;
    StreamState& state = states_[key.stream];
    const StreamState before = state;
    if (!fakes::store_checkpoint(state, key, checkpoint)) {
        return;
    }
    look_at_marks(before, checkpoint, table);
    if (checkpoint.finished) {
        ++table.completed_runs;
        if (dice_.happens(audits)) {
            audit(key, checkpoint);
        }
    }
}

void DatabaseModel::reset(const std::string& stream) {
    StreamState& state = states_[stream];
    state.high_water_mark = state.deletes_mark = state.consistent_as_of = std::nullopt;
    state.unverified_as_of = std::nullopt;
    state.scan.clear();
    ++state.generation;
}

std::uint64_t DatabaseModel::spend(std::uint64_t credits) {
    const auto now = clock_.moment();
    if (credits > 0) {
        credits_[std::chrono::floor<std::chrono::minutes>(now)] += credits;
    }
    while (!credits_.empty() && credits_.begin()->first <= now - 24h - 1min) {
        credits_.erase(credits_.begin());
    }
    std::uint64_t sum = 0;
    for (const auto& [minute, spent] : credits_) {
        sum += spent;
    }
    return sum;
}

int ModelSink::migrate() {
    database_.begin_call();
    return 0;
}

void ModelSink::write_under_lease(const std::string&, std::int64_t epoch) {
    if (epoch != database_.epoch_) {
        throw SyncError(ErrorKind::lease_lost, "another epoch");
    }
}

Lease ModelSink::try_acquire_lease(const std::string&, const std::string& holder) {
    database_.begin_call();
    return {true, ++database_.epoch_, holder, std::exchange(database_.is_held_, true)};
}

void ModelSink::heartbeat(const std::string&, std::int64_t) {}

void ModelSink::release_lease(const std::string&, std::int64_t) {
    database_.begin_call();
    database_.is_held_ = false;
}

PreparedStream ModelSink::prepare(const StreamKey& key, const StreamSchema& wanted, ColumnCasing) {
    database_.begin_call();
    PreparedStream prepared;
    auto& table = database_.tables_[key.stream];
    prepared.schema = wanted;
    prepared.created_table = table.markers.empty();
    table.markers.clear();
    for (std::size_t slice = 0; slice < table.module->slices; ++slice) {
        for (std::size_t column = 0; column < wanted.columns.size(); ++column) {
            if (wanted.columns[column].api_name == marker_field(slice)) {
                table.markers.push_back(column);
            }
        }
    }
    StreamState& state = database_.states_[key.stream];
    state.key = key;
    prepared.state = state;
    database_.end_call(false);
    return prepared;
}

std::vector<Column> ModelSink::known_columns(const TableName&) {
    return {};
}

std::vector<StreamState> ModelSink::states(const std::string&) {
    database_.begin_call();
    std::vector<StreamState> states;
    for (const auto& [stream, state] : database_.states_) {
        states.push_back(state);
    }
    return states;
}

std::optional<StreamState> ModelSink::state(const StreamKey& key) {
    return database_.states_[key.stream];
}

WriteStats ModelSink::write(const StreamKey& key,
                            const StreamSchema& schema,
                            const PageWrite& page,
                            const Checkpoint& checkpoint) {
    database_.begin_call();
    auto& table = database_.tables_[key.stream];
    WriteStats stats;
    database_.read_batch(table, schema, page.listed, false, table.rows, stats);
    database_.read_batch(table, schema, page.authoritative, true, table.rows, stats);
    database_.store(key, checkpoint, stats);
    database_.end_call(true);
    return stats;
}

std::vector<Deletion> ModelSink::soft_deleted(const StreamSchema& schema,
                                              std::chrono::sys_seconds since,
                                              std::size_t limit) {
    database_.begin_call();
    std::vector<Deletion> deletions;
    for (const auto& [id, row] : database_.tables_[schema.target.table].rows) {
        if (row.deleted_at && *row.deleted_at >= since) {
            deletions.push_back({id, *row.deleted_at});
        }
    }
    std::sort(deletions.begin(), deletions.end(), [](const Deletion& a, const Deletion& b) {
        return std::pair(a.deleted_time, a.id) < std::pair(b.deleted_time, b.id);
    });
    deletions.resize(std::min(limit, deletions.size()));
    return deletions;
}

WriteStats ModelSink::write_deletions(const StreamKey& key,
                                      const StreamSchema&,
                                      std::span<const Deletion> deletions,
                                      DeletePolicy policy,
                                      const Checkpoint& checkpoint) {
    database_.begin_call();
    auto& table = database_.tables_[key.stream];
    WriteStats stats;
    for (const auto& deletion : deletions) {
        database_.delete_row(table, deletion, policy, stats);
    }
    database_.store(key, checkpoint, stats);
    database_.end_call(true);
    return stats;
}

void ModelSink::begin_stage(const StreamKey& key, const StreamSchema&) {
    database_.begin_call();
    database_.tables_[key.stream].stage.clear();
    database_.end_call(true);
}

WriteStats ModelSink::write_stage(const StreamKey& key,
                                  const StreamSchema& schema,
                                  const PageWrite& page,
                                  const Checkpoint& checkpoint) {
    database_.begin_call();
    auto& table = database_.tables_[key.stream];
    WriteStats stats;
    database_.read_batch(table, schema, page.listed, false, table.stage, stats);
    database_.read_batch(table, schema, page.authoritative, true, table.stage, stats);
    Checkpoint stored = checkpoint;
    if (checkpoint.staged_rows) {
        stored.scan = with_staged_rows(stored.scan, *checkpoint.staged_rows + stats.inserted);
    }
    database_.store(key, stored, {});
    database_.end_call(true);
    return stats;
}

// No history has a table of snapshots.
WriteStats ModelSink::append_stage(const StreamKey&,
                                   const StreamSchema&,
                                   std::chrono::sys_seconds,
                                   const Checkpoint&) {
    throw SyncError(ErrorKind::internal, "the model keeps no snapshots");
}

std::optional<std::uint64_t> ModelSink::count_stage(const StreamSchema& schema) {
    database_.begin_call();
    const std::uint64_t rows = database_.tables_[schema.target.table].stage.size();
    database_.end_call(true);
    return rows;
}

WriteStats ModelSink::merge_stage(const StreamKey& key,
                                  const StreamSchema&,
                                  DeletePolicy policy,
                                  std::chrono::sys_seconds walked_at,
                                  const Checkpoint& checkpoint) {
    database_.begin_call();
    auto& table = database_.tables_[key.stream];
    if (checkpoint.staged_rows && *checkpoint.staged_rows != table.stage.size()) {
        database_.verdict_.fail("the stage of " + key.stream + " is miscounted");
    }
    WriteStats stats;
    for (const auto& [id, row] : table.stage) {
        const auto [held, is_new] = table.rows.try_emplace(id, row);
        const bool differs = !is_new && row.version >= held->second.version &&
                             (held->second.deleted_at || held->second.edit != row.edit);
        ++(is_new ? stats.inserted : differs ? stats.updated : stats.unchanged);
        if (differs) {
            held->second = row;
        }
    }
    std::set<std::int64_t> absent;
    for (const auto& [id, row] : table.rows) {
        if (!table.stage.empty() && !row.deleted_at && !table.stage.contains(id)) {
            absent.insert(id);
        }
    }
    for (const auto id : absent) {
        if (table.absent.contains(id)) {
            database_.delete_row(table, {id, walked_at}, policy, stats);
        }
    }
    table.absent = policy == DeletePolicy::none ? std::set<std::int64_t>{} : absent;
    table.stage.clear();
    database_.store(key, checkpoint, stats);
    database_.end_call(true);
    return stats;
}

// Verification is tested against the real sinks; no history asks for one.
std::vector<RowVersion> ModelSink::live_rows(const StreamSchema&, std::span<const std::int64_t>) {
    throw SyncError(ErrorKind::internal, "the model does not verify");
}

std::vector<RowVersion> ModelSink::live_rows_after(const StreamSchema&,
                                                   const std::optional<RowVersion>&,
                                                   std::chrono::sys_seconds,
                                                   std::size_t) {
    throw SyncError(ErrorKind::internal, "the model does not verify");
}

std::vector<std::int64_t> ModelSink::differing(const StreamSchema&, const Batch&) {
    throw SyncError(ErrorKind::internal, "the model does not verify");
}

void ModelSink::record_verification(const StreamKey& key, const Verification& found) {
    fakes::store_verification(database_.states_[key.stream], found);
}

void ModelSink::record_formulas(const StreamKey& key, const FormulaRefresh& found) {
    database_.states_[key.stream].formulas = found;
}

void ModelSink::record_failure(const StreamKey& key,
                               StreamStatus status,
                               const std::string& error) {
    database_.begin_call();
    StreamState& state = database_.states_[key.stream];
    state.key = key;
    state.status = status;
    state.last_error = error;
    ++state.consecutive_failures;
    database_.end_call(true);
}

int ModelSink::reset(const std::string&, const std::string& stream) {
    database_.reset(stream);
    return 1;
}

std::uint64_t ModelSink::count_rows(const TableName& table) {
    return database_.tables_[table.table].rows.size();
}

TargetReport ModelSink::report(const std::string&) {
    database_.begin_call();
    TargetReport report;
    for (const auto& [minute, credits] : database_.credits_) {
        const auto entry = minute.time_since_epoch() / 10min * 10min;
        report.credits[std::chrono::sys_seconds(entry)] += credits;
    }
    return report;
}

std::uint64_t ModelSink::spend_credits(const std::string&, std::uint64_t credits) {
    database_.begin_call();
    const auto sum = database_.spend(credits);
    database_.end_call(true);
    return sum;
}

} // namespace zohosyncd::simulation
