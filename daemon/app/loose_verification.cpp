#include "daemon/app/loose_verification.hpp"

#include "daemon/app/loose_run.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/app/whole_run.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/zoho/loose_lists.hpp"
#include "daemon/zoho/record_decoder.hpp"
#include "daemon/zoho/whole_list.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace zohosyncd {
namespace {

// Rows of the target looked at together; an organisation has some thousand users at most.
constexpr std::size_t rows_at_once = 1000;

using Ids = std::set<std::int64_t>;

Ids in_both(const Ids& a, const Ids& b) {
    Ids both;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
    return both;
}

} // namespace

LooseVerification::LooseVerification(const RunContext& context,
                                     const StreamConfig& stream,
                                     VerifyOptions options,
                                     std::stop_token stop)
    : context_(context), stream_(stream), options_(options), stop_(std::move(stop)),
      key_(stream_key(context, stream)) {}

Findings LooseVerification::run() {
    const auto state = context_.sink.state(key_);
    schema_ = known_schema();
    // The table may not have its metadata columns yet, and nothing reads them.
    schema_.options = {};
    if (!state || schema_.columns.front().name.empty()) {
        throw not_synced_yet(key_);
    }
    require_same_organisation(context_, *state);
    const auto generation = state->generation;
    const Suspects found = walk_twice();
    Suspects left = found;
    const bool has_found =
        !(found.missing.empty() && found.extra.empty() && found.differing.empty());
    if (options_.repairs && has_found) {
        mend(found);
        left = walk_twice();
    }
    note(found.missing, left.missing, DifferenceKind::missing);
    note(found.extra, left.extra, DifferenceKind::extra);
    note(found.differing, left.differing, DifferenceKind::differing);
    store_findings(context_.sink,
                   key_,
                   findings_,
                   options_.repairs ? std::optional(generation) : std::nullopt);
    return findings_;
}

/// The fields that the table has columns for.
StreamSchema LooseVerification::known_schema() {
    if (stream_.endpoint.kind != EndpointKind::records) {
        return known_loose_schema(context_.sink, stream_);
    }
    const auto fields = context_.fields.get(context_.client, stream_.endpoint.module, stop_);
    const auto wanted = schema_of_records(stream_.target, *fields, stream_.select, stream_.columns);
    StreamSchema schema = empty_loose_schema(stream_.target);
    schema.folded = wanted.folded;
    for (const auto& known : context_.sink.known_columns(stream_.target)) {
        if (known.api_name == "id") {
            schema.columns.front().name = known.name;
        }
        for (const auto& column : wanted.columns) {
            if (known.api_name == column.api_name && known.api_name != "id") {
                schema.columns.push_back(column);
                schema.columns.back().name = known.name;
                schema.columns.back().type = known.type;
            }
        }
    }
    return schema;
}

LooseVerification::Suspects LooseVerification::walk_twice() {
    const Suspects once = walk();
    if (once.missing.empty() && once.extra.empty() && once.differing.empty()) {
        return once;
    }
    const Suspects twice = walk();
    return {in_both(once.missing, twice.missing),
            in_both(once.extra, twice.extra),
            in_both(once.differing, twice.differing)};
}

LooseVerification::Suspects LooseVerification::walk() {
    Suspects suspects;
    listed_.clear();
    if (stream_.endpoint.kind == EndpointKind::records) {
        walk_whole_list(suspects);
    } else {
        walk_pages(suspects);
    }
    findings_.compared = listed_.size();
    // An empty list proves nothing: absence is never deletion.
    if (!listed_.empty() && stream_.delete_missing != DeleteMissing::none) {
        add_unlisted(suspects);
    }
    return suspects;
}

void LooseVerification::note_begin(const std::optional<std::chrono::sys_seconds>& date) {
    if (!findings_.at) {
        findings_.at = date.value_or(context_.organisation.first_contact);
    }
}

void LooseVerification::walk_pages(Suspects& suspects) {
    const auto kind = stream_.endpoint.kind;
    bool goes_on = true;
    for (int page = 1; goes_on; ++page) {
        ApiReply reply = context_.client.get(loose_page_request(kind, page), stop_);
        note_begin(reply.date);
        goes_on = false;
        if (reply.has_body()) {
            RecordDecoder decoder;
            decoder.set_shape({schema_.columns, std::nullopt, false});
            Batch batch(schema_.columns.size());
            goes_on =
                loose_list_goes_on(kind, decoder.decode(*reply.body, loose_list_key(kind), batch));
            compare(batch, suspects);
        }
    }
}

void LooseVerification::walk_whole_list(Suspects& suspects) {
    WholeList list(context_.client, stream_.endpoint.module, schema_);
    while (!list.is_finished()) {
        Batch batch(schema_.columns.size());
        list.read(batch, stop_);
        note_begin(list.first_date());
        compare(batch, suspects);
    }
}

void LooseVerification::compare(const Batch& records, Suspects& suspects) {
    listed_.insert(records.ids().begin(), records.ids().end());
    const auto unlike = context_.sink.differing(schema_, records);
    Ids live;
    for (const auto& row : context_.sink.live_rows(schema_, unlike)) {
        live.insert(row.id);
    }
    for (const auto id : unlike) {
        (live.contains(id) ? suspects.differing : suspects.missing).insert(id);
    }
}

void LooseVerification::add_unlisted(Suspects& suspects) {
    std::optional<RowVersion> last;
    while (true) {
        const auto rows = context_.sink.live_rows_after(schema_, last, {}, rows_at_once);
        for (const auto& row : rows) {
            if (!listed_.contains(row.id)) {
                suspects.extra.insert(row.id);
            }
        }
        if (rows.size() < rows_at_once) {
            return;
        }
        last = rows.back();
    }
}

void LooseVerification::mend(const Suspects& suspects) {
    const int walks = suspects.extra.empty() ? 1 : 2;
    for (int walk = 0; walk < walks; ++walk) {
        if (stream_.endpoint.kind == EndpointKind::records) {
            StreamMemory memory;
            memory.said_whole = true;
            WholeRun(context_, stream_, memory, stop_).run();
        } else {
            LooseRun(context_, stream_, stop_).run();
        }
    }
}

void LooseVerification::note(const Ids& found, const Ids& left, DifferenceKind kind) {
    for (const auto id : found) {
        note_difference(findings_, key_.stream, kind, id, !options_.repairs || left.contains(id));
    }
}

} // namespace zohosyncd
