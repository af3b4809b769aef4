#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>

namespace zohosyncd {

/// What the next list request of a scan asks for.
struct PageRequest {
    std::chrono::sys_seconds since; ///< If-Modified-Since; all slices of the page use the same.
    std::string page_token;         ///< Empty: a page anchored anew.
};

/// What a page told the scan: the ids and Modified_Time of its rows, in Zoho's order, and the
/// paging keys.
struct PageFacts {
    std::span<const std::int64_t> ids;
    std::span<const std::chrono::sys_seconds> versions;
    bool more_records = false;
    std::string next_page_token;
    /// `Date` of the (first slice's) reply, when it is there and plausible.
    std::optional<std::chrono::sys_seconds> date;
};

/// Where a scan stands, as stored with the rows of each commit. A scan resumed from it reads again
/// at most what came after that commit.
struct ScanProgress {
    std::chrono::sys_seconds start;                     ///< Where the scan began.
    std::chrono::sys_seconds at;                        ///< Everything before is committed.
    std::optional<std::chrono::sys_seconds> first_date; ///< `Date` of its first reply.
    std::optional<std::chrono::sys_seconds> greatest;   ///< Greatest Modified_Time seen.

    bool operator==(const ScanProgress&) const = default;
};

/// One walk over everything modified at or after `start`, ascending by Modified_Time, that loses
/// nothing while records are edited and deleted between its requests, whatever a page token is.
///
/// Each page is anchored anew at the Modified_Time of the last row of the page before, so no
/// request depends on positions in a list that may have moved. Only when a whole page carries one
/// second are tokens used, within that second; the second is then walked again until two walks give
/// the same ids: a record that left it between two token pages may have hidden another one, but
/// then it is missing from the second walk. The scan ends with the list, or with the first anchored
/// page that lies wholly at or after its first `Date`: whatever follows is the next scan's, however
/// much it is. docs/internals.md carries the whole argument.
///
/// A pure state machine: ask next(), send it, hand the page to take(), until finished(). Every
/// page's rows are to be stored, repeats included. Throws SyncError{bad_response} on a page that
/// can not be a list sorted by Modified_Time from the header on, or that promises more without a
/// way to get it.
class Scan {
public:
    using Instant = std::chrono::sys_seconds;

    /// `inclusive` is what is known of the comparison of If-Modified-Since: true for >=, false for
    /// >, nothing when no page has shown it yet. Until it is known to be inclusive, one second less
    /// is asked for, which costs a few repeated rows and is right either way.
    Scan(Instant start, std::optional<bool> inclusive);
    Scan(const ScanProgress& progress, std::optional<bool> inclusive);

    /// Whatever is edited meanwhile, the list is read to its end: for who has no next scan.
    void read_to_the_end() { reads_to_the_end_ = true; }

    [[nodiscard]] PageRequest next() const;
    void take(const PageFacts& page);

    [[nodiscard]] bool finished() const { return phase_ == Phase::finished; }

    /// Once finished: whether it read to the end of the list. If not, it ended where the next scan
    /// begins, and records edited meanwhile may lie beyond: nothing may be concluded from absence.
    [[nodiscard]] bool reached_end_of_list() const { return reached_end_of_list_; }

    [[nodiscard]] const ScanProgress& progress() const { return progress_; }

    [[nodiscard]] std::optional<bool> inclusive() const { return inclusive_; }

    /// Rows that came again because a page begins with the second that the page before ended with.
    [[nodiscard]] std::uint64_t repeated_rows() const { return repeated_rows_; }

private:
    enum class Phase {
        walking,    ///< Pages anchored anew.
        in_second,  ///< Token pages within one second.
        confirming, ///< The same second again, to compare the ids.
        finished,
    };

    [[nodiscard]] Instant header_for(Instant second) const;
    void note(const PageFacts& page, const PageRequest& asked);
    void take_anchored(const PageFacts& page, const PageRequest& asked);
    void take_of_second(const PageFacts& page);
    void begin_walk_of_second();
    void end_walk_of_second(bool list_ended);
    void follow_token(const PageFacts& page);
    [[nodiscard]] bool is_of_next_scan(const PageFacts& page) const;
    [[nodiscard]] bool leads_out_of_second(const PageFacts& page);

    void finish(bool list_ended) {
        phase_ = Phase::finished;
        reached_end_of_list_ = list_ended;
    }

    Phase phase_ = Phase::walking;
    ScanProgress progress_;
    std::optional<bool> inclusive_;
    bool boundary_was_seen_ = false; ///< progress_.at is the second of a row that a page showed.
    std::uint64_t repeated_rows_ = 0;

    Instant second_;
    Instant second_header_; ///< The header that the token of the second is bound to.
    std::string token_;
    std::optional<Instant> walk_date_;  ///< `Date` of the first page of this walk of the second.
    int pages_beyond_ = 0;              ///< Pages in a row that hold no row of the second.
    std::set<std::int64_t> ids_;        ///< What this walk of the second has shown.
    std::set<std::int64_t> ids_before_; ///< What the walk before has shown.
    bool reached_end_of_list_ = false;
    bool reads_to_the_end_ = false;
    bool has_first_reply_ = false;
    bool list_ended_before_ = false; ///< The walk before ended with the list itself.
};

} // namespace zohosyncd
