#pragma once

#include "daemon/core/errors.hpp"
#include "daemon/core/scan.hpp"
#include "sinks/sink.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace zohosyncd {

struct VerifyOptions {
    bool repairs = false;
    bool compares_every_field = false; ///< Else id and Modified_Time alone.
};

/// How many differences of each kind.
struct Differences {
    std::uint64_t missing = 0;   ///< Records of Zoho without a live row.
    std::uint64_t extra = 0;     ///< Live rows without a record.
    std::uint64_t differing = 0; ///< Rows that are not the record as Zoho has it.

    [[nodiscard]] std::uint64_t sum() const { return missing + extra + differing; }
};

/// What a verification has seen so far. Each difference was confirmed before it was counted.
struct Findings {
    std::uint64_t compared = 0; ///< Records that Zoho listed.
    Differences found;
    Differences left;          ///< Of these, the ones that were not mended.
    std::uint64_t not_due = 0; ///< Differences so young that the next sync brings them.
    std::optional<std::chrono::sys_seconds> at; ///< Zoho's time when it began.
};

enum class DifferenceKind { missing, extra, differing };

/// Counts a confirmed difference and writes it into the log, by its id alone.
void note_difference(Findings& findings,
                     const std::string& stream,
                     DifferenceKind kind,
                     std::int64_t id,
                     bool is_left);

/// The end of a verification: stores what is left, and says it. `mended_generation` as in
/// Verification.
void store_findings(Sink& sink,
                    const StreamKey& key,
                    const Findings& findings,
                    std::optional<std::int64_t> mended_generation);

/// Nothing can be compared with a table that no sync has filled.
SyncError not_synced_yet(const StreamKey& key);

/// A verification of a module under way: what it needs to go on with the next page.
struct VerifyMemory {
    std::optional<Scan> scan; ///< Unset before it began.
    Findings findings;
    /// The records that Zoho listed in the present window, and their versions.
    std::map<std::int64_t, std::chrono::sys_seconds> listed;
    /// Rows of the target that the walk has not passed yet, in the walk's order.
    std::deque<RowVersion> ahead;
    std::optional<RowVersion> last_ahead; ///< The last row that was ever put there.
    bool has_all_rows = false;            ///< The target has none behind it.
    std::set<std::int64_t> judged;        ///< Differences; so that none counts twice.
    std::int64_t generation = 0;          ///< The stream's when it began.
};

} // namespace zohosyncd
