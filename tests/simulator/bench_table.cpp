#include "tests/simulator/bench_table.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

namespace zohosim {

namespace {

constexpr Seconds quiet_end = 3700;

std::string joined_names(const std::vector<FieldPtr>& fields) {
    std::vector<std::string> names;
    for (const auto& field : fields) {
        names.push_back(field->api_name);
    }
    std::sort(names.begin(), names.end());
    std::string text;
    for (const auto& name : names) {
        text += name + ",";
    }
    return text;
}

} // namespace

std::vector<FieldPtr> bench_fields(const Module& module, std::size_t count) {
    // One lookup in all; the rest in turn, so that 45 of them make about 700 bytes of values.
    constexpr std::array<const char*, 8> types{
        "text", "currency", "integer", "text", "boolean", "date", "datetime", "bigint"};
    std::vector<FieldPtr> fields;
    for (const auto* name : {"id", "Created_Time", "Modified_Time", "Owner"}) {
        const auto found = std::find_if(module.fields.begin(),
                                        module.fields.end(),
                                        [&](const auto& field) { return field->api_name == name; });
        fields.push_back(*found);
    }
    Module numbered = module;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string type = i == 0 ? "lookup" : types[i % types.size()];
        const auto name = "Bench_" + type + "_" + std::to_string(i + 1);
        numbered.fields.push_back(std::make_shared<const Field>(make_field(numbered, name, type)));
        fields.push_back(numbered.fields.back());
    }
    return fields;
}

BenchTable::BenchTable(World& world, std::vector<FieldPtr> fields, const SeedPlan& plan)
    : world_(world), first_id_(plan.first_id), fields_(std::move(fields)),
      random_(mix(world.seed ^ static_cast<std::uint64_t>(plan.first_id))) {
    const Seconds end = world_.clock.now() - quiet_end;
    const auto length = static_cast<double>(plan.count) / plan.per_second;
    const Seconds begin = end - std::max(static_cast<Seconds>(length), Seconds{1});
    slots_.reserve(plan.count + plan.count / 16);
    for (std::size_t i = 0; i < plan.count; ++i) {
        const auto share = static_cast<double>(i) / static_cast<double>(plan.count);
        const auto time = begin + static_cast<Seconds>(share * static_cast<double>(end - begin));
        const auto record = static_cast<std::uint32_t>(i);
        slots_.push_back({time, time, record, 0, true});
        slot_of_.push_back(record);
    }
    auto& all = projections_[""];
    all.fields = fields_;
    build(all);
}

void BenchTable::append_slot(std::string& out,
                             const Projection& projection,
                             const Slot& slot) const {
    const RecordFacts facts{first_id_ + slot.record, slot.created, slot.modified, 0};
    out += '{';
    bool has_id = false;
    for (const auto& field : projection.fields) {
        has_id = has_id || field->kind == Kind::record_id;
        out += '"';
        out += field->api_name;
        out += "\":";
        world_.values.append(out, *field, facts, slot.salt, true);
        out += ',';
    }
    if (!has_id) {
        out += R"("id":")" + std::to_string(facts.id) + "\",";
    }
    out.back() = '}';
    out += ',';
}

void BenchTable::build(Projection& projection) {
    projection.at.reserve(slots_.size() + 1);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        projection.at.push_back(projection.base.size());
        append_slot(projection.base, projection, slots_[i]);
        if (i == 1'000) { // One allocation instead of doublings of a gigabyte.
            projection.base.reserve(projection.base.size() / 1'000 * slots_.size() * 102 / 100);
        }
    }
    projection.at.push_back(projection.base.size());
}

BenchTable::Projection& BenchTable::projection_for(const ListQuery& query) {
    // Compared by content: clients may name the fields in any order.
    const auto names = joined_names(query.fields);
    if (query.fields.size() == fields_.size() || names == joined_names(fields_)) {
        return projections_[""];
    }
    auto& projection = projections_[names];
    if (projection.at.empty()) {
        projection.fields = query.fields;
        build(projection);
    }
    return projection;
}

std::string_view BenchTable::text_of(const Projection& projection, std::size_t slot) {
    const auto built = projection.at.size() - 1;
    if (slot >= built) {
        return projection.later[slot - built];
    }
    const auto begin = projection.at[slot];
    return std::string_view{projection.base}.substr(begin, projection.at[slot + 1] - begin);
}

template <typename Visitor>
void BenchTable::visit(const ListQuery& query, const Position& begin, Visitor visitor) const {
    const bool by_time = query.sort == SortField::modified;
    std::size_t low = 0;
    std::size_t high = by_time ? slots_.size() : slot_of_.size();
    const auto first_from = [&](Seconds time) {
        const auto at = std::lower_bound(
            slots_.begin(), slots_.end(), time, [](const Slot& slot, Seconds value) {
                return slot.modified < value;
            });
        return static_cast<std::size_t>(at - slots_.begin());
    };
    const Seconds since = query.since ? *query.since + (query.since_exclusive ? 1 : 0) : Seconds{0};
    if (query.since && by_time) {
        low = first_from(since);
    }
    if (begin.after) { // By time the place is the slot number: slots never move.
        const auto place = static_cast<std::size_t>(begin.after->first);
        query.descending ? void(high = std::min(high, place))
                         : void(low = std::max(low, place + 1));
    }
    const auto offer = [&](std::size_t index) {
        const std::size_t slot = by_time ? index : slot_of_[index];
        return !slots_[slot].alive || slots_[slot].modified < since || visitor(slot, index);
    };
    if (query.descending) {
        while (high > low && offer(high - 1)) {
            --high;
        }
    } else {
        while (low < high && offer(low)) {
            ++low;
        }
    }
}

ListPage BenchTable::list(const ListQuery& query, const Position& begin, std::size_t limit) {
    const std::scoped_lock lock{mutex_};
    const auto& projection = projection_for(query);
    ListPage page;
    std::string_view run; // Neighbours are copied together.
    std::size_t to_skip = begin.after ? 0 : begin.offset;
    const auto take = [&](std::size_t slot, std::size_t index) {
        if (to_skip > 0) {
            --to_skip;
            return true;
        }
        if (page.count == limit) {
            page.more = true;
            return false;
        }
        const auto text = text_of(projection, slot);
        if (run.data() + run.size() == text.data()) {
            run = {run.data(), run.size() + text.size()};
        } else {
            page.rows += run;
            run = text;
        }
        page.last = {static_cast<std::int64_t>(index), 0};
        ++page.count;
        return true;
    };
    if (query.ids.empty()) {
        visit(query, begin, take);
    } else {
        for (const auto id : query.ids) {
            const auto record = static_cast<std::size_t>(id - first_id_);
            if (record < slot_of_.size() && slots_[slot_of_[record]].alive) {
                take(slot_of_[record], record);
            }
        }
    }
    page.rows += run;
    if (!page.rows.empty()) {
        page.rows.pop_back();
    }
    return page;
}

std::shared_ptr<const Snapshot> BenchTable::snapshot(const ListQuery& /*query*/) {
    return nullptr; // Walks here are by place.
}

std::optional<std::string> BenchTable::single(std::int64_t id,
                                              const std::vector<FieldPtr>& fields) {
    const std::scoped_lock lock{mutex_};
    const auto record = static_cast<std::size_t>(id - first_id_);
    if (id < first_id_ || record >= slot_of_.size() || !slots_[slot_of_[record]].alive) {
        return std::nullopt;
    }
    Projection projection;
    projection.fields = fields;
    std::string out;
    append_slot(out, projection, slots_[slot_of_[record]]);
    out.pop_back();
    return out;
}

std::vector<DeletedRow> BenchTable::deletions() {
    const std::scoped_lock lock{mutex_};
    return {deleted_.rbegin(), deleted_.rend()};
}

std::size_t BenchTable::add_slot(std::uint32_t record, Seconds created, Seconds modified) {
    const auto salt = static_cast<std::uint32_t>(random_() | 1U);
    const auto time = std::max(modified, slots_.empty() ? modified : slots_.back().modified);
    slots_.push_back({time, created, record, salt, true});
    for (auto& [names, projection] : projections_) {
        projection.later.emplace_back();
        append_slot(projection.later.back(), projection, slots_.back());
    }
    return slots_.size() - 1;
}

std::vector<std::int64_t> BenchTable::create(std::size_t count) {
    const std::scoped_lock lock{mutex_};
    std::vector<std::int64_t> ids;
    const Seconds now = world_.clock.now();
    for (std::size_t i = 0; i < count; ++i) {
        const auto record = static_cast<std::uint32_t>(slot_of_.size());
        slot_of_.push_back(static_cast<std::uint32_t>(add_slot(record, now, now)));
        ids.push_back(first_id_ + record);
    }
    return ids;
}

std::vector<std::int64_t> BenchTable::edit(const Change& change) {
    const std::scoped_lock lock{mutex_};
    auto ids = change.ids;
    std::unordered_set<std::uint64_t> taken;
    for (std::size_t tries = 0; change.ids.empty() && ids.size() < change.count &&
                                tries < 4 * change.count && !slot_of_.empty();
         ++tries) {
        const auto record = random_() % slot_of_.size();
        if (slots_[slot_of_[record]].alive && taken.insert(record).second) {
            ids.push_back(first_id_ + static_cast<std::int64_t>(record));
        }
    }
    for (const auto id : ids) {
        const auto record = static_cast<std::uint32_t>(id - first_id_);
        auto& old = slots_[slot_of_[record]];
        old.alive = false;
        const Seconds created = old.created;
        const auto time = change.modified_at.value_or(world_.clock.now());
        slot_of_[record] = static_cast<std::uint32_t>(add_slot(record, created, time));
    }
    return ids;
}

std::vector<std::int64_t> BenchTable::erase(const Change& change) {
    const std::scoped_lock lock{mutex_};
    auto ids = change.ids;
    while (change.ids.empty() && ids.size() < std::min(change.count, slot_of_.size() / 2)) {
        const auto record = random_() % slot_of_.size();
        if (slots_[slot_of_[record]].alive) {
            slots_[slot_of_[record]].alive = false;
            ids.push_back(first_id_ + static_cast<std::int64_t>(record));
        }
    }
    for (const auto id : ids) {
        slots_[slot_of_[static_cast<std::size_t>(id - first_id_)]].alive = false;
        deleted_.push_back({id, world_.clock.now(), change.permanent});
    }
    return ids;
}

std::vector<std::int64_t> BenchTable::restore(const Change& /*change*/) {
    return {};
}

std::size_t BenchTable::live_count() {
    const std::scoped_lock lock{mutex_};
    return static_cast<std::size_t>(
        std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.alive; }));
}

std::size_t BenchTable::size() {
    const std::scoped_lock lock{mutex_};
    return slot_of_.size();
}

void BenchTable::append_ledger(std::string& out, std::size_t index, bool with_full) {
    const std::scoped_lock lock{mutex_};
    const auto slot = slot_of_[index];
    const auto& entry = slots_[slot];
    auto text = text_of(projections_[""], slot);
    text.remove_suffix(1);
    out += R"({"id":")" + std::to_string(first_id_ + static_cast<std::int64_t>(index)) +
           R"(","deleted":)" + (entry.alive ? "false" : "true") +
           R"(,"deleted_time":null,"modified":)" + std::to_string(entry.modified) +
           R"(,"list_view":)";
    out += text;
    if (with_full) {
        out += R"(,"full":)";
        out += text;
    }
    out += "}\n";
}

std::string BenchTable::history() {
    return {};
}

nlohmann::json BenchTable::versions(std::int64_t /*id*/) {
    return nlohmann::json::array();
}

std::vector<FieldPtr> BenchTable::fields() {
    const std::scoped_lock lock{mutex_};
    return fields_;
}

void BenchTable::set_fields(std::vector<FieldPtr> /*fields*/) {}

} // namespace zohosim
