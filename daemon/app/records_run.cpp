#include "daemon/app/records_run.hpp"

#include "daemon/app/absent_fields.hpp"
#include "daemon/app/credit_waits.hpp"
#include "daemon/app/scan_json.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/zoho/deleted_reader.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::kv;
using log::Level;

// One page of the delete list: as long as we hold no more soft-deleted rows than that, looking
// after them costs no request of its own.
constexpr std::size_t held_without_cost = 200;
constexpr std::size_t most_held = 20'000;
// With more of them the whole list is read only this often.
constexpr auto held_check_interval = 1h;
// Each is a request an hour. No more than a sink takes for single bad rows: a page of nothing but
// bad ones would block the stream.
constexpr std::size_t most_retried = 20;

} // namespace

DeletePolicy delete_policy(DeleteMissing setting) {
    switch (setting) {
    case DeleteMissing::soft:
        return DeletePolicy::soft;
    case DeleteMissing::hard:
        return DeletePolicy::hard;
    case DeleteMissing::none:
        return DeletePolicy::none;
    }
    return DeletePolicy::none;
}

RecordsRun::RecordsRun(const RunContext& context,
                       const StreamConfig& stream,
                       StreamMemory& memory,
                       std::stop_token stop)
    : context_(context), stream_(stream), memory_(memory), stop_(std::move(stop)),
      recorder_(context, stream) {}

void RecordsRun::run() {
    prepare(wanted_schema());
    ZOHOSYNCD_FAILPOINT("run.prepared");
    at_start_ = recorder_.checkpoint_from(prepared_.state);
    checkpoint_ = at_start_;
    if (takes_over()) {
        take_over();
    }
    choose_anchor();
    Scan scan = choose_scan();
    if (stream_.mode == StreamMode::snapshot) {
        scan.read_to_the_end(); // What was edited meanwhile belongs to it: no later scan brings it.
    }
    ZOHOSYNCD_FAILPOINT("run.scan_chosen");
    scan_began_at_ = scan.progress().at;
    is_load_ = must_backfill() || (!checkpoint_.consistent_as_of && !checkpoint_.high_water_mark);
    walk(scan);
    if (is_put_off_) {
        put_off_run(context_,
                    stream_,
                    is_staged() ? "full refresh" : "load of old records",
                    rows_read_,
                    memory_);
        return;
    }
    memory_.is_put_off = false;
    finish(scan);
}

bool RecordsRun::reached_limit() const {
    return stream_.limit.has_value() && rows_read_ >= *stream_.limit;
}

void RecordsRun::walk(Scan& scan) {
    while (!scan.finished() && !reached_limit()) {
        if (must_wait()) {
            if (!buffer_->is_empty()) {
                commit_pages(scan);
            }
            is_put_off_ = true;
            return;
        }
        if (!is_staged() && context_.fields.is_old(stream_.endpoint.module)) {
            follow_fields(scan);
        }
        const BatchMark listed(buffer_->listed());
        const BatchMark authoritative(buffer_->authoritative());
        std::vector<std::string> absent;
        try {
            const auto& page =
                reader_->read(scan.next(), buffer_->listed(), buffer_->authoritative(), stop_);
            ZOHOSYNCD_FAILPOINT("page.appended");
            if (has_news_of_absence(page.absent, memory_.absent)) {
                absent = page.absent;
                listed.restore(buffer_->listed());
                authoritative.restore(buffer_->authoritative());
            } else {
                note_emptiness(page.says_module_is_empty);
                scan.take(page.facts());
                rows_read_ += page.ids.size();
                recorder_.count_page(page.ids.size());
                recorder_.count_repeated(scan.repeated_rows());
            }
        } catch (const SyncError& error) {
            // A page that failed, or that can not be a page of this list, is dropped whole. What
            // was read before is whole, and reading it again would cost requests.
            listed.restore(buffer_->listed());
            authoritative.restore(buffer_->authoritative());
            if (!buffer_->is_empty()) {
                commit_pages(scan);
            }
            if (error.kind() == ErrorKind::bad_response) {
                context_.fields.forget(stream_.endpoint.module); // It may be about a field.
            }
            if (error.kind() == ErrorKind::token_expired_page) {
                log::event(
                    Level::warn,
                    "scan_restarted",
                    {kv("stream", stream_.endpoint.stream), kv("zoho_code", error.zoho_code())});
            }
            throw;
        }
        if (!absent.empty()) {
            look_for_absent(absent, scan);
            continue;
        }
        if (scan.inclusive()) {
            context_.organisation.inclusive.store(*scan.inclusive() ? 1 : 0);
        }
        if (!scan.finished() && buffer_->is_due()) {
            commit_pages(scan);
        }
    }
}

/// Old records wait while credits are short, page by page.
bool RecordsRun::must_wait() const {
    return is_load_ && must_loads_wait(context_);
}

/// Absence is never deletion; but somebody should look whether the user lost sight of the module.
void RecordsRun::note_emptiness(bool says_empty) {
    if (says_empty && !memory_.said_empty && at_start_.high_water_mark) {
        log::event(Level::warn,
                   "module_said_empty",
                   {kv("stream", stream_.endpoint.stream),
                    kv("high_water_mark", format_utc(*at_start_.high_water_mark)),
                    kv("hint",
                       "Zoho lists no record where there were some: nothing is removed; check the "
                       "user's rights if it lasts")});
    }
    memory_.said_empty = says_empty;
}

void RecordsRun::commit_pages(const Scan& scan) {
    ZOHOSYNCD_FAILPOINT("page.commit");
    recorder_.count_values(buffer_->contents());
    Checkpoint checkpoint = checkpoint_;
    checkpoint.scan = to_json({scan.progress(), is_staged(), scan_mapping_});
    // Like a mark, a new mapping and an anchor that moved back count from the last commit on.
    checkpoint.mapping_hash = prepared_.state.mapping_hash;
    checkpoint.anchor = prepared_.state.anchor ? prepared_.state.anchor : checkpoint_.anchor;
    if (is_staged()) {
        checkpoint.staged_rows = staged_rows_;
        const auto stats = context_.sink.write_stage(
            recorder_.key(), prepared_.schema, buffer_->contents(), checkpoint);
        if (staged_rows_) {
            *staged_rows_ += stats.inserted;
        }
    } else {
        recorder_.write(prepared_.schema, buffer_->contents(), checkpoint);
    }
    ZOHOSYNCD_FAILPOINT("page.committed");
    // As the state row now is: a commit that moves no mark writes it again.
    prepared_.state.anchor = checkpoint.anchor;
    prepared_.state.scan = checkpoint.scan;
    // Rows alone are no progress: the page at the resume point brings the same again.
    memory_.has_progressed = memory_.has_progressed || scan.progress().at > scan_began_at_;
    log::event(Level::debug,
               "page_committed",
               {kv("stream", stream_.endpoint.stream),
                kv("rows", buffer_->rows()),
                kv("at", format_utc(scan.progress().at))});
    buffer_->clear();
}

void RecordsRun::finish(const Scan& scan) {
    if (!scan.finished()) {
        finish_trial();
        return;
    }
    ZOHOSYNCD_FAILPOINT("scan.finished");
    const auto& progress = scan.progress();
    if (!buffer_->is_empty() && (is_staged() || reads_deletions())) {
        commit_pages(scan);
    }
    ZOHOSYNCD_FAILPOINT("scan.marks");
    checkpoint_.scan.clear();
    checkpoint_.mapping_hash = scan_mapping_;
    checkpoint_.consistent_as_of = progress.first_date;
    if (progress.greatest) {
        checkpoint_.high_water_mark =
            std::max(checkpoint_.high_water_mark.value_or(*progress.greatest), *progress.greatest);
    }
    if (is_staged()) {
        recorder_.finish(checkpoint_);
        checkpoint_.staged_rows = staged_rows_;
        finish_staged(scan);
    } else {
        finish_incremental();
    }
    recorder_.log_finished(checkpoint_);
}

void RecordsRun::finish_staged(const Scan& scan) {
    // A walk that ended before the list did has seen too little to conclude from absence.
    const auto policy =
        scan.reached_end_of_list() ? delete_policy(stream_.delete_missing) : DeletePolicy::none;
    recorder_.end_stage(prepared_.schema, policy, scan.progress().first_date, checkpoint_);
}

void RecordsRun::finish_incremental() {
    retry_set_aside();
    if (reads_deletions()) {
        read_deletions(delete_policy(stream_.delete_missing));
        return;
    }
    recorder_.finish(checkpoint_);
    recorder_.count_values(buffer_->contents());
    recorder_.write(prepared_.schema, buffer_->contents(), checkpoint_);
    buffer_->clear();
}

/// What refused a record, such as a constraint, may be gone, or the record may be.
void RecordsRun::retry_set_aside() {
    const auto ids = context_.sink.set_aside(stream_.target, most_retried);
    if (ids.empty()) {
        return;
    }
    if (!buffer_->is_empty()) {
        commit_revived();
    }
    std::vector<std::int64_t> gone;
    for (const auto id : ids) {
        if (!reader_->read_record(id, buffer_->authoritative(), stop_)) {
            gone.push_back(id);
        }
    }
    commit_revived(std::move(gone));
}

std::vector<Deletion> RecordsRun::held_deletions(DeletePolicy policy) {
    if (policy != DeletePolicy::soft || !checkpoint_.consistent_as_of) {
        return {};
    }
    // As it was when the list was last read: what could be restored then may have been since.
    const auto seen_until =
        std::min(*checkpoint_.consistent_as_of,
                 at_start_.deletes_mark.value_or(*checkpoint_.consistent_as_of));
    auto held = context_.sink.soft_deleted(
        prepared_.schema, seen_until - context_.config.daemon.overlap - deletions_kept, most_held);
    ZOHOSYNCD_FAILPOINT("revive.held");
    std::set<std::int64_t> deleted_ids;
    for (const auto& row : held) {
        deleted_ids.insert(row.id);
    }
    // What lives again may be deleted and restored once more: then all begins anew.
    std::erase_if(memory_.gone,
                  [&](const auto& entry) { return !deleted_ids.contains(entry.first); });
    const auto now = context_.clock.now();
    std::erase_if(held, [&](const Deletion& row) {
        const auto gone = memory_.gone.find(row.id);
        return gone != memory_.gone.end() &&
               gone->second.last - gone->second.first > context_.config.daemon.overlap;
    });
    const bool is_due =
        !memory_.deletes_checked_at || now - *memory_.deletes_checked_at >= held_check_interval;
    if (held.size() > held_without_cost && !is_due) {
        return {};
    }
    memory_.deletes_checked_at = now;
    return held;
}

/// Where the delete list begins. Without a mark it is the anchor, whatever else was complete
/// before: a full refresh or a time without deletions vouches for none. Only a table that this run
/// made can hold no row that was deleted before the scan.
std::chrono::sys_seconds RecordsRun::deletions_since() const {
    const auto overlap = context_.config.daemon.overlap;
    const auto from = checkpoint_.deletes_mark
                          ? std::max(*checkpoint_.deletes_mark,
                                     memory_.deletes_read_until.value_or(*checkpoint_.deletes_mark))
                      : prepared_.created_table && checkpoint_.consistent_as_of
                          ? *checkpoint_.consistent_as_of
                          : checkpoint_.anchor.value();
    return std::max(from - overlap, std::chrono::sys_seconds{}); // Nothing is as old as 1970.
}

void RecordsRun::read_deletions(DeletePolicy policy) {
    auto since = deletions_since();
    const auto held = held_deletions(policy);
    if (!held.empty()) {
        // A second more, because it is not written whether the list compares inclusively: the
        // oldest row would be taken for vanished.
        since = std::min(since, held.front().deleted_time - 1s);
    }
    auto records = read_deleted(context_.client, stream_.endpoint.module, since, stop_);
    ZOHOSYNCD_FAILPOINT("deletions.read");
    if (records.is_complete) {
        revive_vanished(held, since, records.deleted_at);
    } else if (since < deletions_since()) {
        // The long list can not be had; the short one moves the mark.
        records = read_deleted(context_.client, stream_.endpoint.module, deletions_since(), stop_);
    }
    if (records.date) {
        move_deletes_mark(*records.date);
    }
    std::vector<Deletion> deletions;
    deletions.reserve(records.deleted_at.size());
    for (const auto& [id, time] : records.deleted_at) {
        deletions.push_back({id, time});
    }
    recorder_.finish(checkpoint_);
    ZOHOSYNCD_FAILPOINT("deletions.write");
    recorder_.write_deletions(prepared_.schema, deletions, policy, checkpoint_);
    ZOHOSYNCD_FAILPOINT("deletions.written");
}

/// After a gap longer than Zoho lists deletions the mark stays, in front of the gap: what was
/// deleted in it may be in no list any more. Until a verification moves the mark this is shown.
void RecordsRun::move_deletes_mark(std::chrono::sys_seconds read_at) {
    const auto overlap = context_.config.daemon.overlap;
    const auto mark = deletions_known_until(prepared_.state);
    if (!mark || read_at - (*mark - overlap) <= deletions_kept) {
        checkpoint_.deletes_mark = read_at;
        memory_.deletes_read_until.reset();
        return;
    }
    if (!memory_.deletes_read_until) {
        log::event(Level::warn,
                   "delete_gap",
                   {kv("stream", stream_.endpoint.stream),
                    kv("from", format_utc(*mark)),
                    kv("until", format_utc(read_at)),
                    kv("hint",
                       "Zoho may not list all deletions of that time any more: verification "
                       "needed, run `zohosyncd verify --repair`")});
    }
    memory_.deletes_read_until = read_at;
}

/// A row that is deleted here but no longer in Zoho's list was restored, maybe without a new
/// Modified_Time, or is gone for good; only the record itself can tell.
void RecordsRun::revive_vanished(const std::vector<Deletion>& held,
                                 std::chrono::sys_seconds since,
                                 const std::map<std::int64_t, std::chrono::sys_seconds>& listed) {
    for (const auto& row : held) {
        if (row.deleted_time < since || listed.contains(row.id)) {
            continue;
        }
        ZOHOSYNCD_FAILPOINT("revive.record");
        if (reader_->read_record(row.id, buffer_->authoritative(), stop_)) {
            memory_.gone.erase(row.id);
        } else {
            const auto now = context_.clock.now();
            memory_.gone.try_emplace(row.id, StreamMemory::Gone{now, now}).first->second.last = now;
        }
        if (buffer_->is_due()) {
            commit_revived();
        }
    }
    if (!buffer_->is_empty()) {
        commit_revived();
    }
}

void RecordsRun::commit_revived(std::vector<std::int64_t> gone) {
    ZOHOSYNCD_FAILPOINT("revive.commit");
    auto page = buffer_->contents();
    page.gone = std::move(gone);
    recorder_.count_values(page);
    const Checkpoint checkpoint = recorder_.checkpoint_from(prepared_.state);
    recorder_.write(prepared_.schema, page, checkpoint);
    ZOHOSYNCD_FAILPOINT("revive.committed");
    buffer_->clear();
}

/// --limit stopped the scan: the rows stay, no mark moves, the next run begins where this one did,
/// at the anchor as well if that was moved back.
void RecordsRun::finish_trial() {
    Checkpoint checkpoint = at_start_;
    recorder_.finish(checkpoint);
    if (is_staged()) {
        log::event(Level::warn, "limit_in_full_refresh", {kv("stream", stream_.endpoint.stream)});
    } else {
        recorder_.count_values(buffer_->contents());
        recorder_.write(prepared_.schema, buffer_->contents(), checkpoint);
    }
    recorder_.log_finished(checkpoint);
}

} // namespace zohosyncd
