#include "tests/simulator/record_table.hpp"

#include <algorithm>

namespace zohosim {

namespace {

// Seed data ends this long before the start, so that no test window touches it by accident.
constexpr Seconds quiet_end = 3700;
constexpr Seconds recycle_days = 60 * 86'400;
constexpr Seconds permanent_days = 120 * 86'400;
constexpr std::size_t most_seed_deletions = 400;

bool is_constant(const Field& field) {
    return field.api_name == "Created_By" || field.kind == Kind::autonumber;
}

/// An edit changes about half of the fields, always the first text and the editor, so that a row
/// mixed from two versions shows.
bool is_changed_by(const Field& field, std::uint64_t salt) {
    if (is_constant(field)) {
        return false;
    }
    return field.mandatory || field.api_name == "Modified_By" || field.kind == Kind::textarea ||
           mix(field.seed ^ salt) % 2 == 0;
}

/// Edits set values by name; they stay the field's whatever it is called later.
std::string key_of(const Field& field) {
    return "#" + std::to_string(field.id);
}

} // namespace

RecordTable::RecordTable(World& world, std::vector<FieldPtr> fields, const SeedPlan& plan)
    : world_(world), first_id_(plan.first_id), fields_(std::move(fields)),
      random_(mix(world.seed ^ static_cast<std::uint64_t>(plan.first_id))) {
    seed(plan);
    rebuild_index();
}

void RecordTable::seed(const SeedPlan& plan) {
    const Seconds end = world_.clock.now() - quiet_end;
    const auto needed = static_cast<Seconds>(static_cast<double>(plan.count) / plan.per_second);
    const Seconds begin = end - std::max(plan.span, needed);
    const auto is_lead = std::any_of(fields_.begin(), fields_.end(), [](const auto& field) {
        return field->kind == Kind::converted_flag;
    });
    records_.reserve(plan.count + plan.count / 8);
    const Seconds tie_time = begin + (end - begin) / 2;
    for (std::size_t i = 0; i < plan.count; ++i) {
        Record record;
        const auto share = static_cast<double>(i) / static_cast<double>(plan.count);
        record.created = begin + static_cast<Seconds>(share * static_cast<double>(end - begin));
        Version version;
        version.modified = record.created;
        if (random_() % 3 == 0) { // Edited since: the order of times is not that of ids.
            version.modified +=
                static_cast<Seconds>(random_() % static_cast<std::uint64_t>(end - record.created));
        } else if (random_() % 8 == 0 && i != 0) {
            record.created = records_[i - 1].created;
            version.modified = records_[i - 1].versions[0].modified;
        }
        if (i >= (plan.count - plan.tie) / 2 && i < (plan.count + plan.tie) / 2) {
            version.modified = std::max(tie_time, record.created);
            version.modified = tie_time;
            record.created = std::min(record.created, tie_time);
        }
        version.committed = version.modified * 1'000'000;
        if (is_lead && random_() % 20 == 0) {
            version.event = Event::converted;
            version.converted_at = version.modified;
        }
        record.versions.push_back(std::move(version));
        record.shown = 0;
        records_.push_back(std::move(record));
    }
    seed_deleted(plan, begin, end);
}

void RecordTable::seed_deleted(const SeedPlan& plan, Seconds begin, Seconds end) {
    const auto count = std::min(plan.count / 50, most_seed_deletions);
    for (std::size_t i = 0; i < count; ++i) {
        Record record;
        record.created = records_.back().created;
        Version alive;
        alive.modified = record.created;
        alive.committed = alive.modified * 1'000'000;
        Version gone = alive;
        const auto age = static_cast<std::uint64_t>(std::min(end - begin, 2 * permanent_days));
        gone.committed = (end - static_cast<Seconds>(random_() % age)) * 1'000'000;
        gone.event = random_() % 4 == 0 ? Event::purged : Event::deleted;
        record.versions = {alive, gone};
        record.shown = 1;
        deleted_rows_.push_back(static_cast<std::uint32_t>(records_.size()));
        records_.push_back(std::move(record));
    }
}

void RecordTable::rebuild_index() {
    by_modified_.clear();
    by_modified_.reserve(records_.size());
    for (std::uint32_t row = 0; row < records_.size(); ++row) {
        if (is_listed(row)) {
            const auto& record = records_[row];
            const auto shown = static_cast<std::size_t>(record.shown);
            by_modified_.push_back({record.versions[shown].modified, row});
        }
    }
    std::sort(by_modified_.begin(), by_modified_.end());
}

bool RecordTable::is_gone(const Version& version) {
    return version.event == Event::deleted || version.event == Event::purged;
}

std::int64_t RecordTable::id_of(std::uint32_t row) const {
    return first_id_ + row;
}

std::optional<std::uint32_t> RecordTable::row_of(std::int64_t id) const {
    if (id < first_id_ || id >= first_id_ + static_cast<std::int64_t>(records_.size())) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(id - first_id_);
}

const RecordTable::Version& RecordTable::current(std::uint32_t row) const {
    return records_[row].versions.back();
}

bool RecordTable::is_listed(std::uint32_t row) const {
    const auto& record = records_[row];
    return record.shown >= 0 && !is_gone(record.versions[static_cast<std::size_t>(record.shown)]);
}

bool RecordTable::matches(const ListQuery& query, std::uint32_t row) const {
    if (!is_listed(row)) {
        return false;
    }
    const auto& record = records_[row];
    const auto& version = record.versions[static_cast<std::size_t>(record.shown)];
    if (!(version.converted_at == 0 ? query.with_unconverted : query.with_converted)) {
        return false;
    }
    return !query.since || version.modified >= *query.since + (query.since_exclusive ? 1 : 0);
}

template <typename Visitor>
void RecordTable::visit_by_modified(const ListQuery& query,
                                    const Position& begin,
                                    Visitor visitor) const {
    auto low = by_modified_.begin();
    auto high = by_modified_.end();
    if (query.since) {
        const Seconds since = *query.since + (query.since_exclusive ? 1 : 0);
        low = std::lower_bound(low, high, Key{since, 0});
    }
    if (begin.after) {
        const auto row = static_cast<std::uint32_t>(begin.after->second - first_id_);
        const Key after{begin.after->first, row};
        query.descending ? void(high = std::lower_bound(low, high, after))
                         : void(low = std::upper_bound(low, high, after));
    }
    if (query.descending) {
        while (high != low && visitor((--high)->row)) {
        }
    } else {
        while (low != high && visitor(low->row)) {
            ++low;
        }
    }
}

template <typename Visitor>
void RecordTable::visit_ids(const ListQuery& query, Visitor visitor) const {
    std::vector<Key> keys;
    for (const auto id : query.ids) {
        const auto row = row_of(id);
        if (row && is_listed(*row)) {
            const auto& record = records_[*row];
            const auto& version = record.versions[static_cast<std::size_t>(record.shown)];
            keys.push_back({query.sort == SortField::modified ? version.modified : 0, *row});
        }
    }
    std::sort(keys.begin(), keys.end());
    if (query.descending) {
        std::reverse(keys.begin(), keys.end());
    }
    for (const auto& key : keys) {
        if (!visitor(key.row)) {
            return;
        }
    }
}

/// Rows are created in the order of ids and times, so this also serves Created_Time.
template <typename Visitor>
void RecordTable::visit_by_id(const ListQuery& query,
                              const Position& begin,
                              Visitor visitor) const {
    std::int64_t low = 0;
    std::int64_t high = static_cast<std::int64_t>(records_.size());
    if (begin.after) {
        const auto row = begin.after->second - first_id_;
        query.descending ? void(high = row) : void(low = row + 1);
    }
    if (query.descending) {
        while (high > low && visitor(static_cast<std::uint32_t>(--high))) {
        }
    } else {
        while (low < high && visitor(static_cast<std::uint32_t>(low))) {
            ++low;
        }
    }
}

/// Calls visitor(row, version) for every row from `begin` on until it returns false.
template <typename Visitor>
void RecordTable::visit(const ListQuery& query, const Position& begin, Visitor visitor) const {
    if (begin.snapshot) {
        const auto& rows = *begin.snapshot;
        for (std::size_t i = begin.offset; i < rows.size(); ++i) {
            if (!visitor(rows[i].first, static_cast<std::int32_t>(rows[i].second))) {
                return;
            }
        }
        return;
    }
    std::size_t to_skip = begin.after ? 0 : begin.offset;
    const auto filter = [&](std::uint32_t row) {
        if (!matches(query, row)) {
            return true;
        }
        if (to_skip > 0) {
            --to_skip;
            return true;
        }
        return visitor(row, records_[row].shown);
    };
    if (!query.ids.empty()) {
        return visit_ids(query, filter);
    }
    query.sort == SortField::modified ? visit_by_modified(query, begin, filter)
                                      : visit_by_id(query, begin, filter);
}

ListPage RecordTable::list(const ListQuery& query, const Position& begin, std::size_t limit) {
    const std::scoped_lock lock{mutex_};
    show_due();
    ListPage page;
    visit(query, begin, [&](std::uint32_t row, std::int32_t version) {
        if (page.count == limit) {
            page.more = true;
            return false;
        }
        page.rows += page.count == 0 ? "" : ",";
        append_record(page.rows, row, version, query.fields, true);
        if (!query.extra.empty()) {
            page.rows.back() = ',';
            page.rows += query.extra;
            page.rows += '}';
        }
        const auto& shown = records_[row].versions[static_cast<std::size_t>(version)];
        const auto sort_value = query.sort == SortField::modified ? shown.modified : 0;
        page.last = {sort_value, id_of(row)};
        ++page.count;
        return true;
    });
    return page;
}

std::shared_ptr<const Snapshot> RecordTable::snapshot(const ListQuery& query) {
    const std::scoped_lock lock{mutex_};
    show_due();
    auto rows = std::make_shared<Snapshot>();
    visit(query, {}, [&](std::uint32_t row, std::int32_t version) {
        rows->emplace_back(row, static_cast<std::uint32_t>(version));
        return true;
    });
    return rows;
}

std::optional<std::string> RecordTable::single(std::int64_t id,
                                               const std::vector<FieldPtr>& fields) {
    const std::scoped_lock lock{mutex_};
    const auto row = row_of(id);
    if (!row || is_gone(current(*row))) {
        return std::nullopt;
    }
    std::string out;
    const auto version = static_cast<std::int32_t>(records_[*row].versions.size()) - 1;
    append_record(out, *row, version, fields, false);
    return out;
}

std::vector<DeletedRow> RecordTable::deletions() {
    const std::scoped_lock lock{mutex_};
    show_due();
    std::vector<DeletedRow> rows;
    const Seconds now = world_.clock.now();
    for (const auto row : deleted_rows_) {
        const auto& record = records_[row];
        const auto& version = record.versions[static_cast<std::size_t>(record.shown)];
        const Seconds deleted = version.committed / 1'000'000;
        const bool permanent = version.event == Event::purged || now - deleted > recycle_days;
        if (now - deleted <= permanent_days) {
            rows.push_back({id_of(row), deleted, permanent});
        }
    }
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
        return std::pair{a.deleted_time, a.id} > std::pair{b.deleted_time, b.id};
    });
    return rows;
}

void RecordTable::append_value(std::string& out,
                               std::uint32_t row,
                               std::int32_t version,
                               const Field& field,
                               bool list_view) const {
    const auto& record = records_[row];
    const auto& shown = record.versions[static_cast<std::size_t>(version)];
    std::uint64_t salt = 0;
    Micros written = record.versions.front().committed;
    for (auto i = static_cast<std::size_t>(version); i > 0; --i) {
        const auto& past = record.versions[i];
        if (past.values && past.committed >= field.retyped_at) {
            auto found = past.values->find(key_of(field));
            if (found == past.values->end()) {
                found = past.values->find(field.api_name); // Set before the field was there.
            }
            if (found != past.values->end()) {
                out += found->second;
                return;
            }
        }
        if (past.salt != 0 && is_changed_by(field, past.salt)) {
            salt = past.salt;
            written = past.committed;
            break;
        }
    }
    if (written < field.added_at) {
        out += "null";
        return;
    }
    const RecordFacts facts{id_of(row), record.created, shown.modified, shown.converted_at};
    world_.values.append(out, field, facts, salt, list_view);
}

void RecordTable::append_record(std::string& out,
                                std::uint32_t row,
                                std::int32_t version,
                                const std::vector<FieldPtr>& fields,
                                bool list_view) const {
    out += '{';
    bool has_id = false;
    for (const auto& field : fields) {
        if (list_view && field->is_virtual()) {
            continue;
        }
        has_id = has_id || field->kind == Kind::record_id;
        out += '"';
        out += field->api_name;
        out += "\":";
        append_value(out, row, version, *field, list_view);
        out += ',';
    }
    if (!has_id) {
        out += R"("id":")" + std::to_string(id_of(row)) + "\",";
    }
    out.back() = '}';
}

std::vector<FieldPtr> RecordTable::fields() {
    const std::scoped_lock lock{mutex_};
    return fields_;
}

std::map<std::string, std::string>
RecordTable::by_field(const std::vector<std::pair<std::string, std::string>>& values) const {
    std::map<std::string, std::string> keyed;
    for (const auto& [name, value] : values) {
        const auto field = std::find_if(
            fields_.begin(), fields_.end(), [&](const auto& f) { return f->api_name == name; });
        keyed.emplace(field == fields_.end() ? name : key_of(**field), value);
    }
    return keyed;
}

void RecordTable::set_fields(std::vector<FieldPtr> fields) {
    const std::scoped_lock lock{mutex_};
    fields_ = std::move(fields);
}

} // namespace zohosim
