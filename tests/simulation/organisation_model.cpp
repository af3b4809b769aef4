#include "tests/simulation/organisation_model.hpp"

#include <algorithm>
#include <iterator>

namespace zohosyncd::simulation {
namespace {

using namespace std::chrono_literals;

// zoho-api-facts §8: how long the bin keeps a record, and the list of deletions what left the bin.
constexpr auto in_bin = std::chrono::days(60);
constexpr auto in_list = std::chrono::days(120);
// More would need an hourly look at what is held deleted, and more than two runs to settle.
constexpr std::size_t most_gone_young = 150;

} // namespace

OrganisationModel::OrganisationModel(Dice& dice, Habits habits, Moment now)
    : dice_(dice), habits_(habits), now_(now), next_(now), next_ageing_(now) {}

ModuleModel&
OrganisationModel::add_module(std::string name, std::size_t slices, bool has_delete_list) {
    ModuleModel& module = modules_[name];
    module.name = std::move(name);
    module.slices = slices;
    module.has_delete_list = has_delete_list;
    return module;
}

void OrganisationModel::fill(
    ModuleModel& module, std::size_t records, std::size_t ties, Instant from, Instant to) {
    const auto span = static_cast<std::uint64_t>(std::max<std::int64_t>((to - from).count(), 1));
    Instant second = from;
    for (std::size_t i = 0; i < records; ++i) {
        if (i % std::max<std::size_t>(ties, 1) == 0) {
            second = from + std::chrono::seconds(dice_.below(span));
        }
        const auto id = next_id_ += static_cast<std::int64_t>(dice_.between(1, 5));
        Record& record = module.records[id];
        record.place = module.living.size();
        module.living.push_back(id);
        module.edits.emplace_back(id, second);
        record.truth = record.shown = {second, module.edits.size() - 1, false};
        record.is_listed = true;
        record.shown_since = record.bin_since = second;
        module.list.emplace(second, id);
        module.greatest_shown = std::max(module.greatest_shown, second);
    }
}

void OrganisationModel::wake_up() {
    is_silent_ = false;
    next_ = std::max(next_, now_ + dice_.wait(habits_.mean_pause));
}

void OrganisationModel::live_until(Moment now) {
    while (true) {
        const Moment shows = pending_.empty() ? Moment::max() : pending_.top().at;
        const Moment acts = is_silent_ ? Moment::max() : next_;
        if (std::min(shows, acts) > now) {
            break;
        }
        now_ = std::max(now_, std::min(shows, acts));
        if (shows <= acts) {
            const Pending change = pending_.top();
            pending_.pop();
            show(change);
        } else {
            next_ += dice_.wait(habits_.mean_pause);
            something_happens();
        }
    }
    now_ = std::max(now_, now);
    if (now_ >= next_ageing_) {
        next_ageing_ = now_ + 6h;
        for (auto& [name, module] : modules_) {
            let_age(module);
        }
    }
}

void OrganisationModel::stir() {
    if (!is_silent_) {
        something_happens();
    }
}

void OrganisationModel::something_happens() {
    auto module =
        std::next(modules_.begin(), static_cast<std::ptrdiff_t>(dice_.below(modules_.size())));
    act(module->second);
}

std::optional<std::int64_t> OrganisationModel::any_of(const std::vector<std::int64_t>& ids) {
    return ids.empty() ? std::nullopt : std::optional(ids[dice_.below(ids.size())]);
}

void OrganisationModel::act(ModuleModel& module) {
    const auto what = dice_.below(100);
    const auto one = any_of(module.living);
    if (what < 15 || !one) {
        for (auto count = dice_.between(1, 4); count > 0; --count) {
            create(module);
        }
    } else if (what < 55) {
        edit(module, *one);
    } else if (what < 67) { // The same record again and again, twice in a second.
        const auto hot = module.living.front();
        edit(module, hot);
        edit(module, hot);
    } else if (what < 75) {
        edit_many(module, dice_.between(2, habits_.largest_bulk));
    } else if (what < 80) {
        convert(module, *one);
    } else if (!habits_.deletes) {
        edit(module, *one);
    } else if (what < 91) {
        if (module.gone.size() < most_gone_young) {
            remove(module, *one);
        }
    } else if (const auto dead = any_of(module.gone)) {
        what < 98 ? restore(module, *dead) : purge(module, *dead);
    }
}

Moment OrganisationModel::shown_at() {
    if (habits_.lateness == 0ms || !dice_.happens(habits_.late)) {
        return now_;
    }
    // Often as late as it may be: that is where a mark that is off by a second shows.
    return now_ + (dice_.happens(0.3) ? habits_.lateness - dice_.between(0ms, 500ms)
                                      : dice_.between(0ms, habits_.lateness));
}

void OrganisationModel::create(ModuleModel& module) {
    const auto id = next_id_ += static_cast<std::int64_t>(dice_.between(1, 5));
    Record& record = module.records[id];
    record.place = module.living.size();
    module.living.push_back(id);
    new_version(module, id, record, false);
}

void OrganisationModel::edit(ModuleModel& module, std::int64_t id) {
    Record& record = module.records.at(id);
    new_version(module, id, record, record.truth.is_converted);
}

void OrganisationModel::edit_many(ModuleModel& module, std::size_t count) {
    if (module.living.empty()) {
        return;
    }
    // Neighbours, as mass updates have it.
    const auto size = module.living.size();
    const auto first = dice_.below(size);
    for (std::size_t i = 0; i < std::min(count, size); ++i) {
        edit(module, module.living[(first + i) % size]);
    }
}

void OrganisationModel::convert(ModuleModel& module, std::int64_t id) {
    new_version(module, id, module.records.at(id), true);
}

void OrganisationModel::new_version(ModuleModel& module,
                                    std::int64_t id,
                                    Record& record,
                                    bool is_converted) {
    module.edits.emplace_back(id, second());
    const bool is_of_same_second = record.truth.modified == second();
    record.truth = {second(), module.edits.size() - 1, is_converted};
    record.is_restored_silently = false;
    ++record.changes;
    // Two edits of one second show together: that is assumed where slices are joined.
    record.announced_for = is_of_same_second ? std::max(record.announced_for, now_) : shown_at();
    announce(module, id, record, record.announced_for);
}

void OrganisationModel::remove(ModuleModel& module, std::int64_t id) {
    Record& record = module.records.at(id);
    move(module.living, module.gone, id, module);
    record.exists = false;
    record.can_be_restored = true;
    record.deleted_at = second();
    ++record.changes;
    announce(module, id, record, shown_at());
    announce_bin(module, id, record, true);
}

void OrganisationModel::restore(ModuleModel& module, std::int64_t id) {
    Record& record = module.records.at(id);
    if (!record.can_be_restored || record.deleted_at < now_ - in_bin) {
        return;
    }
    move(module.gone, module.living, id, module);
    record.exists = true;
    record.can_be_restored = false;
    ++record.changes;
    announce_bin(module, id, record, false);
    // A version that no list has shown yet, or whose deletion nobody saw, shows as new.
    const bool is_seen =
        record.shown.edit == record.truth.edit && (!may_vanish || may_vanish(module, id));
    if (habits_.restores_move_time || !is_seen) {
        new_version(module, id, record, record.truth.is_converted);
    } else {
        record.is_restored_silently = true;
        announce(module, id, record, shown_at());
    }
}

void OrganisationModel::purge(ModuleModel& module, std::int64_t id) {
    Record& record = module.records.at(id);
    const bool is_known = record.is_in_bin && now_ - record.bin_since > habits_.lateness &&
                          now_ - record.deleted_at > 2 * habits_.lateness;
    if (!record.can_be_restored || !is_known || (may_vanish && !may_vanish(module, id))) {
        return;
    }
    record.can_be_restored = false;
    ++record.changes;
    if (habits_.purges_vanish) {
        announce_bin(module, id, record, false);
    }
}

void OrganisationModel::move(std::vector<std::int64_t>& from,
                             std::vector<std::int64_t>& to,
                             std::int64_t id,
                             ModuleModel& module) {
    Record& record = module.records.at(id);
    module.records.at(from.back()).place = record.place;
    from[record.place] = from.back();
    from.pop_back();
    record.place = to.size();
    to.push_back(id);
}

void OrganisationModel::announce(ModuleModel& module,
                                 std::int64_t id,
                                 const Record& record,
                                 Moment at) {
    const Pending change{at, &module, id, record.changes, false, record.exists, record.truth, {}};
    change.at <= now_ ? show(change) : pending_.push(change);
}

void OrganisationModel::announce_bin(ModuleModel& module,
                                     std::int64_t id,
                                     const Record& record,
                                     bool is_there) {
    const Pending change{
        shown_at(), &module, id, record.changes, true, is_there, {}, record.deleted_at};
    change.at <= now_ ? show(change) : pending_.push(change);
}

void OrganisationModel::show(const Pending& change) {
    ModuleModel& module = *change.module;
    Record& record = module.records.at(change.id);
    if (change.is_of_bin) {
        if (change.change < record.bin_change) {
            return; // What came after it is shown already.
        }
        record.bin_change = change.change;
        record.bin_since = now_;
        std::erase_if(module.bin, [&](const auto& entry) { return entry.second == change.id; });
        record.is_in_bin = change.is_there;
        if (change.is_there) {
            module.bin.emplace(change.deleted_at, change.id);
        }
        return;
    }
    if (change.change < record.shown_change) {
        return;
    }
    record.shown_change = change.change;
    record.shown_since = now_;
    if (record.is_listed) {
        module.list.erase({record.shown.modified, change.id});
    }
    record.is_listed = change.is_there;
    record.shown = change.version;
    if (change.is_there) {
        module.list.emplace(record.shown.modified, change.id);
        module.greatest_shown = std::max(module.greatest_shown, record.shown.modified);
    }
}

/// What was deleted long ago leaves the bin, and at last the list of deletions.
void OrganisationModel::let_age(ModuleModel& module) {
    const auto oldest = now_ - (habits_.purges_vanish ? in_bin : in_list);
    while (!module.bin.empty() && module.bin.begin()->first < oldest) {
        Record& record = module.records.at(module.bin.begin()->second);
        record.is_in_bin = false;
        record.bin_since = now_;
        module.bin.erase(module.bin.begin());
    }
    std::vector<std::int64_t> final;
    for (const auto id : module.gone) {
        Record& record = module.records.at(id);
        if (record.deleted_at < now_ - in_bin) {
            record.can_be_restored = false;
            final.push_back(id);
        }
    }
    for (const auto id : final) { // Nobody chooses them any more; the record itself is remembered.
        Record& record = module.records.at(id);
        module.records.at(module.gone.back()).place = record.place;
        module.gone[record.place] = module.gone.back();
        module.gone.pop_back();
    }
}

} // namespace zohosyncd::simulation
