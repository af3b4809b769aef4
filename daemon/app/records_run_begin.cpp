// Where a run begins: the anchor, a table that was there first, the scan that it takes up.
#include "daemon/app/absent_fields.hpp"
#include "daemon/app/records_run.hpp"
#include "daemon/app/scan_json.hpp"
#include "daemon/app/wanted_lines.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/time.hpp"
#include "daemon/runtime/log.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

} // namespace

std::optional<bool> RecordsRun::known_comparison() const {
    const int known = context_.organisation.inclusive.load();
    return known < 0 ? std::nullopt : std::optional(known == 1);
}

/// The table was there before its stream, and no run has got to its end yet.
bool RecordsRun::takes_over() const {
    return prepared_.state.unverified && !complete_as_of(prepared_.state) &&
           prepared_.state.high_water_mark && !prepared_.state.mapping_hash.empty();
}

std::chrono::sys_seconds RecordsRun::zoho_now() const {
    return std::max(context_.organisation.first_contact,
                    context_.clock.wall_seconds() + context_.gate.snapshot().clock_skew);
}

/// The mark is the table's word, not ours. One in Zoho's future shows that its times are not
/// Zoho's: then nothing tells up to where the table is complete, and the list is read from the
/// anchor.
void RecordsRun::take_over() {
    const bool is_believed = *prepared_.state.high_water_mark <= zoho_now();
    log::event(
        Level::warn,
        "table_taken_over",
        {kv("stream", stream_.endpoint.stream),
         kv("high_water_mark", format_utc(*prepared_.state.high_water_mark)),
         kv("hint",
            is_believed ? "reading goes on there; the stream counts as fresh once `zohosyncd "
                          "verify --repair` was run"
                        : "that is in the future and not believed: reading begins at the anchor; "
                          "the stream counts as fresh once `zohosyncd verify --repair` was run")});
    if (!is_believed) {
        checkpoint_.high_water_mark.reset();
    }
}

/// Without a date that somebody chose, a table that is taken over has no hole between its newest
/// row and the anchor.
std::chrono::sys_seconds RecordsRun::default_anchor() const {
    const auto usual = context_.organisation.default_anchor();
    return takes_over() && checkpoint_.high_water_mark
               ? std::min(usual, *checkpoint_.high_water_mark - context_.config.daemon.overlap)
               : usual;
}

void RecordsRun::choose_anchor() {
    const auto& source = context_.config.source;
    std::optional<std::chrono::sys_seconds> configured = source.anchor_date;
    if (source.read_everything) {
        configured = std::chrono::sys_seconds{}; // Zoho CRM is younger than 1970.
    }
    const auto& stored = prepared_.state.anchor;
    if (!stored) {
        checkpoint_.anchor = configured.value_or(default_anchor());
    } else if (configured && *configured < *stored) {
        checkpoint_.anchor = configured; // Moved back: lower_bound() begins there once.
    }
}

/// The rows so far lack something: all of them in a refresh, those since an earlier anchor, or
/// columns that were added.
bool RecordsRun::must_backfill() const {
    const auto& anchor = prepared_.state.anchor;
    return is_staged() || (anchor && anchor != checkpoint_.anchor) ||
           prepared_.state.mapping_hash != mapping_hash_;
}

/// Where a new scan begins.
std::chrono::sys_seconds RecordsRun::lower_bound() const {
    const auto anchor = checkpoint_.anchor.value();
    if (must_backfill()) {
        return anchor;
    }
    const auto overlap = context_.config.daemon.overlap;
    if (checkpoint_.consistent_as_of) {
        return std::max(anchor, *checkpoint_.consistent_as_of - overlap);
    }
    if (checkpoint_.high_water_mark) {
        return std::max(anchor, *checkpoint_.high_water_mark - overlap);
    }
    return anchor;
}

/// A row that is missing from the stage would be taken for absent from Zoho.
bool RecordsRun::has_its_stage(const StoredScan& scan) {
    if (!is_staged()) {
        return true;
    }
    const auto found = context_.sink.count_stage(prepared_.schema);
    if (found && (!scan.staged_rows || found == scan.staged_rows)) {
        return true;
    }
    log::event(Level::warn,
               "stage_incomplete",
               {kv("stream", stream_.endpoint.stream),
                kv("rows", found.value_or(0)),
                kv("hint",
                   "somebody changed the stage of this full refresh: it begins anew; leave the "
                   "tables of the state alone")});
    return false;
}

Scan RecordsRun::choose_scan() {
    const auto stored = stored_scan_from(prepared_.state.scan);
    const bool is_same = stored && stored->mapping_hash == mapping_hash_;
    // A load goes on although fields have changed since: begun anew each time, it might never end.
    // It ends as one that has not seen all values, and the next one brings them.
    const bool fits = stored && stored->window.empty() && stored->is_staged == is_staged() &&
                      (is_same || (!is_staged() && must_backfill())) &&
                      stored->progress.start <= lower_bound();
    const bool goes_on = fits && has_its_stage(*stored);
    scan_mapping_ = goes_on && !is_same ? mixed_mapping : mapping_hash_;
    if (goes_on) {
        staged_rows_ = stored->staged_rows;
        log::event(
            Level::info,
            "scan_resumed",
            {kv("stream", stream_.endpoint.stream), kv("at", format_utc(stored->progress.at))});
        return {stored->progress, known_comparison()};
    }
    if (is_staged()) {
        context_.sink.begin_stage(recorder_.key(), prepared_.schema);
        staged_rows_ = 0;
    }
    const auto start = lower_bound();
    log::event(Level::debug,
               "scan_started",
               {kv("stream", stream_.endpoint.stream), kv("from", format_utc(start))});
    return {start, known_comparison()};
}

StreamSchema RecordsRun::wanted_schema() {
    if (context_.fields.is_old(stream_.endpoint.module)) {
        memory_.absent.clear(); // What was absent then may have come and gone again since.
    }
    const auto fields = context_.fields.get(context_.client, stream_.endpoint.module, stop_);
    auto wanted = schema_with_versions(stream_, *fields);
    log_unmatched(stream_, *fields, wants_details(context_.config, stream_), memory_);
    wanted.lines = wanted_lines(context_, stream_, stop_);
    return wanted;
}

void RecordsRun::prepare(const StreamSchema& wanted) {
    const bool made_before = prepared_.created_table;
    wanted_hash_ = mapping_hash(wanted);
    if (std::exchange(memory_.absent_under, wanted_hash_) != wanted_hash_) {
        memory_.absent.clear();
    }
    prepared_ = recorder_.prepare(wanted, memory_.left_out);
    mapping_hash_ = mapping_hash(prepared_.schema);
    prepared_.created_table = prepared_.created_table || made_before;
    reader_ =
        std::make_unique<ListReader>(context_.client, stream_.endpoint.module, prepared_.schema);
    buffer_ = std::make_unique<PageBuffer>(prepared_.schema.columns.size(), context_.clock);
}

/// Looks, with a scan under way, for fields that have changed. The scan goes on where it is with
/// those that there are now; the rows before it get their values from the next one.
void RecordsRun::follow_fields(const Scan& scan) {
    const auto wanted = wanted_schema();
    if (mapping_hash(wanted) == wanted_hash_) {
        return;
    }
    if (!buffer_->is_empty()) {
        commit_pages(scan);
    }
    prepare(wanted);
    scan_mapping_ = mixed_mapping;
    log::event(Level::info,
               "fields_changed",
               {kv("stream", stream_.endpoint.stream), kv("at", format_utc(scan.progress().at))});
}

/// Asks Zoho whether fields that a page lacks are still there. Only a stage can not go on without.
void RecordsRun::look_for_absent(const std::vector<std::string>& absent, const Scan& scan) {
    if (is_staged()) {
        ask_for_absent(context_,
                       stream_,
                       absent,
                       {"the full refresh", wanted_hash_, [this] { return wanted_schema(); }},
                       memory_.absent);
        return;
    }
    const auto before = wanted_hash_;
    context_.fields.forget(stream_.endpoint.module);
    follow_fields(scan);
    if (wanted_hash_ == before) {
        memory_.absent.insert(absent.begin(), absent.end());
    }
}

} // namespace zohosyncd
