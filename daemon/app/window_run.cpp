#include "daemon/app/window_run.hpp"

#include "daemon/app/credit_waits.hpp"
#include "daemon/app/scan_json.hpp"
#include "daemon/app/wanted_lines.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/time.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/runtime/log.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

bool holds(const TimeWindow& window, std::chrono::sys_seconds version) {
    return window.begin <= version && version <= window.end;
}

} // namespace

void keep_window(Batch& batch,
                 std::size_t first,
                 std::size_t first_quarantined,
                 const TimeWindow& window) {
    std::set<std::int64_t> dropped;
    for (std::size_t row = first; row < batch.rows(); ++row) {
        if (!holds(window, batch.versions()[row])) {
            dropped.insert(batch.ids()[row]);
        }
    }
    if (dropped.empty()) {
        return;
    }
    Batch kept(batch.columns());
    for (std::size_t row = 0; row < batch.rows(); ++row) {
        if (row >= first && !holds(window, batch.versions()[row])) {
            continue;
        }
        for (std::size_t column = 1; column < batch.columns(); ++column) { // 0 is the id.
            kept.column(column).copy_from(batch.column(column), row);
        }
        kept.end_row(batch.ids()[row], batch.versions()[row]);
    }
    auto& entries = batch.quarantined();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i < first_quarantined || !dropped.contains(entries[i].id)) {
            kept.quarantined().push_back(std::move(entries[i]));
        }
    }
    kept.replaced_characters = batch.replaced_characters;
    batch = std::move(kept);
}

WindowRun::WindowRun(const RunContext& context,
                     const StreamConfig& stream,
                     StreamMemory& memory,
                     std::stop_token stop)
    : context_(context), stream_(stream), memory_(memory), stop_(std::move(stop)),
      window_(stream.window.value()),
      window_text_(format_utc(window_.begin) + "," + format_utc(window_.end)),
      recorder_(context, stream) {}

void WindowRun::run() {
    if (was_read()) {
        rest();
        return;
    }
    prepare();
    Scan scan = choose_scan();
    walk(scan);
    if (is_put_off_) {
        put_off_run(context_, stream_, "range", rows_read_, memory_);
        return;
    }
    memory_.is_put_off = false;
    finish(scan);
}

/// Only the daemon rests: who calls `sync` wants the window read.
bool WindowRun::was_read() const {
    if (context_.pressure == nullptr) {
        return false;
    }
    // `reset` forgets it too, so that the state is asked first.
    const auto state = context_.sink.state(recorder_.key());
    const auto stored = state ? stored_scan_from(state->scan) : std::nullopt;
    if (stored && stored->window == window_text_) {
        return stored->is_done;
    }
    return state && memory_.window_read == window_text_ &&
           memory_.window_generation == state->generation;
}

void WindowRun::rest() {
    context_.board.update(stream_.endpoint.stream,
                          [](StreamProgress& line) { line.activity = StreamActivity::done; });
}

void WindowRun::prepare() {
    const auto fields = context_.fields.get(context_.client, stream_.endpoint.module, stop_);
    StreamSchema wanted = schema_with_versions(stream_, *fields);
    wanted.lines = wanted_lines(context_, stream_, stop_);
    prepared_ = recorder_.prepare(wanted, memory_.left_out);
    mapping_hash_ = mapping_hash(prepared_.schema);
    reader_ =
        std::make_unique<ListReader>(context_.client, stream_.endpoint.module, prepared_.schema);
    buffer_ = std::make_unique<PageBuffer>(prepared_.schema.columns.size(), context_.clock);
    const auto stored = stored_scan_from(prepared_.state.scan);
    keeps_progress_ = !stored || !stored->window.empty();
}

Scan WindowRun::choose_scan() {
    const int known = context_.organisation.inclusive.load();
    const auto inclusive = known < 0 ? std::nullopt : std::optional(known == 1);
    const auto stored = stored_scan_from(prepared_.state.scan);
    if (stored && stored->window == window_text_ && !stored->is_done &&
        stored->mapping_hash == mapping_hash_) {
        log::event(
            Level::info,
            "scan_resumed",
            {kv("stream", stream_.endpoint.stream), kv("at", format_utc(stored->progress.at))});
        return {stored->progress, inclusive};
    }
    log::event(Level::info,
               "window_started",
               {kv("stream", stream_.endpoint.stream),
                kv("from", format_utc(window_.begin)),
                kv("until", format_utc(window_.end))});
    return {window_.begin, inclusive};
}

/// Everything before progress().at was read, so that the window's last second must be over.
bool WindowRun::is_beyond(const Scan& scan) const {
    return scan.finished() || scan.progress().at > window_.end;
}

void WindowRun::walk(Scan& scan) {
    const auto reached_limit = [this] { return stream_.limit && rows_read_ >= *stream_.limit; };
    while (!is_beyond(scan) && !reached_limit()) {
        if (must_loads_wait(context_)) {
            is_put_off_ = true;
            break;
        }
        try {
            read_page(scan);
        } catch (const SyncError&) {
            if (!buffer_->is_empty()) {
                commit(scan.progress());
            }
            throw;
        }
        if (!is_beyond(scan) && buffer_->is_due()) {
            commit(scan.progress());
        }
    }
    if (is_put_off_ && !buffer_->is_empty()) {
        commit(scan.progress());
    }
}

/// A page that failed, or that can not be a page of this list, is dropped whole.
void WindowRun::read_page(Scan& scan) {
    Batch& listed = buffer_->listed();
    Batch& single = buffer_->authoritative();
    const BatchMark listed_mark(listed);
    const BatchMark single_mark(single);
    const auto rows = std::pair(listed.rows(), single.rows());
    const auto quarantined = std::pair(listed.quarantined().size(), single.quarantined().size());
    try {
        const auto& page = reader_->read(scan.next(), listed, single, stop_);
        scan.take(page.facts());
        const auto in_window = std::ranges::count_if(
            page.versions, [this](const auto version) { return holds(window_, version); });
        rows_read_ += static_cast<std::uint64_t>(in_window);
        recorder_.count_page(static_cast<std::uint64_t>(in_window));
        recorder_.count_repeated(scan.repeated_rows());
    } catch (const SyncError&) {
        listed_mark.restore(listed);
        single_mark.restore(single);
        throw;
    }
    keep_window(listed, rows.first, quarantined.first, window_);
    keep_window(single, rows.second, quarantined.second, window_);
    if (scan.inclusive()) {
        context_.organisation.inclusive.store(*scan.inclusive() ? 1 : 0);
    }
}

void WindowRun::commit(const ScanProgress& progress) {
    recorder_.count_values(buffer_->contents());
    Checkpoint checkpoint = recorder_.checkpoint_from(prepared_.state);
    if (keeps_progress_) {
        checkpoint.scan = to_json({progress, false, mapping_hash_, window_text_, false});
    }
    recorder_.write(prepared_.schema, buffer_->contents(), checkpoint);
    memory_.has_progressed = true;
    prepared_.state.scan = checkpoint.scan;
    buffer_->clear();
}

void WindowRun::finish(const Scan& scan) {
    Checkpoint checkpoint = recorder_.checkpoint_from(prepared_.state);
    const bool is_done = is_beyond(scan);
    if (keeps_progress_ && is_done) {
        checkpoint.scan = to_json({scan.progress(), false, mapping_hash_, window_text_, true});
    }
    recorder_.finish(checkpoint);
    recorder_.count_values(buffer_->contents());
    recorder_.write(prepared_.schema, buffer_->contents(), checkpoint);
    if (is_done) {
        memory_.window_read = window_text_;
        memory_.window_generation = prepared_.state.generation;
    }
    recorder_.log_finished(checkpoint);
}

} // namespace zohosyncd
