#pragma once

#include "daemon/core/scan.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace zohosyncd::fakes {

enum class TokenMode {
    live_offset,   ///< The token is a position in the list as it is now.
    keyset,        ///< The token is the last row's (Modified_Time, id).
    snapshot_old,  ///< The token keeps the list as it was, with the rows' old content.
    snapshot_live, ///< The token keeps the rows' order; each shows what it is now.
};

enum class Comparison { inclusive, exclusive };

/// Zoho's list of one module, sorted by Modified_Time and id, as a value that tests edit between
/// requests.
class ZohoListModel {
public:
    using Instant = std::chrono::sys_seconds;

    struct Record {
        Instant modified;
        std::uint64_t edit = 0; ///< Greater with every edit: tells versions of one second apart.
        bool is_late = false;   ///< Appeared with an old time; no scan promises those.
    };

    struct Page {
        std::vector<std::int64_t> ids;
        std::vector<Instant> versions;
        std::vector<std::uint64_t> edits;
        bool more_records = false;
        std::string next_page_token;
        std::optional<Instant> date;

        PageFacts facts() const { return {ids, versions, more_records, next_page_token, date}; }
    };

    ZohoListModel(std::uint64_t seed,
                  std::size_t page_size,
                  TokenMode tokens,
                  Comparison comparison,
                  bool has_date)
        : random_(seed), page_size_(page_size), tokens_(tokens), comparison_(comparison),
          has_date_(has_date) {}

    /// A number below `limit`.
    std::size_t random(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }

    void add(std::size_t count, Instant modified) {
        for (; count > 0; --count) {
            // Ids are spread, so that late ones get in between.
            records_[next_id_ += 1 + static_cast<std::int64_t>(random(5))] = {
                modified, ++edits_, false};
        }
    }

    void begin_at(Instant now) { began_ = now_ = now; }

    void advance(std::chrono::seconds by) { now_ += by; }

    /// An edit now; often of several neighbours, as mass updates do.
    void edit_random(bool prefers_ties) {
        if (auto chosen = choose(prefers_ties); chosen != records_.end()) {
            chosen->second = {now_, ++edits_, false};
        }
    }

    void delete_random(bool prefers_ties) {
        if (auto chosen = choose(prefers_ties); chosen != records_.end()) {
            records_.erase(chosen);
        }
    }

    void add_late(Instant earliest) {
        const auto span = static_cast<std::size_t>((now_ - earliest).count()) + 1;
        const auto id =
            static_cast<std::int64_t>(random(static_cast<std::size_t>(next_id_) + 1)) + 1;
        records_.try_emplace(id,
                             Record{earliest + std::chrono::seconds(random(span)), ++edits_, true});
    }

    const std::map<std::int64_t, Record>& records() const { return records_; }

    Instant began() const { return began_; }

    Page list(const PageRequest& request);

private:
    struct Row {
        std::int64_t id;
        Record record;
    };

    std::map<std::int64_t, Record>::iterator choose(bool prefers_ties);
    std::vector<Row> sorted(Instant since) const;
    std::vector<Row> snapshot_rows(std::size_t number) const;

    std::mt19937_64 random_;
    std::size_t page_size_;
    TokenMode tokens_;
    Comparison comparison_;
    bool has_date_;
    std::map<std::int64_t, Record> records_;
    std::int64_t next_id_ = 0;
    std::uint64_t edits_ = 0;
    Instant now_;
    Instant began_;
    std::vector<std::vector<Row>> snapshots_;
};

} // namespace zohosyncd::fakes
