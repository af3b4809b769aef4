#include "daemon/app/details_run.hpp"

#include "daemon/app/absent_fields.hpp"
#include "daemon/app/details_log.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/app/wanted_lines.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/pulse.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::kv;
using log::Level;

// A commit, and what a crash makes us read again: some ten seconds at the usual rate.
constexpr std::size_t records_per_commit = 20;
// Memory is bounded by this and one more reply, whatever the lines are.
constexpr std::size_t bytes_per_commit = std::size_t{4} << 20U;
// A record that is gone, or that keeps another version than its row: lists tell first. Twice as
// long each time, as there are rows that wait in vain for good.
constexpr std::chrono::seconds again_after = 10s;
constexpr std::chrono::seconds again_after_at_most = 24h;
// One that Zoho did not answer for: that passes by itself more often than not.
constexpr std::chrono::seconds after_failure_at_most = 10min;
// As many of them are passed over at most, so that one look stays a small read.
constexpr std::size_t most_passed_over = 20'000;
// One record that Zoho can not answer for is its own trouble; so many in a row are not.
constexpr std::size_t most_failures = 3;
// A row of a table that was there first may be of any time. Clocks are not further apart than this.
constexpr auto of_the_future = 1min;
// A record, a text that may be cut, and the record once more.
constexpr std::uint64_t requests_with_texts = 3;
// Id and version: what single records fill comes after them.
constexpr std::size_t before_columns = 2;
// By our own clock, which may be a second off: the reply's `Date` then decides.
constexpr auto settles_after = 2s;

std::string column_name(const std::vector<Column>& columns, const std::string& api_name) {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& column) {
        return column.api_name == api_name;
    });
    return found == columns.end() ? std::string{} : found->name;
}

} // namespace

DetailsRun::DetailsRun(const RunContext& context,
                       const StreamConfig& stream,
                       DetailsMemory& memory,
                       DetailsBudget& budget,
                       std::stop_token stop)
    : context_(context), stream_(stream), memory_(memory), budget_(budget), stop_(std::move(stop)),
      key_(stream_key(context, stream)) {}

/// Id and Modified_Time, as the table has them.
StreamSchema DetailsRun::records_schema() const {
    StreamSchema schema;
    schema.target = stream_.target;
    const auto known = context_.sink.known_columns(stream_.target);
    for (const auto& [api_name, type] : {std::pair{"id", ColumnType::bigint},
                                         std::pair{"Modified_Time", ColumnType::timestamptz}}) {
        Column column;
        column.api_name = api_name;
        column.name = column_name(known, api_name);
        column.type = type;
        if (column.name.empty()) {
            throw SyncError(ErrorKind::sink_refused,
                            "table " + stream_.target.text() + " has no column for " + api_name +
                                ": run `zohosyncd sync` first");
        }
        schema.columns.push_back(std::move(column));
    }
    schema.version_column = 1;
    schema.columns[1].counts_as_change = false; // Rows of another version are left alone.
    return schema;
}

DetailsProgress DetailsRun::advance() {
    DetailsProgress progress;
    const auto backlog = context_.sink.details_backlog(stream_.target);
    if (backlog.value_or(0) == 0) {
        memory_.tried.clear();
        if (std::exchange(memory_.filled, 0) > 0) {
            log::event(Level::info, "details_filled", {kv("stream", key_.stream)});
        }
        return progress;
    }
    const auto state = context_.sink.state(key_);
    if (!state) {
        return progress; // The table is older than its stream; its next run makes the state.
    }
    require_same_organisation(context_, *state);
    schema_ = records_schema();
    const auto rows = waiting_rows(progress);
    ZOHOSYNCD_FAILPOINT("details.waiting");
    budget_.settle_in_time(context_.sink);
    if (rows.empty() || !may_spend(progress)) {
        return progress;
    }
    const auto sent_before = context_.client.requests_sent();
    const bool is_ready = prepare();
    const auto metadata = context_.client.requests_sent() - sent_before;
    budget_.spend(metadata);
    progress.requests += metadata;
    if (!is_ready) {
        return progress;
    }
    fill(rows, progress);
    budget_.settle(context_.sink);
    note_progress(progress);
    return progress;
}

/// The list of them. What records lacked under another one may be there by now.
ZohoFields DetailsRun::fields() {
    auto listed = context_.fields.get(context_.client, stream_.endpoint.module, stop_);
    if (std::exchange(memory_.absent_under, listed) != listed) {
        memory_.absent.clear();
    }
    return listed;
}

/// The columns of the table that single records fill. False while the table has none for one of
/// them, one for what the field was before, or one of a field that is gone: its stream's next run
/// sees to it.
bool DetailsRun::add_columns() {
    const auto wanted =
        schema_of_records(stream_.target, *fields(), stream_.select, stream_.columns);
    const auto known = context_.sink.known_columns(stream_.target);
    const bool has_gone = std::ranges::any_of(known, [&](const Column& column) {
        const auto* field = column_of_field(wanted.columns, column);
        return column.is_detail && (field == nullptr || !field->is_detail);
    });
    if (has_gone) {
        return false;
    }
    for (auto column : wanted.columns) {
        if (!column.is_detail) {
            continue;
        }
        const auto* in_table = column_of_field(known, column);
        if (in_table != nullptr && in_table->type == column.type) {
            column.name = in_table->name;
            column.counts_as_change = true;
            schema_.columns.push_back(std::move(column));
        } else if (wanted.options.adds_columns) {
            return false;
        }
    }
    return true;
}

/// False when there is nothing to read records for. What is wanted may change under way, also by
/// what is prepared here: then it is decided anew.
bool DetailsRun::prepare() {
    const auto records = schema_;
    do {
        generation_ = context_.sink.details_generation(stream_.target);
        schema_ = records;
        if (!add_columns()) {
            return false;
        }
        schema_.lines = wanted_lines(context_, stream_, stop_);
        if (!schema_.has_details()) {
            return false;
        }
        schema_.lines = context_.sink.prepare_lines(key_, schema_, stream_.casing);
    } while (context_.sink.details_generation(stream_.target) != generation_ &&
             !stop_.stop_requested());
    return !stop_.stop_requested();
}

void DetailsRun::fill(const std::vector<Row>& rows, DetailsProgress& progress) {
    try {
        try {
            read(rows, progress);
        } catch (const SyncError&) {
            commit();
            throw;
        }
        commit();
    } catch (const SyncError& error) {
        if (!is_outdated(error)) {
            throw;
        }
        forget_records();
    }
}

/// Whether a column was renamed under way, so that the target does not know it by its name any
/// more. The rows wait on.
bool DetailsRun::is_outdated(const SyncError& error) {
    return error.kind() == ErrorKind::schema_conflict &&
           context_.sink.details_generation(stream_.target) != generation_;
}

void DetailsRun::forget_records() {
    records_.clear();
    bytes_ = 0;
}

bool DetailsRun::was_tried(const Row& row) const {
    const auto tried = memory_.tried.find(row.id);
    return tried != memory_.tried.end() && tried->second.version == row.version &&
           context_.clock.now() < tried->second.again_at;
}

void DetailsRun::note_tried(const Row& row, std::chrono::seconds at_most) {
    auto& tried = memory_.tried[row.id];
    const bool is_first = tried.version != row.version || tried.wait == 0s;
    tried.wait = std::min(is_first ? again_after : tried.wait * 2, at_most);
    tried.version = row.version;
    tried.again_at = context_.clock.now() + tried.wait;
}

/// The newest of those that can be read now, deeper down where none of the newest can.
std::vector<DetailsRun::Row> DetailsRun::waiting_rows(DetailsProgress& progress) {
    auto limit = records_per_commit + std::min(memory_.tried.size(), most_passed_over);
    for (;; limit *= 2) {
        const auto waiting = context_.sink.rows_without_details(schema_, limit);
        const bool are_all = waiting.size() < limit;
        if (are_all) {
            forget_tried_but(waiting);
        }
        auto rows = rows_to_read(waiting, progress);
        if (!rows.empty() || are_all || limit > most_passed_over) {
            return rows;
        }
    }
}

/// Whatever waits no more may wait again one day, and then for another reason.
void DetailsRun::forget_tried_but(const std::vector<RowVersion>& waiting) {
    std::set<std::int64_t> ids;
    for (const auto& row : waiting) {
        ids.insert(row.id);
    }
    std::erase_if(memory_.tried, [&](const auto& entry) { return !ids.contains(entry.first); });
}

std::vector<DetailsRun::Row> DetailsRun::rows_to_read(const std::vector<RowVersion>& waiting,
                                                      DetailsProgress& progress) {
    const auto now = context_.clock.wall_seconds() + context_.gate.snapshot().clock_skew;
    std::vector<Row> rows;
    for (const auto& one : waiting) {
        const Row row{one.id, std::chrono::floor<std::chrono::seconds>(*one.version)};
        if (was_tried(row)) {
            continue;
        }
        if (row.version > now + of_the_future) {
            note_tried(row, again_after_at_most);
        } else if (row.version + settles_after > now) {
            progress.has_too_young = true;
        } else if (rows.size() < records_per_commit) {
            rows.push_back(row);
        }
    }
    return rows;
}

/// Of one record: one that is begun and not ended would be for nothing.
std::uint64_t DetailsRun::most_requests() const {
    const bool has_texts = std::ranges::any_of(
        schema_.columns, [](const Column& column) { return column.list_limit.has_value(); });
    return has_texts ? requests_with_texts : 1;
}

bool DetailsRun::may_spend(DetailsProgress& progress) {
    const bool has_room =
        context_.pressure == nullptr || context_.pressure->has_room_for(Deferrable::details);
    progress.is_put_off = !has_room || budget_.left() < most_requests();
    if (progress.is_put_off && !memory_.is_put_off) {
        log::event(Level::warn,
                   "put_off",
                   {kv("stream", key_.stream),
                    kv("what", "details"),
                    kv("rows", context_.sink.details_backlog(stream_.target).value_or(0)),
                    kv("credits_left", context_.gate.credits_left().value_or(0)),
                    kv("hint", "they may take half of daemon.credits, and come last")});
    }
    memory_.is_put_off = progress.is_put_off;
    return !progress.is_put_off;
}

/// Nothing when Zoho did not answer for it.
std::optional<DetailOutcome>
DetailsRun::read_one(DetailReader& reader, const Row& row, DetailsProgress& progress) {
    RecordDetails record;
    DetailOutcome outcome = DetailOutcome::changed;
    auto sent_before = context_.client.requests_sent();
    const auto count = [&] {
        const auto sent = context_.client.requests_sent() - sent_before;
        sent_before += sent;
        budget_.spend(sent);
        progress.requests += sent;
    };
    const auto turn = [&] {
        count();
        return budget_.left() > 0 && budget_.wait_for_turn(stop_);
    };
    try {
        outcome = reader.read(row.id, row.version, record, turn, stop_);
        failed_.clear();
    } catch (const SyncError& error) {
        count();
        failed_.push_back(row.id);
        if (!is_about_one(error)) {
            throw;
        }
        log::event(Level::warn,
                   "details_not_read",
                   {kv("stream", key_.stream), kv("id", row.id), kv("error", error.what())});
        return std::nullopt;
    }
    if (outcome == DetailOutcome::read && lacks_more_than_known(record)) {
        outcome = DetailOutcome::put_off;
    }
    count();
    ZOHOSYNCD_FAILPOINT("details.read");
    if (outcome == DetailOutcome::read) {
        for (const auto& field : record.fields) {
            bytes_ += field.json.size();
        }
        for (const auto& value : record.values) {
            bytes_ += value.size();
        }
        records_.push_back(std::move(record));
    }
    return outcome;
}

/// Whether it lacks a field of which that was not known yet. It has to be read once more then,
/// after the list of fields was: with the field gone from that, too, there is nothing to settle.
bool DetailsRun::lacks_more_than_known(const RecordDetails& record) {
    std::vector<std::string> absent;
    for (std::size_t i = 0; i < record.values.size(); ++i) {
        if (record.values[i].empty()) {
            absent.push_back(schema_.columns[before_columns + i].api_name);
        }
    }
    for (std::size_t i = 0; i < record.fields.size(); ++i) {
        if (record.fields[i].json.empty()) {
            absent.push_back(schema_.lines[i].field);
        }
    }
    if (!has_news_of_absence(absent, memory_.absent)) {
        return false;
    }
    context_.fields.forget(stream_.endpoint.module);
    (void)fields();
    memory_.absent.insert(absent.begin(), absent.end());
    return true;
}

/// Not with as many in a row: then none of them was the trouble.
bool DetailsRun::is_about_one(const SyncError& error) {
    const auto kind = error.kind();
    const bool may_be = kind == ErrorKind::bad_response || kind == ErrorKind::server_error ||
                        kind == ErrorKind::network;
    if (may_be && failed_.size() < most_failures) {
        return true;
    }
    for (const auto id : failed_) {
        memory_.tried.erase(id);
    }
    return false;
}

void DetailsRun::read(const std::vector<Row>& rows, DetailsProgress& progress) {
    DetailReader reader(context_.client,
                        stream_.endpoint.module,
                        schema_.lines,
                        {schema_.columns.begin() + before_columns, schema_.columns.end()});
    for (const auto& row : rows) {
        if (!may_spend(progress) || !budget_.wait_for_turn(stop_)) {
            return;
        }
        pulse::sign();
        const auto outcome = read_one(reader, row, progress);
        if (!outcome) {
            note_tried(row, after_failure_at_most);
            continue;
        }
        switch (*outcome) {
        case DetailOutcome::read:
            break;
        case DetailOutcome::too_young:
            progress.has_too_young = true;
            break;
        case DetailOutcome::gone:
        case DetailOutcome::changed:
            note_tried(row, again_after_at_most);
            break;
        case DetailOutcome::put_off:
            return;
        }
        if (bytes_ >= bytes_per_commit) {
            commit();
        }
    }
}

void DetailsRun::commit() {
    if (records_.empty()) {
        return;
    }
    add_line_columns();
    // What a record lacks stays as it is: those that lack the same are written together.
    std::map<std::vector<bool>, std::vector<RecordDetails>> groups;
    for (auto& record : records_) {
        std::vector<bool> lacks;
        lacks.reserve(record.values.size());
        for (const auto& value : record.values) {
            lacks.push_back(value.empty());
        }
        groups[lacks].push_back(std::move(record));
    }
    forget_records();
    for (const auto& [lacks, records] : groups) {
        if (!write(records)) {
            return;
        }
    }
}

/// Of lines whose module has no list of fields.
void DetailsRun::add_line_columns() {
    bool has_grown = false;
    for (std::size_t i = 0; i < schema_.lines.size(); ++i) {
        auto& table = schema_.lines[i];
        if (context_.fields.find(context_.client, table.module, stop_) == nullptr) {
            has_grown = add_line_columns_that_appear(records_, i, table) || has_grown;
        }
    }
    if (has_grown) {
        schema_.lines = context_.sink.prepare_lines(key_, schema_, stream_.casing);
    }
}

/// False when they lack something that is wanted by now.
bool DetailsRun::write(const std::vector<RecordDetails>& records) {
    auto page = decode_lines(records, schema_.lines);
    auto schema = schema_;
    page.columns = decode_columns(records, schema);
    page.generation = generation_;
    ZOHOSYNCD_FAILPOINT("details.commit");
    const auto written = context_.sink.write_details(schema, schema_.lines, page);
    ZOHOSYNCD_FAILPOINT("details.committed");
    if (written.is_outdated) {
        return false;
    }
    log_what_was_cut(key_.stream, records, schema_.lines);
    for (const auto& record : records) {
        if (!std::ranges::binary_search(written.settled, record.id)) {
            note_tried({record.id, record.version}, again_after_at_most);
        }
    }
    memory_.filled += written.settled.size();
    log_quarantined(key_.stream, page, written.lines);
    log::event(Level::debug,
               "details_committed",
               {kv("stream", key_.stream),
                kv("rows", written.settled.size()),
                kv("inserted", written.lines.inserted),
                kv("updated", written.lines.updated),
                kv("deleted", written.lines.deleted)});
    return true;
}

void DetailsRun::note_progress(const DetailsProgress& progress) {
    context_.board.update(key_.stream,
                          [&](StreamProgress& line) { line.requests += progress.requests; });
}

} // namespace zohosyncd
