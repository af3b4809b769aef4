#include "daemon/app/loose_verification.hpp"

#include "daemon/app/loose_run.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/zoho/loose_lists.hpp"
#include "daemon/zoho/record_decoder.hpp"

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
    schema_ = known_loose_schema(context_.sink, stream_);
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
    bool goes_on = true;
    for (int page = 1; goes_on; ++page) {
        ApiReply reply =
            context_.client.get(loose_page_request(stream_.endpoint.kind, page), stop_);
        if (!findings_.at) {
            findings_.at = reply.date.value_or(context_.organisation.first_contact);
        }
        goes_on = false;
        if (reply.has_body()) {
            compare_page(*reply.body, goes_on, suspects);
        }
    }
    findings_.compared = listed_.size();
    // An empty list proves nothing: absence is never deletion.
    if (!listed_.empty() && stream_.delete_missing != DeleteMissing::none) {
        add_unlisted(suspects);
    }
    return suspects;
}

void LooseVerification::compare_page(std::string& body, bool& goes_on, Suspects& suspects) {
    const auto kind = stream_.endpoint.kind;
    RecordDecoder decoder;
    decoder.set_shape({schema_.columns, std::nullopt, false});
    Batch batch(schema_.columns.size());
    goes_on = loose_list_goes_on(kind, decoder.decode(body, loose_list_key(kind), batch));
    listed_.insert(batch.ids().begin(), batch.ids().end());
    const auto unlike = context_.sink.differing(schema_, batch);
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
        LooseRun(context_, stream_, stop_).run();
    }
}

void LooseVerification::note(const Ids& found, const Ids& left, DifferenceKind kind) {
    for (const auto id : found) {
        note_difference(findings_, key_.stream, kind, id, !options_.repairs || left.contains(id));
    }
}

} // namespace zohosyncd
