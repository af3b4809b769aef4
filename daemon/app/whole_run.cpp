#include "daemon/app/whole_run.hpp"

#include "daemon/app/absent_fields.hpp"
#include "daemon/app/credit_waits.hpp"
#include "daemon/app/records_run.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/log.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

} // namespace

StreamConfig read_whole(StreamConfig stream) {
    require_whole_readable(stream);
    if (keeps_equal(stream)) { // Whose runs merge; a snapshot stays one.
        stream.mode = StreamMode::full_refresh;
    }
    return stream;
}

WholeRun::WholeRun(const RunContext& context,
                   const StreamConfig& stream,
                   StreamMemory& memory,
                   std::stop_token stop)
    : context_(context), stream_(read_whole(stream)), memory_(memory), stop_(std::move(stop)),
      recorder_(context, stream_) {}

void WholeRun::run() {
    say_why();
    if (must_loads_wait(context_)) {
        put_off_run(context_, stream_, "full refresh", 0, memory_);
        return;
    }
    memory_.is_put_off = false;
    prepare();
    checkpoint_ = recorder_.checkpoint_from(prepared_.state);
    checkpoint_.scan.clear();
    buffer_ = std::make_unique<PageBuffer>(prepared_.schema.columns.size(), context_.clock);
    context_.sink.begin_stage(recorder_.key(), prepared_.schema);
    ZOHOSYNCD_FAILPOINT("loose.begun");
    walk();
    if (reached_limit()) {
        finish_trial();
    } else {
        finish();
    }
}

StreamSchema WholeRun::wanted_schema() {
    const auto fields = context_.fields.get(context_.client, stream_.endpoint.module, stop_);
    log_unmatched(stream_, *fields, false, memory_);
    return schema_of_records(stream_.target, *fields, stream_.select, stream_.columns);
}

void WholeRun::prepare() {
    const auto wanted = wanted_schema();
    wanted_hash_ = mapping_hash(wanted);
    if (std::exchange(memory_.absent_under, wanted_hash_) != wanted_hash_) {
        memory_.absent.clear();
    }
    prepared_ = recorder_.prepare(wanted, memory_.left_out);
    mapping_hash_ = mapping_hash(prepared_.schema);
}

/// Once in each process: somebody who asked for changes gets something else.
void WholeRun::say_why() {
    if (!std::exchange(memory_.said_whole, true)) {
        log::event(Level::info,
                   "read_whole",
                   {kv("stream", stream_.endpoint.stream),
                    kv("module", stream_.endpoint.module),
                    kv("hint", why_read_whole)});
    }
}

bool WholeRun::reached_limit() const {
    return stream_.limit && rows_read_ >= *stream_.limit;
}

void WholeRun::walk() {
    WholeList list(context_.client, stream_.endpoint.module, prepared_.schema);
    while (!list.is_finished() && !reached_limit()) {
        read_page(list);
        if (buffer_->is_due()) {
            store_pages();
        }
    }
    if (!buffer_->is_empty()) {
        store_pages();
    }
    first_date_ = list.first_date();
}

void WholeRun::read_page(WholeList& list) {
    try {
        const auto rows = list.read(buffer_->listed(), stop_);
        ZOHOSYNCD_FAILPOINT("loose.page");
        rows_read_ += rows;
        recorder_.count_page(rows);
    } catch (const SyncError& error) {
        if (error.kind() == ErrorKind::bad_response) {
            context_.fields.forget(stream_.endpoint.module); // It may be about a field.
        }
        throw;
    }
    if (has_news_of_absence(list.absent(), memory_.absent)) {
        ask_for_absent(context_,
                       stream_,
                       list.absent(),
                       {"the full refresh", wanted_hash_, [this] { return wanted_schema(); }},
                       memory_.absent);
    }
}

void WholeRun::store_pages() {
    recorder_.count_values(buffer_->contents());
    const auto stats = context_.sink.write_stage(
        recorder_.key(), prepared_.schema, buffer_->contents(), checkpoint_);
    staged_rows_ += stats.inserted;
    ZOHOSYNCD_FAILPOINT("loose.stored");
    buffer_->clear();
}

void WholeRun::finish() {
    checkpoint_.mapping_hash = mapping_hash_;
    checkpoint_.consistent_as_of = first_date_;
    checkpoint_.staged_rows = staged_rows_;
    recorder_.finish(checkpoint_);
    ZOHOSYNCD_FAILPOINT("loose.merge");
    recorder_.end_stage(
        prepared_.schema, delete_policy(stream_.delete_missing), first_date_, checkpoint_);
    ZOHOSYNCD_FAILPOINT("loose.merged");
    recorder_.log_finished(checkpoint_);
}

/// Part of a list is no full refresh: nothing is merged.
void WholeRun::finish_trial() {
    log::event(Level::warn, "limit_in_full_refresh", {kv("stream", stream_.endpoint.stream)});
    recorder_.log_finished(checkpoint_);
}

} // namespace zohosyncd
