#include "daemon/app/formula_refresh.hpp"

#include "daemon/app/absent_fields.hpp"
#include "daemon/app/credit_waits.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/runtime/log.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

// As many as of a verification: some ten seconds of a fetcher at five requests a second.
constexpr std::size_t pages_between_runs = 50;

bool is_formula(const Column& column) {
    return column.data_type == "formula" || column.data_type == "rollup_summary";
}

bool is_due(const RunContext& context, const StreamConfig& stream, StreamMemory& memory) {
    if (!memory.formulas_at) {
        const auto state = context.sink.state(stream_key(context, stream));
        const auto last = state ? state->formulas : std::nullopt;
        // A stream that never was refreshed was just read: its turn is the schedule's next date.
        memory.formulas_at = last ? last->at : context.clock.wall_seconds();
    }
    return context.formulas_schedule->next_after(*memory.formulas_at) <=
           context.clock.wall_seconds();
}

} // namespace

StreamSchema formulas_only(const StreamSchema& schema) {
    StreamSchema formulas;
    formulas.target = schema.target;
    formulas.options = schema.options;
    formulas.columns = {schema.columns.front(), schema.columns[schema.version_column.value()]};
    formulas.columns.back().counts_as_change = false; // Rows of another version are not looked at.
    formulas.version_column = 1;
    std::copy_if(schema.columns.begin(),
                 schema.columns.end(),
                 std::back_inserter(formulas.columns),
                 is_formula);
    return formulas;
}

std::size_t count_formulas(const StreamSchema& schema) {
    return static_cast<std::size_t>(
        std::count_if(schema.columns.begin(), schema.columns.end(), is_formula));
}

FormulaWalk::FormulaWalk(const RunContext& context,
                         const StreamConfig& stream,
                         FormulaMemory& memory,
                         std::set<std::string>& absent,
                         std::stop_token stop)
    : context_(context), stream_(stream), memory_(memory), absent_(absent), stop_(std::move(stop)),
      key_(stream_key(context, stream)) {}

StreamSchema FormulaWalk::wanted_schema() {
    const auto fields = context_.fields.get(context_.client, stream_.endpoint.module, stop_);
    return formulas_only(schema_with_versions(stream_, *fields));
}

void FormulaWalk::prepare() {
    const auto wanted = wanted_schema();
    const auto hash = mapping_hash(wanted);
    if (memory_.scan && memory_.mapping_hash != hash) {
        memory_ = {}; // What was read so far lacks a field.
    }
    memory_.mapping_hash = hash;
    const auto state = context_.sink.state(key_);
    if (!state || !state->anchor) {
        throw not_synced_yet(key_);
    }
    state_ = *state;
    require_same_organisation(context_, state_);
    schema_ = wanted;
    take_known_columns();
    reader_ = std::make_unique<ListReader>(context_.client, stream_.endpoint.module, schema_);
}

/// The run before it has prepared the table. A column that is not there is one that the file keeps
/// out of it, or of a field so new that the next run brings it with its values.
void FormulaWalk::take_known_columns() {
    const auto known = context_.sink.known_columns(stream_.target);
    for (std::size_t i = schema_.columns.size(); i-- > 0;) {
        auto& column = schema_.columns[i];
        const auto found = std::find_if(known.begin(), known.end(), [&](const Column& candidate) {
            return candidate.api_name == column.api_name;
        });
        if (found != known.end()) {
            column.name = found->name;
            column.type = found->type;
        } else if (i > 1) {
            schema_.remove_column(i);
        } else {
            throw not_synced_yet(key_);
        }
    }
}

bool FormulaWalk::advance(std::size_t pages) {
    prepare();
    if (count_formulas(schema_) == 0) {
        return true; // The table has none of them.
    }
    if (!memory_.scan) {
        memory_.scan.emplace(state_.anchor.value(), std::nullopt);
    }
    for (; pages > 0 && !memory_.scan->finished(); --pages) {
        refresh_page();
    }
    if (!memory_.scan->finished()) {
        return false;
    }
    context_.sink.record_formulas(key_, memory_.found);
    log::event(Level::info,
               "formulas_refreshed",
               {kv("stream", key_.stream),
                kv("rows", memory_.found.compared),
                kv("updated", memory_.found.corrected),
                kv("requests", memory_.found.requests)});
    return true;
}

void FormulaWalk::refresh_page() {
    auto& scan = *memory_.scan;
    Batch listed(schema_.columns.size());
    Batch whole(schema_.columns.size());
    const auto requests_before = context_.client.requests_sent();
    const auto& page = read_page(listed, whole);
    memory_.found.requests += context_.client.requests_sent() - requests_before;
    if (memory_.found.at == std::chrono::sys_seconds{}) {
        memory_.found.at = page.date.value_or(context_.organisation.first_contact);
    }
    if (has_news_of_absence(page.absent, absent_)) {
        ask_for_absent(context_,
                       stream_,
                       page.absent,
                       {"the refresh of formula fields",
                        memory_.mapping_hash,
                        [this] { return wanted_schema(); }},
                       absent_);
        return; // Read again.
    }
    correct(listed);
    correct(whole);
    const auto repeated_before = scan.repeated_rows();
    scan.take(page.facts());
    memory_.found.compared += page.ids.size() - (scan.repeated_rows() - repeated_before);
}

/// A token that has expired is not tried again: the walk goes on at the second that it was for.
const ListReader::Page& FormulaWalk::read_page(Batch& listed, Batch& whole) {
    auto& scan = memory_.scan;
    try {
        return reader_->read(scan->next(), listed, whole, stop_);
    } catch (const SyncError& error) {
        if (error.kind() == ErrorKind::token_expired_page) {
            scan.emplace(ScanProgress(scan->progress()), scan->inclusive());
        }
        throw;
    }
}

/// Live rows of the record's very version that have other values.
std::set<std::int64_t> FormulaWalk::changed_rows(const Batch& records) {
    const auto unlike = context_.sink.differing(schema_, records);
    if (unlike.empty()) {
        return {};
    }
    std::map<std::int64_t, std::chrono::sys_seconds> versions;
    for (std::size_t row = 0; row < records.rows(); ++row) {
        versions[records.ids()[row]] = records.versions()[row];
    }
    std::set<std::int64_t> changed;
    for (const auto& row : context_.sink.live_rows(schema_, unlike)) {
        if (row.version == versions.at(row.id)) {
            changed.insert(row.id);
        }
    }
    return changed;
}

void FormulaWalk::correct(const Batch& records) {
    if (records.rows() == 0) {
        return;
    }
    const auto changed = changed_rows(records);
    if (changed.empty()) {
        return;
    }
    const Batch corrections = rows_of_records(records, {changed.begin(), changed.end()});
    PageWrite page;
    page.corrections = &corrections;
    const auto written =
        context_.sink.write(key_, schema_, page, checkpoint_from(context_, stream_, state_));
    memory_.found.corrected += written.updated;
}

void refresh_formulas_on_schedule(const RunContext& context,
                                  const StreamConfig& stream,
                                  StreamMemory& memory,
                                  const std::stop_token& stop) {
    if (stream.mode != StreamMode::incremental || stream.endpoint.kind != EndpointKind::records) {
        return; // A full refresh reads them by itself.
    }
    if (!memory.formulas && !is_due(context, stream, memory)) {
        return;
    }
    const auto fields = context.fields.get(context.client, stream.endpoint.module, stop);
    const auto schema = schema_of_records(stream.target, *fields, stream.select, stream.columns);
    if (!schema.version_column || count_formulas(schema) == 0) {
        memory.formulas.reset();
        memory.formulas_at = context.clock.wall_seconds();
        return;
    }
    if (must_comparison_wait(
            context, stream, "refresh of formula fields", memory.is_refresh_put_off)) {
        return;
    }
    if (!memory.formulas) {
        memory.formulas.emplace();
    }
    if (FormulaWalk(context, stream, *memory.formulas, memory.absent, stop)
            .advance(pages_between_runs)) {
        memory.formulas_at = context.clock.wall_seconds();
        memory.formulas.reset();
    }
}

} // namespace zohosyncd
