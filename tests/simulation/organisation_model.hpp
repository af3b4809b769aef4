#pragma once

#include "tests/simulation/dice.hpp"
#include "tests/simulation/virtual_clock.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace zohosyncd::simulation {

using Instant = std::chrono::sys_seconds;

/// One version of a record. The number of the edit is in every value of the record, so that a row
/// shows which version it is and whether it is of one piece.
struct Version {
    Instant modified;
    std::uint64_t edit = 0;
    bool is_converted = false; ///< Left the list of unconverted leads.
};

struct Record {
    Version truth;
    bool exists = true;
    std::uint64_t changes = 0; ///< Numbers what happened to it.
    std::size_t place = 0;     ///< In ModuleModel::living or ::gone.

    /// What lists show, and since when; late by as much as the organisation is.
    bool is_listed = false;
    Version shown;
    std::uint64_t shown_change = 0;
    Moment shown_since;

    /// What the list of deletions shows.
    bool is_in_bin = false;
    Instant deleted_at;
    std::uint64_t bin_change = 0;
    Moment bin_since;
    bool can_be_restored = false;
    Moment announced_for;              ///< When lists show its latest version.
    bool is_restored_silently = false; ///< And nothing has happened to it since.
};

/// One module and its lists, as they are at this moment.
struct ModuleModel {
    std::string name;
    std::size_t slices = 1;
    bool has_delete_list = true;
    std::unordered_map<std::int64_t, Record> records;
    std::vector<std::int64_t> living;
    std::vector<std::int64_t> gone;
    std::set<std::pair<Instant, std::int64_t>> list; ///< By the Modified_Time that is shown.
    std::set<std::pair<Instant, std::int64_t>> bin;  ///< By the time of the deletion.
    std::vector<std::pair<std::int64_t, Instant>> edits{{}}; ///< By number: which record, when.
    Instant greatest_shown = Instant::min(); ///< Modified_Time that a list has ever shown.
};

/// How an organisation lives.
struct Habits {
    std::chrono::milliseconds mean_pause{60'000}; ///< Between two things that happen.
    std::size_t largest_bulk = 50;                ///< Records changed in one second.
    double late = 0.0;                            ///< Share of changes that lists show late,
    std::chrono::milliseconds lateness{0};        ///< by up to this much.
    bool restores_move_time = true;
    bool deletes = true;
    bool purges_vanish = false; ///< What was purged is in no list, instead of being "permanent".
};

/// An organisation of Zoho's: records that are made, edited, converted, deleted, restored and
/// purged, and lists that may show all that late. Time is Zoho's own.
class OrganisationModel {
public:
    OrganisationModel(Dice& dice, Habits habits, Moment now);

    ModuleModel& add_module(std::string name, std::size_t slices, bool has_delete_list);

    /// Records that were there before; in groups that share their second.
    void fill(ModuleModel& module, std::size_t records, std::size_t ties, Instant from, Instant to);

    /// Lets happen what happens until then.
    void live_until(Moment now);

    /// Whether a record may vanish for good: what was deleted and is in no list any more before
    /// anybody looked is not promised to be found.
    std::function<bool(const ModuleModel& module, std::int64_t id)> may_vanish;

    /// Something happens at this very moment.
    void stir();

    /// From now on nothing happens any more; what is still late shows in time.
    void fall_silent() { is_silent_ = true; }

    void wake_up();

    [[nodiscard]] Moment now() const { return now_; }

    /// The second that Zoho's clock shows.
    [[nodiscard]] Instant second() const { return std::chrono::floor<std::chrono::seconds>(now_); }

    [[nodiscard]] std::map<std::string, ModuleModel>& modules() { return modules_; }

    [[nodiscard]] const Habits& habits() const { return habits_; }

    void set_habits(const Habits& habits) { habits_ = habits; }

    /// What users do.
    void create(ModuleModel& module);
    void edit(ModuleModel& module, std::int64_t id);
    void edit_many(ModuleModel& module, std::size_t count);
    void convert(ModuleModel& module, std::int64_t id);
    void remove(ModuleModel& module, std::int64_t id);
    void restore(ModuleModel& module, std::int64_t id);
    void purge(ModuleModel& module, std::int64_t id);

    /// Nothing when there is none.
    [[nodiscard]] std::optional<std::int64_t> any_of(const std::vector<std::int64_t>& ids);

private:
    /// A change that lists are going to show.
    struct Pending {
        Moment at;
        ModuleModel* module;
        std::int64_t id;
        std::uint64_t change;
        bool is_of_bin;
        bool is_there;
        Version version;
        Instant deleted_at;

        bool operator>(const Pending& other) const {
            return std::pair(at, change) > std::pair(other.at, other.change);
        }
    };

    void something_happens();
    void act(ModuleModel& module);
    void new_version(ModuleModel& module, std::int64_t id, Record& record, bool is_converted);
    void announce(ModuleModel& module, std::int64_t id, const Record& record, Moment at);
    void announce_bin(ModuleModel& module, std::int64_t id, const Record& record, bool is_there);
    void show(const Pending& change);
    void let_age(ModuleModel& module);
    [[nodiscard]] Moment shown_at();
    static void move(std::vector<std::int64_t>& from,
                     std::vector<std::int64_t>& to,
                     std::int64_t id,
                     ModuleModel& module);

    Dice& dice_;
    Habits habits_;
    Moment now_;
    Moment next_;
    Moment next_ageing_;
    bool is_silent_ = false;
    std::map<std::string, ModuleModel> modules_;
    std::priority_queue<Pending, std::vector<Pending>, std::greater<>> pending_;
    std::int64_t next_id_ = 3'652'397'000'000'000'001;
};

} // namespace zohosyncd::simulation
