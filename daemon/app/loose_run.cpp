#include "daemon/app/loose_run.hpp"

#include "daemon/app/records_run.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/zoho/loose_lists.hpp"

namespace zohosyncd {

LooseRun::LooseRun(const RunContext& context, const StreamConfig& stream, std::stop_token stop)
    : context_(context), stream_(stream), stop_(std::move(stop)),
      list_key_(stream.endpoint.kind == EndpointKind::users ? "users" : "modules"),
      recorder_(context, stream) {}

ApiRequest LooseRun::page_request(int page) const {
    if (stream_.endpoint.kind == EndpointKind::modules) {
        return {"/settings/modules", {}, {}}; // One answer, no paging.
    }
    return {
        "/users", {{"type", "AllUsers"}, {"page", std::to_string(page)}, {"per_page", "200"}}, {}};
}

void LooseRun::run() {
    begin();
    int page = 1;
    do {
        ApiReply reply = context_.client.get(page_request(page), stop_);
        if (page == 1) {
            first_date_ = reply.date;
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
void LooseRun::begin() {
    wanted_ = empty_loose_schema(stream_.target);
    for (auto& column : context_.sink.known_columns(stream_.target)) {
        if (column.api_name != "id") {
            column.counts_as_change = !changes_by_itself(column.api_name);
            wanted_.columns.push_back(std::move(column));
        }
    }
    prepared_ = recorder_.prepare(wanted_);
    checkpoint_ = recorder_.checkpoint_from(prepared_.state);
    context_.sink.begin_stage(recorder_.key(), prepared_.schema);
    ZOHOSYNCD_FAILPOINT("loose.begun");
}

void LooseRun::store_page(std::string& body) {
    if (add_columns_that_appear(body, list_key_, wanted_)) {
        ZOHOSYNCD_FAILPOINT("loose.columns");
        prepared_ = recorder_.prepare(wanted_);
    }
    decoder_.set_shape({prepared_.schema.columns, std::nullopt, false});
    batch_ = Batch(prepared_.schema.columns.size());
    const PageInfo info = decoder_.decode(body, list_key_, batch_);
    ZOHOSYNCD_FAILPOINT("loose.page");
    const bool is_paged = stream_.endpoint.kind == EndpointKind::users;
    if (is_paged && !info.says_whether_more) {
        throw SyncError(ErrorKind::bad_response,
                        "the list of users does not say whether it goes on; it may be cut short");
    }
    has_more_ = is_paged && info.more_records && info.rows > 0;
    recorder_.count_page(info.rows);
    context_.sink.write_stage(recorder_.key(), prepared_.schema, {&batch_, nullptr}, checkpoint_);
    ZOHOSYNCD_FAILPOINT("loose.stored");
}

void LooseRun::finish() {
    checkpoint_.scan.clear();
    checkpoint_.mapping_hash = mapping_hash(wanted_);
    checkpoint_.consistent_as_of = first_date_;
    recorder_.finish(checkpoint_);
    ZOHOSYNCD_FAILPOINT("loose.merge");
    const auto walked_at = first_date_.value_or(context_.organisation.first_contact);
    recorder_.count_written(context_.sink.merge_stage(recorder_.key(),
                                                      prepared_.schema,
                                                      delete_policy(stream_.delete_missing),
                                                      walked_at,
                                                      checkpoint_));
    ZOHOSYNCD_FAILPOINT("loose.merged");
    recorder_.log_finished(checkpoint_);
}

} // namespace zohosyncd
