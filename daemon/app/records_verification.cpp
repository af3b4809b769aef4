#include "daemon/app/records_verification.hpp"

#include "daemon/app/records_run.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/zoho/deleted_reader.hpp"

#include <algorithm>
#include <iterator>

namespace zohosyncd {
namespace {

// Rows read ahead of the walk at once. Each time costs the target a sort of its table, and each row
// 16 bytes here.
constexpr std::size_t rows_ahead = 20'000;
// Records fetched by id and judged together: a page of them.
constexpr std::size_t most_at_once = 200;

/// Id and Modified_Time: all that a comparison by version asks the list for.
StreamSchema versions_only(const StreamSchema& schema) {
    StreamSchema versions;
    versions.target = schema.target;
    versions.columns = {schema.columns.front(), schema.columns[*schema.version_column]};
    versions.version_column = 1;
    return versions;
}

} // namespace

RecordsVerification::RecordsVerification(const RunContext& context,
                                         const StreamConfig& stream,
                                         VerifyOptions options,
                                         VerifyMemory& memory,
                                         std::stop_token stop)
    : context_(context), stream_(stream), options_(options), memory_(memory),
      stop_(std::move(stop)), key_(stream_key(context, stream)) {}

bool RecordsVerification::advance(std::size_t pages) {
    prepare();
    if (!memory_.scan) {
        memory_.scan.emplace(state_.anchor.value(), std::nullopt);
        memory_.generation = state_.generation;
    }
    for (; pages > 0 && !memory_.scan->finished(); --pages) {
        compare_page();
    }
    if (!memory_.scan->finished()) {
        return false;
    }
    store_findings(context_.sink,
                   key_,
                   memory_.findings,
                   options_.repairs ? std::optional(memory_.generation) : std::nullopt);
    return true;
}

void RecordsVerification::prepare() {
    const auto fields = context_.fields.get(context_.client, stream_.endpoint.module, stop_);
    const auto wanted = schema_with_versions(stream_, *fields);
    schema_ = options_.repairs ? context_.sink.prepare(key_, wanted, stream_.casing).schema
                               : schema_as_known(wanted);
    load_state();
    listed_schema_ = options_.compares_every_field ? schema_ : versions_only(schema_);
    const auto& module = stream_.endpoint.module;
    lists_ = std::make_unique<ListReader>(context_.client, module, listed_schema_);
    singles_ = std::make_unique<ListReader>(context_.client, module, schema_);
}

void RecordsVerification::load_state() {
    const auto state = context_.sink.state(key_);
    if (!state || !state->anchor) {
        throw not_synced_yet(key_);
    }
    state_ = *state;
    require_same_organisation(context_, state_);
}

/// The fields that the table has columns for. What came later is the next sync's.
StreamSchema RecordsVerification::schema_as_known(const StreamSchema& wanted) {
    StreamSchema schema;
    schema.target = wanted.target;
    schema.folded = wanted.folded;
    const auto known = context_.sink.known_columns(wanted.target);
    for (const auto& column : wanted.columns) {
        const auto found = std::find_if(known.begin(), known.end(), [&](const Column& candidate) {
            return candidate.api_name == column.api_name;
        });
        if (found == known.end()) {
            continue;
        }
        if (column.api_name == "Modified_Time") {
            schema.version_column = schema.columns.size();
        }
        schema.columns.push_back(column);
        schema.columns.back().name = found->name;
        schema.columns.back().type = found->type;
    }
    if (!schema.version_column) {
        throw SyncError(ErrorKind::sink_refused,
                        "table " + wanted.target.text() +
                            " has no column for Modified_Time: run "
                            "`zohosyncd sync` first");
    }
    return schema;
}

void RecordsVerification::compare_page() {
    auto& scan = *memory_.scan;
    Batch listed(listed_schema_.columns.size());
    Batch whole(listed_schema_.columns.size());
    const auto& page = lists_->read(scan.next(), listed, whole, stop_);
    if (!memory_.findings.at) {
        memory_.findings.at = page.date.value_or(context_.organisation.first_contact);
    }
    auto suspects = suspects_of_page(page, listed);
    suspects.insert(suspects.end(), whole.ids().begin(), whole.ids().end());
    confirm(suspects);
    scan.take(page.facts());
    for (std::size_t row = 0; row < page.ids.size(); ++row) {
        memory_.listed[page.ids[row]] = page.versions[row];
    }
    for (Ids rows = unlisted_rows(); !rows.empty(); rows = unlisted_rows()) {
        confirm(rows);
    }
    forget_passed();
}

RecordsVerification::Ids RecordsVerification::suspects_of_page(const ListReader::Page& page,
                                                               const Batch& listed) {
    if (options_.compares_every_field) {
        return context_.sink.differing(schema_, listed);
    }
    return of_other_version(page.ids, page.versions);
}

/// The records whose row is missing or has another version.
RecordsVerification::Ids
RecordsVerification::of_other_version(std::span<const std::int64_t> ids,
                                      std::span<const std::chrono::sys_seconds> versions) {
    std::map<std::int64_t, RowVersion> rows;
    for (const auto& row : context_.sink.live_rows(schema_, ids)) {
        rows[row.id] = row;
    }
    Ids others;
    for (std::size_t record = 0; record < ids.size(); ++record) {
        const auto found = rows.find(ids[record]);
        if (found == rows.end() || found->second.version != versions[record]) {
            others.push_back(ids[record]);
        }
    }
    return others;
}

/// Whether the walk has shown every record with the row's version. A row without a version is
/// passed when the whole list is.
bool RecordsVerification::is_passed(const RowVersion& row) const {
    const auto& scan = *memory_.scan;
    if (scan.finished() && scan.reached_end_of_list()) {
        return true;
    }
    return row.version && *row.version < scan.progress().at;
}

void RecordsVerification::fill_ahead() {
    auto rows = context_.sink.live_rows_after(
        schema_, memory_.last_ahead, memory_.scan->progress().start, rows_ahead);
    memory_.has_all_rows = rows.size() < rows_ahead;
    if (!rows.empty()) {
        memory_.last_ahead = rows.back();
    }
    memory_.ahead.assign(rows.begin(), rows.end());
}

/// Rows of the target that the walk has passed without meeting them; some at a time.
RecordsVerification::Ids RecordsVerification::unlisted_rows() {
    Ids unlisted;
    while (unlisted.size() < most_at_once) {
        if (memory_.ahead.empty() && !memory_.has_all_rows) {
            fill_ahead();
        }
        if (memory_.ahead.empty() || !is_passed(memory_.ahead.front())) {
            break;
        }
        if (!memory_.listed.contains(memory_.ahead.front().id)) {
            unlisted.push_back(memory_.ahead.front().id);
        }
        memory_.ahead.pop_front();
    }
    return unlisted;
}

void RecordsVerification::forget_passed() {
    const auto& scan = *memory_.scan;
    const auto at = scan.progress().at;
    memory_.findings.compared += std::erase_if(
        memory_.listed, [&](const auto& record) { return scan.finished() || record.second < at; });
}

void RecordsVerification::confirm(std::span<const std::int64_t> suspects) {
    while (!suspects.empty()) {
        Batch records(schema_.columns.size());
        Ids gone;
        const auto some = suspects.first(std::min(most_at_once, suspects.size()));
        for (const auto id : some) {
            if (!memory_.judged.contains(id) && !singles_->read_record(id, records, stop_)) {
                gone.push_back(id);
            }
        }
        load_state(); // Only now: the marks must not be older than the records.
        judge_records(records);
        judge_gone(gone);
        suspects = suspects.subspan(some.size());
    }
}

std::set<std::int64_t> RecordsVerification::live_among(std::span<const std::int64_t> ids) {
    std::set<std::int64_t> live;
    for (const auto& row : context_.sink.live_rows(schema_, ids)) {
        live.insert(row.id);
    }
    return live;
}

/// Indexes of the records that their rows are not equal to.
std::vector<std::size_t> RecordsVerification::rows_unlike(const Batch& records) {
    const Ids ids = options_.compares_every_field
                        ? context_.sink.differing(schema_, records)
                        : of_other_version(records.ids(), records.versions());
    const std::set<std::int64_t> unlike(ids.begin(), ids.end());
    std::vector<std::size_t> indexes;
    for (std::size_t row = 0; row < records.rows(); ++row) {
        if (unlike.contains(records.ids()[row])) {
            indexes.push_back(row);
        }
    }
    return indexes;
}

bool RecordsVerification::is_due(std::chrono::sys_seconds version) const {
    const auto complete = complete_as_of(state_);
    return complete && version < *complete - context_.config.daemon.overlap;
}

void RecordsVerification::judge_records(Batch& records) {
    const auto unlike = rows_unlike(records);
    if (unlike.empty()) {
        return;
    }
    const auto live = live_among(records.ids());
    std::map<std::int64_t, DifferenceKind> kinds;
    for (const auto row : unlike) {
        const auto id = records.ids()[row];
        if (is_due(records.versions()[row])) {
            kinds[id] = live.contains(id) ? DifferenceKind::differing : DifferenceKind::missing;
        } else {
            note_not_due(id);
        }
    }
    if (options_.repairs) {
        context_.sink.write(
            key_, schema_, {nullptr, &records}, checkpoint_from(context_, stream_, state_));
    }
    std::set<std::int64_t> left;
    for (const auto row : options_.repairs ? rows_unlike(records) : unlike) {
        left.insert(records.ids()[row]);
    }
    for (const auto& [id, kind] : kinds) {
        note(id, kind, left.contains(id));
    }
}

void RecordsVerification::judge_gone(const Ids& gone) {
    const auto live = live_among(gone);
    if (live.empty() || stream_.delete_missing == DeleteMissing::none) {
        return; // Rows of deleted records are meant to stay.
    }
    std::map<std::int64_t, std::chrono::sys_seconds> young;
    if (stream_.endpoint.has_delete_list && state_.deletes_mark) {
        const auto since = *state_.deletes_mark - context_.config.daemon.overlap;
        young = read_deleted(context_.client, stream_.endpoint.module, since, stop_).deleted_at;
    }
    Ids extras;
    for (const auto id : live) {
        if (young.contains(id)) {
            note_not_due(id);
        } else {
            extras.push_back(id);
        }
    }
    if (options_.repairs && !extras.empty()) {
        mend_extra(extras);
    }
    const auto left = live_among(extras);
    for (const auto id : extras) {
        note(id, DifferenceKind::extra, left.contains(id));
    }
}

void RecordsVerification::mend_extra(const Ids& extras) {
    std::vector<Deletion> deletions;
    std::transform(extras.begin(), extras.end(), std::back_inserter(deletions), [&](auto id) {
        return Deletion{id, memory_.findings.at.value()};
    });
    context_.sink.write_deletions(key_,
                                  schema_,
                                  deletions,
                                  delete_policy(stream_.delete_missing),
                                  checkpoint_from(context_, stream_, state_));
}

void RecordsVerification::note(std::int64_t id, DifferenceKind kind, bool is_left) {
    if (memory_.judged.insert(id).second) {
        note_difference(memory_.findings, key_.stream, kind, id, is_left);
    }
}

void RecordsVerification::note_not_due(std::int64_t id) {
    if (memory_.judged.insert(id).second) {
        ++memory_.findings.not_due;
    }
}

} // namespace zohosyncd
