#pragma once

#include "daemon/app/findings.hpp"
#include "daemon/app/run_context.hpp"

#include <cstdint>
#include <set>
#include <stop_token>

namespace zohosyncd {

/// Compares the table of `users` or `modules` with Zoho in every column, and mends it if asked to.
///
/// Their records can not be fetched one by one, so the list is walked twice: what differs both
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

    [[nodiscard]] Suspects walk();
    void compare_page(std::string& body, bool& goes_on, Suspects& suspects);
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
