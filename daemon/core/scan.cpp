#include "daemon/core/scan.hpp"

#include "daemon/core/errors.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

constexpr std::chrono::seconds one_second{1};

// Behind a token that is a snapshot, a page may hold nothing but rows that were edited meanwhile,
// in front of rows of the second. Three such pages in a row are no edits any more but the end of
// the second; without a limit, a list that grows faster than it is read would be followed for ever.
constexpr int enough_pages_beyond = 3;

void require_sorted(const PageFacts& page, std::chrono::sys_seconds since) {
    if (!std::is_sorted(page.versions.begin(), page.versions.end())) {
        throw SyncError(
            ErrorKind::bad_response,
            "list reply: rows are not sorted by Modified_Time, although sort_by asked for it");
    }
    if (!page.versions.empty() && page.versions.front() < since) {
        throw SyncError(ErrorKind::bad_response,
                        "list reply: rows are older than If-Modified-Since asked for");
    }
}

bool shows_second(const PageFacts& page, std::chrono::sys_seconds second) {
    return std::find(page.versions.begin(), page.versions.end(), second) != page.versions.end();
}

} // namespace

Scan::Scan(Instant start, std::optional<bool> inclusive)
    : Scan(ScanProgress{start, start, std::nullopt, std::nullopt}, inclusive) {}

Scan::Scan(const ScanProgress& progress, std::optional<bool> inclusive)
    : progress_(progress), inclusive_(inclusive) {}

Scan::Instant Scan::header_for(Instant second) const {
    // Nothing is as old as 1970, and a time before it may be refused.
    return inclusive_.value_or(false) || second <= Instant{} ? second : second - one_second;
}

PageRequest Scan::next() const {
    if (phase_ == Phase::in_second || phase_ == Phase::confirming) {
        return {second_header_, token_};
    }
    return {header_for(progress_.at), ""};
}

void Scan::take(const PageFacts& page) {
    const PageRequest asked = next();
    note(page, asked);
    switch (phase_) {
    case Phase::walking:
        take_anchored(page, asked);
        break;
    case Phase::in_second:
    case Phase::confirming:
        take_of_second(page);
        break;
    case Phase::finished:
        throw SyncError(ErrorKind::internal, "a page was handed to a scan that had finished");
    }
}

void Scan::note(const PageFacts& page, const PageRequest& asked) {
    if (!has_first_reply_ && !progress_.first_date && progress_.at == progress_.start) {
        progress_.first_date = page.date; // Of the first reply only: a later one vouches for less.
    }
    has_first_reply_ = true;
    for (const auto version : page.versions) {
        progress_.greatest = std::max(progress_.greatest.value_or(version), version);
    }
    if (asked.page_token.empty() && shows_second(page, asked.since)) {
        inclusive_ = true; // The only proof there is; it beats a guess.
    }
    if (page.more_records && page.versions.empty()) {
        throw SyncError(ErrorKind::bad_response,
                        "list reply: more_records is true on an empty page");
    }
}

/// A page that lies wholly at or after the scan's first `Date`: that is where the next scan starts.
bool Scan::is_of_next_scan(const PageFacts& page) const {
    return !reads_to_the_end_ && progress_.first_date && !page.versions.empty() &&
           page.versions.front() >= *progress_.first_date;
}

void Scan::take_anchored(const PageFacts& page, const PageRequest& asked) {
    require_sorted(page, asked.since);
    if (boundary_was_seen_) {
        repeated_rows_ += static_cast<std::uint64_t>(
            std::upper_bound(page.versions.begin(), page.versions.end(), progress_.at) -
            page.versions.begin());
    }
    if (!page.more_records || is_of_next_scan(page)) {
        finish(!page.more_records);
        return;
    }
    if (page.versions.back() < progress_.at) {
        return; // All of it is the second too much; now that this is known, it is not asked for
                // again.
    }
    progress_.at = page.versions.back();
    boundary_was_seen_ = true;
    if (page.versions.front() == page.versions.back()) {
        second_ = progress_.at;
        second_header_ = asked.since;
        phase_ = Phase::in_second;
        begin_walk_of_second();
        take_of_second(page);
    }
}

void Scan::begin_walk_of_second() {
    token_.clear();
    ids_.clear();
    pages_beyond_ = 0;
}

void Scan::take_of_second(const PageFacts& page) {
    if (token_.empty()) {
        walk_date_ = page.date;
    }
    for (std::size_t row = 0; row < page.ids.size(); ++row) {
        if (page.versions[row] == second_) {
            ids_.insert(page.ids[row]);
        }
    }
    if (page.more_records && !leads_out_of_second(page)) {
        follow_token(page);
        return;
    }
    end_walk_of_second(!page.more_records);
}

/// A row after the second proves it, unless it may have been edited since the walk began: behind a
/// token that is a snapshot, such a row keeps its old place.
bool Scan::leads_out_of_second(const PageFacts& page) {
    const Instant present = walk_date_.value_or(second_);
    bool shows_the_second = false;
    for (const auto version : page.versions) {
        if (version > second_ && version < present) {
            return true;
        }
        shows_the_second = shows_the_second || version == second_;
    }
    pages_beyond_ = shows_the_second ? 0 : pages_beyond_ + 1;
    return pages_beyond_ >= enough_pages_beyond;
}

void Scan::follow_token(const PageFacts& page) {
    if (page.next_page_token.empty() || page.next_page_token == token_) {
        throw SyncError(ErrorKind::bad_response,
                        "list reply: more_records is true but there is no new next_page_token");
    }
    token_ = page.next_page_token;
}

void Scan::end_walk_of_second(bool list_ended) {
    if (phase_ == Phase::confirming && ids_ == ids_before_) {
        if (list_ended_before_) {
            finish(true);
            return;
        }
        // Not the last row of the page that led out of the second: a token gave it, so it proves
        // nothing.
        phase_ = Phase::walking;
        progress_.at = second_ + one_second;
        boundary_was_seen_ = false;
        return;
    }
    // The first walk, or one that differs from the one before: it has to be confirmed itself.
    ids_before_ = std::move(ids_);
    list_ended_before_ = list_ended;
    phase_ = Phase::confirming;
    second_header_ = header_for(second_);
    begin_walk_of_second();
}

} // namespace zohosyncd
