#include "daemon/app/loose_run.hpp"

#include "daemon/app/records_run.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/zoho/loose_lists.hpp"

namespace zohosyncd {

LooseRun::LooseRun(const RunContext& context, const StreamConfig& stream, std::stop_token stop)
    : context_(context), stream_(stream), stop_(std::move(stop)), recorder_(context, stream) {}

void LooseRun::run() {
    wanted_ = known_loose_schema(context_.sink, stream_);
    int page = 1;
    do {
        ApiReply reply =
            context_.client.get(loose_page_request(stream_.endpoint.kind, page), stop_);
        const bool has_new_columns = reply.has_body() && look_at_columns(*reply.body);
        if (page == 1) {
            first_date_ = reply.date;
            begin();
        } else if (has_new_columns) {
            prepared_ = recorder_.prepare(wanted_, left_out_);
        }
        has_more_ = false;
        if (reply.has_body()) {
            store_page(*reply.body);
        }
        ++page;
    } while (has_more_);
    finish();
}

/// Begins with the columns that are known from earlier runs, so that their types stay.
StreamSchema known_loose_schema(Sink& sink, const StreamConfig& stream) {
    StreamSchema schema = empty_loose_schema(stream.target);
    for (auto& column : sink.known_columns(stream.target)) {
        if (column.api_name == "id") {
            schema.columns.front().name = column.name;
        } else if (stream.select.keeps(column.api_name)) {
            column.counts_as_change = !changes_by_itself(column.api_name);
            column.alias = stream.select.alias_of(column.api_name);
            stream.columns.apply_to(column);
            schema.columns.push_back(std::move(column));
        }
    }
    schema.options = stream.columns.table_for(schema.columns);
    return schema;
}

/// A new table gets the columns of the first page at once: later ones are new to it, and the file
/// may not want those.
void LooseRun::begin() {
    prepared_ = recorder_.prepare(wanted_, left_out_);
    checkpoint_ = recorder_.checkpoint_from(prepared_.state);
    context_.sink.begin_stage(recorder_.key(), prepared_.schema);
    ZOHOSYNCD_FAILPOINT("loose.begun");
}

/// True when the page has some that no page had so far.
bool LooseRun::look_at_columns(const std::string& body) {
    const bool appeared = add_columns_that_appear(
        body, loose_list_key(stream_.endpoint.kind), stream_.select, wanted_, stream_.columns);
    if (appeared) {
        ZOHOSYNCD_FAILPOINT("loose.columns");
    }
    return appeared;
}

void LooseRun::store_page(std::string& body) {
    const auto kind = stream_.endpoint.kind;
    decoder_.set_shape({prepared_.schema.columns, std::nullopt, false});
    batch_ = Batch(prepared_.schema.columns.size());
    const PageInfo info = decoder_.decode(body, loose_list_key(kind), batch_);
    ZOHOSYNCD_FAILPOINT("loose.page");
    has_more_ = loose_list_goes_on(kind, info);
    recorder_.count_page(info.rows);
    recorder_.count_values({&batch_, nullptr, {}});
    const auto stats = context_.sink.write_stage(
        recorder_.key(), prepared_.schema, {&batch_, nullptr}, checkpoint_);
    staged_rows_ += stats.inserted;
    ZOHOSYNCD_FAILPOINT("loose.stored");
}

void LooseRun::finish() {
    checkpoint_.scan.clear();
    checkpoint_.mapping_hash = mapping_hash(prepared_.schema);
    checkpoint_.consistent_as_of = first_date_;
    checkpoint_.staged_rows = staged_rows_;
    recorder_.finish(checkpoint_);
    ZOHOSYNCD_FAILPOINT("loose.merge");
    recorder_.end_stage(
        prepared_.schema, delete_policy(stream_.delete_missing), first_date_, checkpoint_);
    ZOHOSYNCD_FAILPOINT("loose.merged");
    recorder_.log_finished(checkpoint_);
}

} // namespace zohosyncd
