#pragma once

#include "daemon/app/findings.hpp"
#include "daemon/app/run_context.hpp"

#include <cstdint>
#include <set>
#include <stop_token>

namespace zohosyncd {

/// Compares the table of `users`, of `modules`, or of a module without Modified_Time with Zoho in
/// every column, and mends it if asked to.
///
/// No time tells which of their rows may be behind, so the list is walked twice: what differs both
/// times counts. To mend is to run the full refresh; it takes two walks to remove a row.
class LooseVerification {
public:
    LooseVerification(const RunContext& context,
                      const StreamConfig& stream,
                      VerifyOptions options,
                      std::stop_token stop);

    /// The whole comparison. Stores its outcome. Throws SyncError.
    Findings run();

private:
    struct Suspects {
        std::set<std::int64_t> missing;
        std::set<std::int64_t> extra;
        std::set<std::int64_t> differing;
    };

    [[nodiscard]] StreamSchema known_schema();
    [[nodiscard]] Suspects walk();
    void walk_pages(Suspects& suspects);
    void walk_whole_list(Suspects& suspects);
    void compare(const Batch& records, Suspects& suspects);
    void note_begin(const std::optional<std::chrono::sys_seconds>& date);
    void add_unlisted(Suspects& suspects);
    [[nodiscard]] Suspects walk_twice();
    void mend(const Suspects& suspects);
    void note(const std::set<std::int64_t>& found,
              const std::set<std::int64_t>& left,
              DifferenceKind kind);

    const RunContext& context_;
    const StreamConfig& stream_;
    VerifyOptions options_;
    std::stop_token stop_;
    StreamKey key_;
    StreamSchema schema_;
    std::set<std::int64_t> listed_; ///< By the present walk.
    Findings findings_;
};

} // namespace zohosyncd
