#include "tests/simulator/record_table.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

namespace zohosim {

namespace {

// Above this many rows one sort is cheaper than moving the index row by row.
constexpr std::size_t bulk_threshold = 500;

} // namespace

std::vector<std::uint32_t> RecordTable::choose(const Change& change, bool want_deleted) {
    std::vector<std::uint32_t> rows;
    for (const auto id : change.ids) {
        const auto row = row_of(id);
        // A purged record cannot come back.
        if (row && is_gone(current(*row)) == want_deleted && current(*row).event != Event::purged) {
            rows.push_back(*row);
        }
    }
    if (!change.ids.empty() || records_.empty()) {
        return rows;
    }
    const auto suits = [&](std::uint32_t row) {
        const auto& version = current(row);
        if (want_deleted) {
            return version.event == Event::deleted;
        }
        return !is_gone(version) && !(change.convert && version.converted_at != 0);
    };
    std::unordered_set<std::uint32_t> taken;
    const auto start = static_cast<std::uint32_t>(random_() % records_.size());
    const bool few = change.count < records_.size() / 4 && !want_deleted;
    for (std::uint32_t i = 0; rows.size() < change.count && i < records_.size(); ++i) {
        const auto row = few ? static_cast<std::uint32_t>(random_() % records_.size())
                             : static_cast<std::uint32_t>((start + i) % records_.size());
        if (suits(row) && taken.insert(row).second) {
            rows.push_back(row);
        }
    }
    return rows;
}

void RecordTable::commit(std::uint32_t row, Version version) {
    version.committed = world_.clock.now_micros();
    auto& record = records_[row];
    record.versions.push_back(std::move(version));
    const auto number = static_cast<std::int32_t>(record.versions.size()) - 1;
    Micros lag = world_.visibility_lag;
    if (lag > 0 && world_.lag_jitter) {
        lag = static_cast<Micros>(random_() % static_cast<std::uint64_t>(lag));
    }
    if (lag == 0) {
        show(row, number, !bulk_);
    } else {
        pending_.emplace(record.versions.back().committed + lag, Pending{row, number});
    }
}

void RecordTable::show(std::uint32_t row, std::int32_t version, bool update_index) {
    auto& record = records_[row];
    if (version <= record.shown) { // Jitter may bring versions out of order.
        return;
    }
    const bool was_listed = is_listed(row);
    const bool was_deleted = record.shown >= 0 && !was_listed;
    if (was_listed && update_index) {
        const Key key{record.versions[static_cast<std::size_t>(record.shown)].modified, row};
        const auto at = std::lower_bound(by_modified_.begin(), by_modified_.end(), key);
        by_modified_.erase(at);
    }
    record.shown = version;
    if (is_listed(row)) {
        if (update_index) {
            const Key key{record.versions[static_cast<std::size_t>(version)].modified, row};
            const auto at = std::lower_bound(by_modified_.begin(), by_modified_.end(), key);
            by_modified_.insert(at, key);
        }
        if (was_deleted) {
            std::erase(deleted_rows_, row);
        }
    } else if (!was_deleted) {
        deleted_rows_.push_back(row);
    }
}

void RecordTable::show_due() {
    const Micros now = world_.clock.now_micros();
    while (!pending_.empty() && pending_.begin()->first <= now) {
        const auto due = pending_.begin()->second;
        pending_.erase(pending_.begin());
        show(due.row, due.version, true);
    }
}

std::vector<std::int64_t> RecordTable::create(std::size_t count) {
    const std::scoped_lock lock{mutex_};
    std::vector<std::int64_t> ids;
    for (std::size_t i = 0; i < count; ++i) {
        Record record;
        record.created = world_.clock.now();
        const auto row = static_cast<std::uint32_t>(records_.size());
        records_.push_back(std::move(record));
        Version version;
        version.modified = records_[row].created;
        commit(row, std::move(version));
        ids.push_back(id_of(row));
    }
    return ids;
}

std::vector<std::int64_t> RecordTable::edit(const Change& change) {
    const std::scoped_lock lock{mutex_};
    const auto rows = choose(change, false);
    std::shared_ptr<const std::map<std::string, std::string>> values;
    if (!change.values.empty()) {
        values =
            std::make_shared<const std::map<std::string, std::string>>(by_field(change.values));
    }
    bulk_ = rows.size() > bulk_threshold;
    std::vector<std::int64_t> ids;
    for (const auto row : rows) {
        Version version = current(row);
        // Zero means that nothing was drawn anew.
        version.salt = change.values_alone ? 0 : random_() | 1U;
        version.event = change.convert ? Event::converted : Event::edited;
        version.values = values;
        const Seconds now = world_.clock.now();
        if (change.move_modified_time) {
            version.modified = change.modified_at.value_or(now);
        }
        if (change.convert) {
            version.converted_at = now;
        }
        commit(row, std::move(version));
        ids.push_back(id_of(row));
    }
    if (bulk_) {
        rebuild_index();
        bulk_ = false;
    }
    return ids;
}

std::vector<std::int64_t> RecordTable::erase(const Change& change) {
    const std::scoped_lock lock{mutex_};
    std::vector<std::int64_t> ids;
    for (const auto row : choose(change, false)) {
        Version version = current(row);
        version.salt = 0;
        version.values = nullptr;
        version.event = change.permanent ? Event::purged : Event::deleted;
        commit(row, std::move(version));
        ids.push_back(id_of(row));
    }
    return ids;
}

std::vector<std::int64_t> RecordTable::restore(const Change& change) {
    const std::scoped_lock lock{mutex_};
    std::vector<std::int64_t> ids;
    for (const auto row : choose(change, true)) {
        Version version = current(row);
        version.salt = 0;
        version.values = nullptr;
        version.event = Event::restored;
        if (change.move_modified_time) {
            version.modified = world_.clock.now();
        }
        commit(row, std::move(version));
        ids.push_back(id_of(row));
    }
    return ids;
}

std::size_t RecordTable::live_count() {
    const std::scoped_lock lock{mutex_};
    return static_cast<std::size_t>(
        std::count_if(records_.begin(), records_.end(), [](const Record& record) {
            return !is_gone(record.versions.back());
        }));
}

std::size_t RecordTable::size() {
    const std::scoped_lock lock{mutex_};
    return records_.size();
}

void RecordTable::append_ledger(std::string& out, std::size_t index, bool with_full) {
    const std::scoped_lock lock{mutex_};
    const auto row = static_cast<std::uint32_t>(index);
    const auto& record = records_[row];
    const auto& version = record.versions.back();
    const auto number = static_cast<std::int32_t>(record.versions.size()) - 1;
    out += R"({"id":")" + std::to_string(id_of(row)) + R"(","versions":)" +
           std::to_string(number + 1) + R"(,"deleted":)" + (is_gone(version) ? "true" : "false") +
           R"(,"permanent":)" + (version.event == Event::purged ? "true" : "false") +
           R"(,"deleted_time":)";
    if (is_gone(version)) {
        out += '"' + world_.zone.iso(version.committed / 1'000'000) + '"';
    } else {
        out += "null";
    }
    out += R"(,"modified":)" + std::to_string(version.modified) + R"(,"list_view":)";
    append_record(out, row, number, fields_, true);
    if (with_full) {
        out += R"(,"full":)";
        append_record(out, row, number, fields_, false);
    }
    out += "}\n";
}

std::string RecordTable::history() {
    const std::scoped_lock lock{mutex_};
    std::string out;
    for (std::uint32_t row = 0; row < records_.size(); ++row) {
        auto versions = nlohmann::json::array();
        for (const auto& version : records_[row].versions) {
            versions.push_back({version.modified, version.committed, is_gone(version)});
        }
        out += nlohmann::json{{"id", id_of(row)}, {"versions", versions}}.dump();
        out += '\n';
    }
    return out;
}

nlohmann::json RecordTable::versions(std::int64_t id) {
    constexpr std::array<const char*, 6> events{
        "created", "edited", "converted", "deleted", "purged", "restored"};
    const std::scoped_lock lock{mutex_};
    auto list = nlohmann::json::array();
    const auto row = row_of(id);
    if (!row) {
        return list;
    }
    const auto& record = records_[*row];
    for (std::size_t i = 0; i < record.versions.size(); ++i) {
        const auto& version = record.versions[i];
        std::string listed;
        std::string full;
        append_record(listed, *row, static_cast<std::int32_t>(i), fields_, true);
        append_record(full, *row, static_cast<std::int32_t>(i), fields_, false);
        // As text: numbers keep every digit, and planted poison need not parse.
        list.push_back({{"event", events[static_cast<std::size_t>(version.event)]},
                        {"modified", version.modified},
                        {"modified_time", world_.zone.iso(version.modified)},
                        {"commit_time_us", version.committed},
                        {"shown", static_cast<std::int32_t>(i) <= record.shown},
                        {"list_view", listed},
                        {"full", full}});
    }
    return list;
}

} // namespace zohosim
