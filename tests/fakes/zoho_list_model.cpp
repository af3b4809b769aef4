#include "tests/fakes/zoho_list_model.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace zohosyncd::fakes {

std::map<std::int64_t, ZohoListModel::Record>::iterator ZohoListModel::choose(bool prefers_ties) {
    if (records_.empty()) {
        return records_.end();
    }
    auto chosen = std::next(records_.begin(), static_cast<std::ptrdiff_t>(random(records_.size())));
    if (!prefers_ties || random(4) == 0) {
        return chosen;
    }
    std::map<Instant, std::size_t> crowd;
    for (const auto& [id, record] : records_) {
        ++crowd[record.modified];
    }
    const auto busiest =
        std::max_element(crowd.begin(), crowd.end(), [](const auto& a, const auto& b) {
            return a.second < b.second;
        });
    auto left = random(busiest->second);
    return std::find_if(records_.begin(), records_.end(), [&](const auto& entry) {
        return entry.second.modified == busiest->first && left-- == 0;
    });
}

std::vector<ZohoListModel::Row> ZohoListModel::sorted(Instant since) const {
    std::vector<Row> rows;
    for (const auto& [id, record] : records_) {
        if (record.modified > since ||
            (comparison_ == Comparison::inclusive && record.modified == since)) {
            rows.push_back({id, record});
        }
    }
    // By id the map is sorted already.
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
        return a.record.modified < b.record.modified;
    });
    return rows;
}

/// The snapshot's rows as its page shows them.
std::vector<ZohoListModel::Row> ZohoListModel::snapshot_rows(std::size_t number) const {
    std::vector<Row> rows = snapshots_.at(number);
    if (tokens_ == TokenMode::snapshot_live) {
        for (auto& row : rows) {
            const auto found = records_.find(row.id);
            if (found != records_.end()) {
                row.record = found->second;
            }
        }
    }
    return rows;
}

ZohoListModel::Page ZohoListModel::list(const PageRequest& request) {
    std::vector<Row> rows;
    std::size_t from = 0;
    std::size_t snapshot = snapshots_.size();
    const auto& token = request.page_token;
    const auto colon = token.find(':');
    if (token.empty()) {
        rows = sorted(request.since);
        if (tokens_ == TokenMode::snapshot_old || tokens_ == TokenMode::snapshot_live) {
            snapshots_.push_back(rows);
        }
    } else if (tokens_ == TokenMode::live_offset) {
        rows = sorted(request.since);
        from = std::min<std::size_t>(std::stoull(token), rows.size());
    } else if (tokens_ == TokenMode::keyset) {
        rows = sorted(request.since);
        const Instant modified{std::chrono::seconds(std::stoll(token))};
        const std::int64_t id = std::stoll(token.substr(colon + 1));
        from =
            static_cast<std::size_t>(std::count_if(rows.begin(), rows.end(), [&](const Row& row) {
                return row.record.modified < modified ||
                       (row.record.modified == modified && row.id <= id);
            }));
    } else {
        snapshot = std::stoull(token);
        rows = snapshot_rows(snapshot);
        from = std::min<std::size_t>(std::stoull(token.substr(colon + 1)), rows.size());
    }

    Page page;
    const auto to = std::min(from + page_size_, rows.size());
    for (auto row = from; row < to; ++row) {
        page.ids.push_back(rows[row].id);
        page.versions.push_back(rows[row].record.modified);
        page.edits.push_back(rows[row].record.edit);
    }
    page.more_records = to < rows.size();
    if (has_date_) {
        page.date = now_;
    }
    if (page.more_records && tokens_ == TokenMode::live_offset) {
        page.next_page_token = std::to_string(to);
    } else if (page.more_records && tokens_ == TokenMode::keyset) {
        page.next_page_token = std::to_string(page.versions.back().time_since_epoch().count()) +
                               ":" + std::to_string(page.ids.back());
    } else if (page.more_records) {
        page.next_page_token = std::to_string(snapshot) + ":" + std::to_string(to);
    }
    return page;
}

} // namespace zohosyncd::fakes
