#include "daemon/zoho/whole_list.hpp"

#include "daemon/core/folding.hpp"
#include "daemon/runtime/failpoint.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

constexpr const char* rows_per_page = "200"; // Zoho's maximum (zoho-api-facts §3.1).

std::string names_of(const Slice& slice) {
    std::string text = slice.fields.front();
    for (std::size_t field = 1; field < slice.fields.size(); ++field) {
        text += "," + slice.fields[field];
    }
    return slice.fields.size() > 1 ? text : text + "," + beside_a_lone_id;
}

RecordDecoder::Shape shape_of(const Slice& slice, const StreamSchema& schema) {
    RecordDecoder::Shape shape;
    for (const auto column : slice.columns) {
        shape.columns.push_back(schema.columns[column]);
    }
    return shape;
}

SyncError bad_page(const std::string& what) {
    return {ErrorKind::bad_response, "list reply: " + what + "; trying again later"};
}

} // namespace

WholeList::WholeList(ApiClient& client, std::string module, const StreamSchema& schema)
    : client_(client), module_(std::move(module)), asked_(asked_schema(schema)),
      folds_(holds_records(schema)), unfolded_(asked_.columns.size()), slices_(slices_of(asked_)),
      decoders_(slices_.size()), turns_(slices_.size()), next_(slices_.size()),
      singles_(client, module_, asked_) {
    for (std::size_t slice = 0; slice < slices_.size(); ++slice) {
        decoders_[slice].set_shape(shape_of(slices_[slice], asked_));
        first_readings_.emplace_back(slices_[slice].columns.size());
        second_readings_.emplace_back(slices_[slice].columns.size());
    }
}

ApiRequest WholeList::request_for(std::size_t slice) const {
    ApiRequest request;
    request.path = "/" + module_;
    request.query = {{"fields", names_of(slices_[slice])},
                     {"sort_by", "id"},
                     {"sort_order", is_descending_ ? "desc" : "asc"},
                     {"per_page", rows_per_page}};
    if (!turns_[slice].token.empty()) {
        request.query.emplace_back("page_token", turns_[slice].token);
    }
    return request;
}

void WholeList::read_slice(std::size_t slice, Batch& out, const std::stop_token& stop) {
    ZOHOSYNCD_FAILPOINT("list.request");
    const ApiReply reply = client_.get(request_for(slice), stop);
    if (!first_date_) {
        first_date_ = reply.date;
    }
    next_[slice] = {"", true};
    if (!reply.has_body()) {
        return;
    }
    const PageInfo info = decoders_[slice].decode(*reply.body, "data", out);
    ZOHOSYNCD_FAILPOINT("list.decoded");
    if (!info.says_whether_more) {
        throw bad_page("info.more_records is missing, so the page may not be whole");
    }
    if (slices_.size() > 1 && !info.holds_asked_fields) {
        throw bad_page("its rows have none of the fields that were asked for");
    }
    absent_.insert(absent_.end(), info.absent.begin(), info.absent.end());
    if (!info.more_records) {
        return;
    }
    if (info.next_page_token.empty() || info.next_page_token == turns_[slice].token) {
        throw bad_page("more_records is true but there is no new next_page_token");
    }
    next_[slice] = {info.next_page_token, false};
}

void WholeList::read_all_slices(std::vector<Batch>& batches, const std::stop_token& stop) {
    for (std::size_t slice = 0; slice < slices_.size(); ++slice) {
        batches[slice].clear();
        if (!turns_[slice].has_ended) {
            read_slice(slice, batches[slice], stop);
        }
    }
}

void WholeList::read_page(Batch& out, const std::stop_token& stop) {
    absent_.clear();
    if (slices_.size() == 1) {
        read_slice(0, out, stop);
        return;
    }
    read_all_slices(first_readings_, stop);
    const bool is_empty = std::all_of(first_readings_.begin(),
                                      first_readings_.end(),
                                      [](const Batch& batch) { return batch.rows() == 0; });
    if (is_empty) {
        return;
    }
    read_all_slices(second_readings_, stop);
    for (auto& batch : second_readings_) {
        out.replaced_characters += batch.replaced_characters;
        std::move(batch.quarantined().begin(),
                  batch.quarantined().end(),
                  std::back_inserter(out.quarantined()));
    }
    for (const auto id : join_readings(slices_, first_readings_, second_readings_, out)) {
        (void)singles_.read_record(id, out, stop);
    }
}

/// Zoho lists no further this way.
void WholeList::turn_around(const SyncError& error) {
    if (error.zoho_code() != "PAGINATION_LIMIT_EXCEEDED") {
        throw error;
    }
    if (is_descending_) {
        throw SyncError(ErrorKind::schema_conflict,
                        "module " + module_ +
                            " has no Modified_Time and more records than Zoho lists from both ends "
                            "(200,000): it can not be read whole; disable the stream");
    }
    is_descending_ = true;
    std::fill(turns_.begin(), turns_.end(), Turn{});
}

void WholeList::note_progress(const Batch& out, std::size_t rows_before) {
    const auto begin = out.ids().begin() + static_cast<std::ptrdiff_t>(rows_before);
    if (begin == out.ids().end()) {
        return;
    }
    if (is_descending_) {
        // The two walks have met.
        is_finished_ = is_finished_ || *std::min_element(begin, out.ids().end()) <= greatest_id_;
    } else {
        greatest_id_ = std::max(greatest_id_, *std::max_element(begin, out.ids().end()));
    }
}

std::size_t WholeList::read(Batch& out, const std::stop_token& stop) {
    if (!folds_) {
        return read_asked(out, stop);
    }
    unfolded_.clear();
    const auto rows = read_asked(unfolded_, stop);
    fold_rows(asked_, unfolded_, out);
    return rows;
}

std::size_t WholeList::read_asked(Batch& out, const std::stop_token& stop) {
    const auto rows_before = out.rows();
    const BatchMark before(out);
    try {
        read_page(out, stop);
    } catch (const SyncError& error) {
        before.restore(out);
        turn_around(error);
        read_page(out, stop);
    }
    turns_ = next_;
    is_finished_ =
        std::all_of(turns_.begin(), turns_.end(), [](const Turn& turn) { return turn.has_ended; });
    note_progress(out, rows_before);
    return out.rows() - rows_before;
}

} // namespace zohosyncd
