#include "daemon/zoho/list_reader.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/folding.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/zoho/api_errors.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

constexpr const char* rows_per_page = "200"; // Zoho's maximum (zoho-api-facts §3.1).

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) {
        text += (text.empty() ? "" : ",") + name;
    }
    return text;
}

RecordDecoder::Shape shape_of(const Slice& slice, const StreamSchema& schema) {
    RecordDecoder::Shape shape;
    for (const auto column : slice.columns) {
        shape.columns.push_back(schema.columns[column]);
    }
    shape.version = 1; // plan_slices puts Modified_Time second.
    return shape;
}

/// A proxy that lost count answers with another slice's page; its rows would join, with nothing in
/// them.
void require_fields_of_slice(const PageInfo& info) {
    if (!info.holds_asked_fields) {
        throw SyncError(ErrorKind::bad_response,
                        "list reply: its rows have none of the fields that were asked for, so it "
                        "answers another request; trying again later");
    }
}

/// A record whose Modified_Time can not be read says nothing about the order, and must not stop its
/// page.
void forget_rows_without_time(ListReader::Page& page) {
    std::size_t kept = 0;
    for (std::size_t row = 0; row < page.ids.size(); ++row) {
        if (page.versions[row] != std::chrono::sys_seconds::min()) {
            page.ids[kept] = page.ids[row];
            page.versions[kept++] = page.versions[row];
        }
    }
    page.ids.resize(kept);
    page.versions.resize(kept);
}

} // namespace

std::vector<Slice> slices_of(const StreamSchema& schema) {
    std::vector<std::vector<std::size_t>> columns; // Of each field.
    std::optional<std::size_t> version;
    for (std::size_t column = 0; column < schema.columns.size(); ++column) {
        const bool is_next_part =
            column > 0 && schema.columns[column].source() == schema.columns[column - 1].source();
        if (!is_next_part) {
            columns.emplace_back();
        }
        columns.back().push_back(column);
        version = column == schema.version_column ? std::optional(columns.size() - 1) : version;
    }
    auto slices = plan_slices(fields_to_ask(schema), version);
    for (auto& slice : slices) {
        std::vector<std::size_t> all;
        for (const auto field : slice.columns) {
            all.insert(all.end(), columns[field].begin(), columns[field].end());
        }
        slice.columns = std::move(all);
    }
    return slices;
}

ListReader::ListReader(ApiClient& client, std::string module, const StreamSchema& schema)
    : client_(client), module_(std::move(module)), asked_(asked_schema(schema)),
      folds_(holds_records(schema)), unfolded_(asked_.columns.size()),
      unfolded_singly_(asked_.columns.size()) {
    slices_ = slices_of(asked_);
    decoders_ = std::vector<RecordDecoder>(slices_.size());
    tokens_.resize(slices_.size());
    if (slices_.size() == 1) {
        // The columns stay in the schema's order, so that the page is decoded straight into the
        // batch.
        decoders_[0].set_shape({asked_.columns, asked_.version_column, false});
    } else {
        for (std::size_t slice = 0; slice < slices_.size(); ++slice) {
            decoders_[slice].set_shape(shape_of(slices_[slice], asked_));
            slice_batches_.emplace_back(slices_[slice].columns.size());
        }
    }
    single_decoder_.set_shape({asked_.columns, asked_.version_column, true});
}

ApiRequest ListReader::list_request(std::size_t slice, const PageRequest& request) const {
    ApiRequest api;
    api.path = "/" + module_;
    api.query = {{"fields", joined(slices_[slice].fields)},
                 {"sort_by", "Modified_Time"},
                 {"sort_order", "asc"},
                 {"per_page", rows_per_page}};
    if (module_ == "Leads") {
        api.query.emplace_back("converted", "both"); // Or a converted lead would go stale.
    }
    if (!request.page_token.empty()) {
        api.query.emplace_back("page_token", tokens_[slice]);
    }
    api.modified_since = request.since;
    return api;
}

void ListReader::read_first(const PageRequest& request, Batch& out, const std::stop_token& stop) {
    tokens_[0] = request.page_token;
    ZOHOSYNCD_FAILPOINT("list.request");
    const ApiReply reply = client_.get(list_request(0, request), stop);
    const std::size_t rows_before = out.rows();
    page_ = {};
    page_.date = reply.date;
    if (!reply.has_body()) {
        page_.says_module_is_empty = reply.status == 204;
        return;
    }
    const PageInfo info = decoders_[0].decode(*reply.body, "data", out);
    ZOHOSYNCD_FAILPOINT("list.decoded");
    if (!info.says_whether_more) {
        throw SyncError(ErrorKind::bad_response,
                        "list reply: info.more_records is missing, so the page may not be whole");
    }
    if (slices_.size() > 1) {
        require_fields_of_slice(info);
    }
    page_.absent = info.absent;
    page_.more_records = info.more_records;
    page_.next_page_token = info.next_page_token;
    const auto first = static_cast<std::ptrdiff_t>(rows_before);
    page_.ids.assign(out.ids().begin() + first, out.ids().end());
    page_.versions.assign(out.versions().begin() + first, out.versions().end());
    forget_rows_without_time(page_);
}

void ListReader::read_slice(std::size_t slice,
                            const PageRequest& request,
                            Batch& out,
                            const std::stop_token& stop) {
    if (!request.page_token.empty() && tokens_[slice].empty()) {
        return; // This slice's list ended earlier: its records do not agree and are fetched singly.
    }
    const ApiReply reply = client_.get(list_request(slice, request), stop);
    tokens_[slice].clear();
    if (reply.has_body()) {
        const PageInfo info = decoders_[slice].decode(*reply.body, "data", out);
        require_fields_of_slice(info);
        page_.absent.insert(page_.absent.end(), info.absent.begin(), info.absent.end());
        tokens_[slice] = info.next_page_token;
    }
}

/// The second up to which the first slice can not be changed any more: Zoho's clock had passed it
/// when that slice was answered. A row's own time proves the same where the `Date` is missing. A
/// page behind a token may come from a snapshot that is as old as the anchored page before it.
void ListReader::note_settled(const PageRequest& request) {
    if (request.page_token.empty()) {
        const auto newest = page_.versions.back();
        settled_before_ = page_.date ? std::max(*page_.date, newest) : newest;
    }
}

const ListReader::Page& ListReader::read(const PageRequest& request,
                                         Batch& listed,
                                         Batch& authoritative,
                                         const std::stop_token& stop) {
    if (!folds_) {
        const auto& page = read_asked(request, listed, authoritative, stop);
        listed.fill_up();
        authoritative.fill_up();
        return page;
    }
    unfolded_.clear(); // Of a page that failed.
    unfolded_singly_.clear();
    const auto& page = read_asked(request, unfolded_, unfolded_singly_, stop);
    fold_rows(asked_, unfolded_, listed);
    fold_rows(asked_, unfolded_singly_, authoritative);
    return page;
}

bool ListReader::read_record(std::int64_t id, Batch& authoritative, const std::stop_token& stop) {
    if (!folds_) {
        const bool is_there = read_asked_record(id, authoritative, stop);
        authoritative.fill_up();
        return is_there;
    }
    unfolded_singly_.clear();
    const bool is_there = read_asked_record(id, unfolded_singly_, stop);
    fold_rows(asked_, unfolded_singly_, authoritative);
    return is_there;
}

const ListReader::Page& ListReader::read_asked(const PageRequest& request,
                                               Batch& listed,
                                               Batch& authoritative,
                                               const std::stop_token& stop) {
    if (slices_.size() == 1) {
        read_first(request, listed, stop);
        ++pages_read_;
        return page_;
    }
    for (auto& batch : slice_batches_) {
        batch.clear();
    }
    read_first(request, slice_batches_[0], stop);
    ++pages_read_;
    ZOHOSYNCD_FAILPOINT("slices.first");
    if (!page_.ids.empty()) {
        note_settled(request);
        for (std::size_t slice = 1; slice < slices_.size(); ++slice) {
            ZOHOSYNCD_FAILPOINT("slices.next");
            read_slice(slice, request, slice_batches_[slice], stop);
        }
    }
    for (auto& batch : slice_batches_) {
        listed.replaced_characters += batch.replaced_characters;
        std::move(batch.quarantined().begin(),
                  batch.quarantined().end(),
                  std::back_inserter(listed.quarantined()));
    }
    ZOHOSYNCD_FAILPOINT("slices.join");
    for (const auto id : join_slices(slices_, slice_batches_, settled_before_, listed)) {
        (void)read_asked_record(id, authoritative, stop);
        ++page_.rows_fetched_singly;
    }
    ZOHOSYNCD_FAILPOINT("slices.joined");
    return page_;
}

bool ListReader::read_asked_record(std::int64_t id,
                                   Batch& authoritative,
                                   const std::stop_token& stop) {
    try {
        ZOHOSYNCD_FAILPOINT("single.request");
        const ApiReply reply =
            client_.get({"/" + module_ + "/" + std::to_string(id), {}, {}}, stop);
        ZOHOSYNCD_FAILPOINT("single.decoded");
        const std::size_t rows_before = authoritative.rows();
        if (!reply.has_body()) {
            return false;
        }
        const std::size_t poison_before = authoritative.quarantined().size();
        if (single_decoder_.decode(*reply.body, "data", authoritative).rows == 0) {
            if (authoritative.quarantined().size() == poison_before) {
                // Taken for gone, the record would be passed over and the mark moved beyond it.
                throw SyncError(ErrorKind::bad_response,
                                "GET /" + module_ +
                                    " by id was answered with an empty list, where a record that "
                                    "is gone gives 204 or 404; trying again later");
            }
            return true; // It is there, only it can not be stored.
        }
        if (authoritative.rows() != rows_before + 1 || authoritative.ids().back() != id) {
            authoritative.truncate(rows_before); // It would win over what the target has.
            throw SyncError(ErrorKind::bad_response,
                            "GET /" + module_ +
                                " by id was answered with another record than was asked for; "
                                "trying again later");
        }
        return true;
    } catch (const SyncError& error) {
        if (says_gone(error)) {
            return false;
        }
        throw;
    }
}

} // namespace zohosyncd
