#include "sinks/common/column_evolution.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <tuple>

namespace zohosyncd {
namespace {

// No Zoho field can be called so: these keys only make assign_column_names step aside.
std::string reserved_key(const std::string& name) {
    return "\x01" + name;
}

/// As SQLite compares names.
bool is_same_name(const std::string& left, const std::string& right) {
    return std::equal(
        left.begin(), left.end(), right.begin(), right.end(), [](unsigned char a, unsigned char b) {
            return std::tolower(a) == std::tolower(b);
        });
}

/// The renames in an order in which no name is needed before it is free.
std::vector<ColumnRename> in_order(std::vector<ColumnRename> pending) {
    std::vector<ColumnRename> ordered;
    while (!pending.empty()) {
        const auto free =
            std::find_if(pending.begin(), pending.end(), [&](const ColumnRename& rename) {
                return std::none_of(pending.begin(), pending.end(), [&](const ColumnRename& other) {
                    return &other != &rename && is_same_name(other.from, rename.to);
                });
            });
        if (free != pending.end()) {
            ordered.push_back(*free);
            pending.erase(free);
            continue;
        }
        // Only cycles are left: one steps aside.
        auto& first = pending.front();
        const auto aside = "_renamed_" + sha256_hex(first.from).substr(0, 16);
        ordered.push_back({first.from, aside});
        first.from = aside;
    }
    return ordered;
}

class Assigner {
public:
    Assigner(const StreamSchema& wanted,
             std::span<const KnownColumn> known,
             std::span<const std::string> existing,
             const FitOf& fit)
        : wanted_(wanted), known_(known), existing_(existing), fit_(fit) {
        result_.names.resize(wanted.columns.size());
        result_.known.resize(wanted.columns.size());
        is_twin_.resize(wanted.columns.size());
        is_claimed_.resize(known.size());
    }

    ColumnAssignment assign(ColumnCasing casing) {
        follow_ids();
        follow_names();
        name_renamed(casing);
        name_twins(casing);
        name_new(casing);
        for (std::size_t k = 0; k < known_.size(); ++k) {
            if (!known_[k].retired && !is_claimed_[k]) {
                result_.retired.push_back(known_[k].name);
            }
        }
        return std::move(result_);
    }

private:
    /// The best of the field's columns; those of no use make the field's next one a twin.
    template <typename Belongs> void choose(std::size_t index, Belongs belongs) {
        using Rank = std::tuple<ColumnFit, bool, bool, bool, std::string>;
        std::optional<Rank> best;
        for (std::size_t k = 0; k < known_.size(); ++k) {
            if (is_claimed_[k] || !belongs(known_[k])) {
                continue;
            }
            const auto fit = fit_(known_[k], wanted_.columns[index]);
            if (fit == ColumnFit::none) {
                is_twin_[index] = true;
                continue;
            }
            const bool is_called_so = known_[k].api_name == wanted_.columns[index].api_name;
            // Of a number that was text for a while, the column of numbers.
            const bool is_made_for_it =
                known_[k].column_type == to_string(wanted_.columns[index].type);
            const Rank rank{fit, !is_made_for_it, known_[k].retired, !is_called_so, known_[k].name};
            if (!best || rank < *best) {
                best = rank;
                result_.known[index] = k;
            }
        }
        if (best) {
            is_twin_[index] = false;
            is_claimed_[*result_.known[index]] = true;
        }
    }

    void follow_ids() {
        for (const auto& column : wanted_.columns) {
            keys_.insert(field_key(column));
        }
        keys_.erase("");
        for (std::size_t i = 0; i < wanted_.columns.size(); ++i) {
            // An id that two have tells them apart no better than their names do.
            const auto key = field_key(wanted_.columns[i]);
            if (!key.empty() && keys_.count(key) == 1) {
                choose(i, [&](const KnownColumn& column) { return column.field_id == key; });
            }
        }
    }

    void follow_names() {
        for (std::size_t i = 0; i < wanted_.columns.size(); ++i) {
            if (result_.known[i] || is_twin_[i]) {
                continue;
            }
            choose(i, [&](const KnownColumn& column) {
                return column.api_name == wanted_.columns[i].api_name &&
                       (keys_.count(column.field_id) != 1 ||
                        column.field_id == field_key(wanted_.columns[i]));
            });
        }
    }

    [[nodiscard]] bool is_renamed(std::size_t i) const {
        return result_.known[i] &&
               known_[*result_.known[i]].api_name != wanted_.columns[i].api_name;
    }

    /// What nobody may get any more.
    [[nodiscard]] std::map<std::string, std::string> taken() const {
        std::map<std::string, std::string> taken;
        const auto take = [&](const std::string& name) { taken.emplace(reserved_key(name), name); };
        take(synced_at_column);
        take(deleted_at_column);
        std::set<std::string> left;
        for (std::size_t i = 0; i < result_.known.size(); ++i) {
            if (is_renamed(i)) {
                left.insert(known_[*result_.known[i]].name);
            }
        }
        for (const auto& column : known_) {
            if (!left.contains(column.name)) {
                take(column.name);
            }
        }
        for (const auto& name : existing_) {
            if (!left.contains(name)) {
                take(name);
            }
        }
        for (const auto& name : result_.names) {
            if (!name.empty()) {
                take(name);
            }
        }
        return taken;
    }

    void name_renamed(ColumnCasing casing) {
        std::vector<std::string> api_names;
        std::vector<std::size_t> indexes;
        for (std::size_t i = 0; i < wanted_.columns.size(); ++i) {
            if (is_renamed(i)) {
                api_names.push_back(wanted_.columns[i].api_name);
                indexes.push_back(i);
            } else if (result_.known[i]) {
                result_.names[i] = known_[*result_.known[i]].name;
            }
        }
        const auto names = assign_column_names(api_names, casing, taken());
        std::vector<ColumnRename> renames;
        for (std::size_t n = 0; n < indexes.size(); ++n) {
            const auto& from = known_[*result_.known[indexes[n]]].name;
            result_.names[indexes[n]] = names[n];
            if (from != names[n]) {
                renames.push_back({from, names[n]});
            }
        }
        result_.renames = in_order(std::move(renames));
    }

    void name_twins(ColumnCasing casing) {
        std::vector<std::string> api_names;
        std::vector<std::size_t> indexes;
        for (std::size_t i = 0; i < wanted_.columns.size(); ++i) {
            if (is_twin_[i]) {
                const auto& column = wanted_.columns[i];
                api_names.push_back(column.api_name + "_" + to_string(column.type));
                indexes.push_back(i);
            }
        }
        const auto names = assign_column_names(api_names, casing, taken());
        for (std::size_t n = 0; n < indexes.size(); ++n) {
            result_.names[indexes[n]] = names[n];
        }
    }

    void name_new(ColumnCasing casing) {
        std::vector<KnownColumn> decided;
        std::set<std::string> used;
        for (std::size_t i = 0; i < wanted_.columns.size(); ++i) {
            if (!result_.names[i].empty()) {
                decided.push_back({wanted_.columns[i].api_name, result_.names[i]});
                used.insert(result_.names[i]);
            }
        }
        std::set<std::string> left;
        for (const auto& rename : result_.renames) {
            left.insert(rename.from);
        }
        std::vector<std::string> existing;
        std::copy_if(existing_.begin(),
                     existing_.end(),
                     std::back_inserter(existing),
                     [&](const std::string& name) { return !left.contains(name); });
        std::vector<std::string> reserved{synced_at_column, deleted_at_column};
        for (std::size_t k = 0; k < known_.size(); ++k) {
            if (!is_claimed_[k] && !used.contains(known_[k].name)) {
                reserved.push_back(known_[k].name);
            }
        }
        result_.names = name_columns(wanted_, casing, decided, existing, reserved);
    }

    const StreamSchema& wanted_;
    std::span<const KnownColumn> known_;
    std::span<const std::string> existing_;
    const FitOf& fit_;
    ColumnAssignment result_;
    std::multiset<std::string> keys_; ///< Of the wanted fields.
    std::vector<bool> is_twin_;
    std::vector<bool> is_claimed_;
};

/// Under another name records may have lacked the field, made anew or of another type it had other
/// values; and none of that shows in a record's time.
bool held_values_of(const KnownColumn& before, const Column& column) {
    return before.api_name == column.api_name && before.field_id == field_key(column) &&
           before.column_type == to_string(column.type);
}

} // namespace

ColumnAssignment assign_columns(const StreamSchema& wanted,
                                ColumnCasing casing,
                                std::span<const KnownColumn> known,
                                std::span<const std::string> existing,
                                const FitOf& fit) {
    return Assigner(wanted, known, existing, fit).assign(casing);
}

void leave_out_new_columns(StreamSchema& schema,
                           ColumnAssignment& assigned,
                           std::span<const KnownColumn> known,
                           const std::function<bool(const std::string&)>& has) {
    for (std::size_t i = schema.columns.size(); !schema.options.adds_columns && i-- > 1;) {
        const auto& before = assigned.known[i];
        if (i == schema.version_column || has(assigned.names[i]) ||
            (before && has(known[*before].name))) {
            continue;
        }
        if (before && !known[*before].retired) {
            assigned.retired.push_back(assigned.names[i]); // Somebody has dropped it.
        }
        const auto at = static_cast<std::ptrdiff_t>(i);
        schema.remove_column(i);
        assigned.names.erase(assigned.names.begin() + at);
        assigned.known.erase(assigned.known.begin() + at);
    }
}

bool lacks_listed_fields(std::span<const Column> columns,
                         std::span<const std::string> names,
                         std::span<const KnownColumn> known,
                         const std::function<bool(const std::string&)>& had) {
    const auto holds_values = [&](const Column& column, const std::string& name) {
        const auto before = std::ranges::find(known, name, &KnownColumn::name);
        return had(name) &&
               (before == known.end() || (!before->retired && held_values_of(*before, column)));
    };
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (!field_key(columns[i]).empty() && !holds_values(columns[i], names[i])) {
            return true;
        }
    }
    return false;
}

MoreDetails more_details(std::span<const Column> columns,
                         const ColumnAssignment& assigned,
                         std::span<const KnownColumn> known,
                         const std::function<bool(const std::string&)>& had) {
    auto more = MoreDetails::none;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (!columns[i].is_detail) {
            continue;
        }
        const auto* before = assigned.known[i] ? &known[*assigned.known[i]] : nullptr;
        const bool is_new = before == nullptr || !had(before->name);
        if (is_new && !columns[i].is_left_out() && !had(assigned.names[i])) {
            more = MoreDetails::of_changed_rows;
        } else if (is_new || before->retired || !before->is_detail ||
                   !held_values_of(*before, columns[i])) {
            return MoreDetails::of_all_rows;
        }
    }
    return more;
}

std::string let_rows_wait_for_details(const std::string& quoted_table) {
    return "UPDATE " + quoted_table + " AS t SET " + details_at_column + " = NULL WHERE " +
           details_at_column + " IS NOT NULL";
}

} // namespace zohosyncd
