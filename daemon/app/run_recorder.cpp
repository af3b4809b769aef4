#include "daemon/app/run_recorder.hpp"

#include "daemon/app/target_sql_runner.hpp"
#include "daemon/core/details.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/metrics.hpp"
#include "daemon/runtime/pulse.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

/// Short and only for reading logs: two runs that share it are no harm.
std::string make_run_id() {
    static constexpr char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    thread_local std::minstd_rand generator{std::random_device{}()};
    std::string id;
    for (int i = 0; i < 6; ++i) {
        id += digits[generator() % 36];
    }
    return id;
}

void count_rows(metrics::Metric metric, const StreamKey& key, std::uint64_t rows) {
    metrics::count(metric, {{"stream", key.stream}}, static_cast<double>(rows));
}

std::chrono::milliseconds since(const Clock& clock, Clock::TimePoint start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock.now() - start);
}

} // namespace

RunRecorder::RunRecorder(const RunContext& context, const StreamConfig& stream)
    : context_(context), stream_(stream), key_(stream_key(context, stream)), run_id_(make_run_id()),
      started_(context.clock.now()), requests_before_(context.client.requests_sent()) {
    context_.board.update(stream.endpoint.stream, [&](StreamProgress& line) {
        const std::string name = line.stream;
        line = {};
        line.stream = name;
        line.activity = StreamActivity::reading;
        line.started = started_;
    });
    for (const auto metric : {metrics::Metric::rows_received_total,
                              metrics::Metric::rows_upserted_total,
                              metrics::Metric::rows_unchanged_total,
                              metrics::Metric::rows_deleted_total,
                              metrics::Metric::values_sanitised_total}) {
        count_rows(metric, key_, 0); // Shown from the first run on, so that an increase is one.
    }
}

RunRecorder::~RunRecorder() {
    log_values();
}

PreparedStream RunRecorder::prepare(const StreamSchema& wanted, std::string& said) {
    StreamSchema shaped = wanted;
    shaped.is_snapshot = stream_.mode == StreamMode::snapshot;
    shaped.strategy = stream_.merge_strategy;
    PreparedStream prepared = context_.sink.prepare(key_, shaped, stream_.casing);
    require_same_organisation(context_, prepared.state);
    log_left_out(wanted, prepared.schema, said);
    return prepared;
}

void RunRecorder::log_left_out(const StreamSchema& wanted,
                               const StreamSchema& prepared,
                               std::string& said) const {
    std::string fields;
    for (const auto& column : wanted.columns) {
        const bool is_there = std::ranges::any_of(prepared.columns, [&](const Column& other) {
            return other.api_name == column.api_name;
        });
        if (!is_there) {
            fields += (fields.empty() ? "" : ", ") + column.api_name;
        }
    }
    if (!fields.empty() && fields != said) {
        log::event(Level::warn,
                   "column_names_mismatch",
                   {kv("stream", stream_.endpoint.stream),
                    kv("table", stream_.target.text()),
                    kv("fields", fields),
                    kv("hint",
                       "the table has no columns for them, and `add_new_columns: false` adds none: "
                       "they are left out")});
    }
    said = fields;
}

void log_unmatched(const StreamConfig& stream,
                   const std::vector<ZohoField>& fields,
                   bool with_lines,
                   StreamMemory& memory) {
    if (std::exchange(memory.is_selection_checked, true)) {
        return;
    }
    auto names = names_to_select(fields, stream.columns);
    if (stream.columns.folds) {
        names.emplace_back(data_column);
    }
    for (const auto& [name, alias] : stream.select.aliases) {
        names.push_back(alias); // What `table_keys` may call the column.
    }
    for (const auto& name : stream.columns.without_match(names)) {
        log::event(Level::warn,
                   "column_matches_nothing",
                   {kv("stream", stream.endpoint.stream),
                    kv("item", name),
                    kv("hint", "no field has this name: correct `columns` or `transforms`")});
    }
    for (const auto& field : fields) {
        if (with_lines && holds_lines(field)) {
            names.push_back(field.api_name);
        }
    }
    for (const auto& item : stream.select.without_match(names)) {
        log::event(Level::warn,
                   "select_matches_nothing",
                   {kv("stream", stream.endpoint.stream),
                    kv("item", item),
                    kv("hint", "no field that is read has this name in Zoho: correct `select`")});
    }
}

void require_whole_readable(const StreamConfig& stream) {
    const std::string module = "module " + stream.endpoint.module;
    if (stream.window) {
        throw SyncError(ErrorKind::schema_conflict,
                        module +
                            " has no field Modified_Time, so that a range of it can not be read; "
                            "take `range` and `mode: backfill` out");
    }
    const bool merges =
        is_full_walk(stream.mode) || stream.merge_strategy == MergeStrategy::update_insert;
    if (!merges) {
        throw SyncError(ErrorKind::schema_conflict,
                        module + " has no field Modified_Time, so that its list is read whole and "
                                 "merged; take `merge_strategy` out");
    }
}

StreamSchema schema_with_versions(const StreamConfig& stream,
                                  const std::vector<ZohoField>& fields) {
    auto wanted = schema_of_records(stream.target, fields, stream.select, stream.columns);
    if (!wanted.version_column) {
        require_whole_readable(stream);
        throw SyncError(ErrorKind::bad_response,
                        "the module's field Modified_Time is gone, so that its changes can not be "
                        "followed any more; the next run reads it whole");
    }
    return wanted;
}

void require_same_organisation(const RunContext& context, const StreamState& state) {
    if (!state.org.empty() && state.org != context.organisation.id) {
        throw SyncError(ErrorKind::wrong_org,
                        "table " + state.key.target.text() + " belongs to organisation " +
                            state.org + ", but the credentials are of organisation " +
                            context.organisation.id +
                            ": use another target, or the right connection");
    }
}

Checkpoint
checkpoint_from(const RunContext& context, const StreamConfig& stream, const StreamState& state) {
    Checkpoint checkpoint;
    checkpoint.org = context.organisation.id;
    checkpoint.mode = to_string(stream.mode);
    checkpoint.anchor = state.anchor;
    checkpoint.high_water_mark = state.high_water_mark;
    checkpoint.deletes_mark = state.deletes_mark;
    checkpoint.consistent_as_of = complete_as_of(state);
    checkpoint.scan = state.scan;
    checkpoint.mapping_hash = state.mapping_hash;
    checkpoint.generation = state.generation;
    return checkpoint;
}

void RunRecorder::finish(Checkpoint& checkpoint) const {
    ZOHOSYNCD_FAILPOINT("recorder.finish");
    RunSummary summary = summary_;
    summary.requests = context_.client.requests_sent() - requests_before_;
    summary.took = since(context_.clock, started_);
    checkpoint.finished = summary;
}

void RunRecorder::before_rows() {
    if (context_.sql != nullptr) {
        context_.sql->before_write();
    }
}

void RunRecorder::write(const StreamSchema& schema,
                        const PageWrite& page,
                        const Checkpoint& checkpoint) {
    if ((page.listed != nullptr && page.listed->rows() > 0) ||
        (page.authoritative != nullptr && page.authoritative->rows() > 0)) {
        before_rows();
    }
    count_written(context_.sink.write(key_, schema, page, checkpoint));
}

void RunRecorder::write_deletions(const StreamSchema& schema,
                                  std::span<const Deletion> deletions,
                                  DeletePolicy policy,
                                  const Checkpoint& checkpoint) {
    if (!deletions.empty() && policy != DeletePolicy::none) {
        before_rows();
    }
    count_written(context_.sink.write_deletions(key_, schema, deletions, policy, checkpoint));
}

void RunRecorder::end_stage(const StreamSchema& schema,
                            DeletePolicy policy,
                            std::optional<std::chrono::sys_seconds> first_date,
                            const Checkpoint& checkpoint) {
    if (checkpoint.staged_rows.value_or(1) > 0) {
        before_rows();
    }
    const auto walked_at = first_date.value_or(context_.organisation.first_contact);
    count_written(stream_.mode == StreamMode::snapshot
                      ? context_.sink.append_stage(key_, schema, walked_at, checkpoint)
                      : context_.sink.merge_stage(key_, schema, policy, walked_at, checkpoint));
}

void RunRecorder::count_page(std::uint64_t rows) {
    ++summary_.pages;
    summary_.rows_read += rows;
    count_rows(metrics::Metric::rows_received_total, key_, rows);
    show();
}

void RunRecorder::count_repeated(std::uint64_t rows) {
    repeated_ = rows;
    show();
}

void RunRecorder::count_written(const WriteStats& stats) {
    totals_.inserted += stats.inserted;
    totals_.updated += stats.updated;
    totals_.unchanged += stats.unchanged;
    totals_.deleted += stats.deleted;
    count_rows(metrics::Metric::rows_upserted_total, key_, stats.inserted + stats.updated);
    count_rows(metrics::Metric::rows_unchanged_total, key_, stats.unchanged);
    count_rows(metrics::Metric::rows_deleted_total, key_, stats.deleted);
    for (std::uint64_t i = 0; i < stats.settled; ++i) {
        log::event(Level::info, "commit_settled", {kv("stream", key_.stream), kv("run", run_id_)});
    }
    log::recovered(key_.stream);
    totals_.released += stats.released;
    if (stats.refused > 0) {
        quarantined_["refused"] += stats.refused;
        count_quarantined("refused", stats.refused);
    }
    show();
}

void RunRecorder::count_values(const PageWrite& page) {
    for (const auto* batch : {page.listed, page.authoritative}) {
        if (batch == nullptr) {
            continue;
        }
        cleaned_ += batch->replaced_characters;
        count_rows(metrics::Metric::values_sanitised_total, key_, batch->replaced_characters);
        for (const auto& entry : batch->quarantined()) {
            ++quarantined_[entry.kind];
            count_quarantined(entry.kind, 1);
        }
    }
}

void RunRecorder::count_quarantined(const std::string& kind, std::uint64_t entries) const {
    metrics::count(metrics::Metric::values_quarantined_total,
                   {{"stream", key_.stream}, {"kind", kind}},
                   static_cast<double>(entries));
}

/// Counts only: what the values were is nobody's business in a log.
void RunRecorder::log_values() {
    if (cleaned_ > 0) {
        log::event(Level::warn,
                   "values_cleaned",
                   {kv("stream", key_.stream), kv("run", run_id_), kv("characters", cleaned_)});
    }
    for (const auto& [kind, count] : quarantined_) {
        log::event(
            Level::warn,
            "quarantined",
            {kv("stream", key_.stream), kv("run", run_id_), kv("kind", kind), kv("rows", count)});
    }
    if (totals_.released > 0) {
        log::event(Level::info,
                   "released_from_quarantine",
                   {kv("stream", key_.stream), kv("run", run_id_), kv("rows", totals_.released)});
    }
    cleaned_ = 0;
    quarantined_.clear();
    totals_.released = 0;
}

void RunRecorder::show() {
    pulse::sign();
    context_.board.update(key_.stream, [this](StreamProgress& line) {
        line.pages = summary_.pages;
        line.requests = context_.client.requests_sent() - requests_before_;
        line.rows_read = summary_.rows_read;
        line.written = totals_.inserted + totals_.updated;
        line.unchanged = totals_.unchanged;
        line.deleted = totals_.deleted;
        line.repeated = repeated_;
        line.took = since(context_.clock, started_);
    });
}

void RunRecorder::log_finished(const Checkpoint& checkpoint) {
    ZOHOSYNCD_FAILPOINT("recorder.finished");
    show();
    log_values();
    const auto mark = [](const std::optional<std::chrono::sys_seconds>& time) {
        return time ? format_utc(*time) : std::string("none");
    };
    log::event(Level::info,
               "run_finished",
               {kv("stream", key_.stream),
                kv("run", run_id_),
                kv("page", summary_.pages),
                kv("rows", summary_.rows_read),
                kv("inserted", totals_.inserted),
                kv("updated", totals_.updated),
                kv("deleted", totals_.deleted),
                kv("requests", context_.client.requests_sent() - requests_before_),
                kv("high_water_mark", mark(checkpoint.high_water_mark)),
                kv("consistent_as_of", mark(checkpoint.consistent_as_of)),
                kv("seconds", since(context_.clock, started_))});
    context_.board.update(key_.stream, [&](StreamProgress& line) {
        line.activity = StreamActivity::done;
        const bool reads_all = checkpoint.anchor.value_or(Instant{}) == Instant{};
        line.anchor = reads_all ? "" : format_utc(*checkpoint.anchor);
    });
}

std::int64_t settle_credits(Sink& sink,
                            RequestGate& gate,
                            const std::string& connection,
                            std::uint64_t allowed) {
    return gate.settle(allowed, [&](std::uint64_t spent) {
        ZOHOSYNCD_FAILPOINT("credits.settle");
        return sink.spend_credits(connection, spent);
    });
}

void settle_credits_in_time(Sink& sink,
                            RequestGate& gate,
                            const std::string& connection,
                            std::uint64_t allowed) {
    if (gate.credits_spent() >= credits_worth_a_write) {
        (void)settle_credits(sink, gate, connection, allowed);
    }
}

} // namespace zohosyncd
