#include "daemon/core/scan.hpp"

#include "daemon/core/errors.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

constexpr std::chrono::seconds one_second{1};

void require_sorted(const PageFacts& page) {
    if (!std::is_sorted(page.versions.begin(), page.versions.end())) {
        throw SyncError(ErrorKind::bad_response,
                        "list reply: rows are not sorted by Modified_Time, although sort_by asked for it");
    }
}

/// A page that lies wholly at or after the moment it was sent: what follows is newer than the scan.
bool is_all_present(const PageFacts& page) {
    return page.date.has_value() && !page.versions.empty() && page.versions.front() >= *page.date;
}

bool shows_second(const PageFacts& page, std::chrono::sys_seconds second) {
    return std::find(page.versions.begin(), page.versions.end(), second) != page.versions.end();
}

}  // namespace

Scan::Scan(Instant start, std::optional<bool> inclusive)
    : Scan(ScanProgress{start, start, std::nullopt, std::nullopt}, inclusive) {}

Scan::Scan(const ScanProgress& progress, std::optional<bool> inclusive)
    : progress_(progress), inclusive_(inclusive) {}

Scan::Instant Scan::header_for(Instant second) const {
    return inclusive_.value_or(true) ? second : second - one_second;
}

PageRequest Scan::next() const {
    switch (phase_) {
    case Phase::probing:
        return {progress_.at - one_second, ""};
    case Phase::in_second:
    case Phase::confirming:
        return {second_header_, token_};
    case Phase::walking:
    case Phase::finished:
        break;
    }
    return {header_for(progress_.at), ""};
}

void Scan::take(const PageFacts& page) {
    const PageRequest asked = next();
    note(page, asked);
    switch (phase_) {
    case Phase::walking:
        walk(page, asked);
        break;
    case Phase::probing:
        if (shows_second(page, progress_.at) && !inclusive_) {
            assume_exclusive();
            break;
        }
        phase_ = Phase::walking;
        take_anchored(page, asked);
        break;
    case Phase::in_second:
        walk_second(page);
        break;
    case Phase::confirming:
        confirm_second(page);
        break;
    case Phase::finished:
        throw SyncError(ErrorKind::internal, "a page was handed to a scan that had finished");
    }
}

void Scan::note(const PageFacts& page, const PageRequest& asked) {
    if (!progress_.first_date) {
        progress_.first_date = page.date;
    }
    for (const auto version : page.versions) {
        progress_.greatest = std::max(progress_.greatest.value_or(version), version);
    }
    if (asked.page_token.empty() && shows_second(page, asked.since)) {
        inclusive_ = true;  // The only proof there is; it beats a guess.
    }
    if (page.more_records && page.versions.empty()) {
        throw SyncError(ErrorKind::bad_response, "list reply: more_records is true on an empty page");
    }
}

/// From now on one second less is asked for, and what was read under the other assumption is read again.
void Scan::assume_exclusive() {
    inclusive_ = false;
    progress_.at = progress_.start;
    boundary_was_seen_ = false;
    phase_ = Phase::walking;
}

void Scan::walk(const PageFacts& page, const PageRequest& asked) {
    if (boundary_was_seen_ && !inclusive_ && !shows_second(page, progress_.at)) {
        // The rows of that second were edited meanwhile, or the comparison leaves the second out.
        phase_ = Phase::probing;
        return;
    }
    if (boundary_was_seen_) {
        repeated_rows_ += static_cast<std::uint64_t>(
            std::count(page.versions.begin(), page.versions.end(), progress_.at));
    }
    take_anchored(page, asked);
}

void Scan::take_anchored(const PageFacts& page, const PageRequest& asked) {
    require_sorted(page);
    if (!page.more_records || is_all_present(page)) {
        finish();
        return;
    }
    if (page.versions.front() == page.versions.back()) {
        second_ = page.versions.front();
        second_header_ = asked.since;
        progress_.at = second_;
        token_.clear();
        walked_ids_.clear();
        phase_ = Phase::in_second;
        walk_second(page);
        return;
    }
    progress_.at = page.versions.back();
    boundary_was_seen_ = true;
}

/// Only a sorted page can tell: behind a snapshot token, rows edited meanwhile stand among older ones.
bool Scan::goes_past_second(const PageFacts& page) const {
    return !page.versions.empty() && page.versions.back() > second_ &&
           std::is_sorted(page.versions.begin(), page.versions.end());
}

void Scan::collect_second(const PageFacts& page, std::set<std::int64_t>& ids) const {
    for (std::size_t row = 0; row < page.ids.size(); ++row) {
        if (page.versions[row] == second_) {
            ids.insert(page.ids[row]);
        }
    }
}

void Scan::follow_token(const PageFacts& page) {
    if (page.next_page_token.empty() || page.next_page_token == token_) {
        throw SyncError(ErrorKind::bad_response,
                        "list reply: more_records is true but there is no new next_page_token");
    }
    token_ = page.next_page_token;
}

void Scan::walk_second(const PageFacts& page) {
    collect_second(page, walked_ids_);
    if (page.more_records && !goes_past_second(page)) {
        follow_token(page);
        return;
    }
    list_ended_ = !page.more_records;
    confirm_again();
}

void Scan::confirm_again() {
    phase_ = Phase::confirming;
    second_header_ = header_for(second_);
    token_.clear();
    confirmed_ids_.clear();
}

void Scan::confirm_second(const PageFacts& page) {
    if (token_.empty() && !inclusive_ && !shows_second(page, second_)) {
        assume_exclusive();
        return;
    }
    collect_second(page, confirmed_ids_);
    if (confirmed_ids_ == walked_ids_) {
        if (list_ended_) {
            finish();
            return;
        }
        // Not the last row of the page that led out of the second: a token gave it, so it proves nothing.
        phase_ = Phase::walking;
        progress_.at = second_ + one_second;
        boundary_was_seen_ = false;
        return;
    }
    if (page.more_records && !goes_past_second(page)) {
        follow_token(page);
        return;
    }
    // The walks differ: this one is now the one to confirm.
    walked_ids_ = confirmed_ids_;
    list_ended_ = !page.more_records;
    confirm_again();
}

}  // namespace zohosyncd
