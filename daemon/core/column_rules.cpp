#include "daemon/core/column_rules.hpp"

#include "daemon/core/identifiers.hpp"

#include <strings.h>

#include <algorithm>
#include <memory>

namespace zohosyncd {
namespace {

bool equal_in_any_case(const std::string& a, const std::string& b) {
    return strcasecmp(a.c_str(), b.c_str()) == 0;
}

/// The one that names the field, else the one for all.
template <typename Rule>
const Rule* rule_for(const std::vector<Rule>& rules, std::string_view api_name) {
    const auto found = std::ranges::find_if(
        rules, [&](const Rule& rule) { return means_field(rule.name, api_name); });
    if (found != rules.end()) {
        return &*found;
    }
    const auto all = std::ranges::find_if(rules, [](const Rule& rule) { return rule.name == "*"; });
    return all == rules.end() ? nullptr : &*all;
}

} // namespace

bool means_field(std::string_view written, std::string_view api_name) {
    const std::string name(written);
    return equal_in_any_case(name, std::string(api_name)) ||
           equal_in_any_case(name, snake_case(api_name)) ||
           equal_in_any_case(name, apply_casing(api_name, ColumnCasing::camel));
}

void ColumnRules::apply_to(Column& column) const {
    const auto* rule = rule_for(columns, column.api_name);
    if (rule != nullptr) {
        column.label = rule->description.empty() ? column.label : rule->description;
        column.not_null = rule->not_null;
    }
    if (column.api_name == "id" || column.api_name == "Modified_Time") {
        return;
    }
    ValueRules values;
    if (rule != nullptr) {
        column.type = rule->type.value_or(column.type);
        column.declared = rule->declared;
        values = rule->limits;
    }
    if (const auto* transform = rule_for(transforms, column.api_name);
        transform != nullptr && column.type == ColumnType::text) {
        values.transforms = transform->steps;
    }
    values.empty_as_null = empty_as_null;
    values.null_if = null_if;
    if (max_decimals && column.type == ColumnType::numeric) {
        values.decimals =
            values.decimals ? std::min(*values.decimals, *max_decimals) : *max_decimals;
    }
    const bool has_rules = values != ValueRules{};
    if (has_rules && column.type != ColumnType::json) {
        column.rules = std::make_shared<const ValueRules>(std::move(values));
    }
}

TableOptions ColumnRules::table_for(const std::vector<Column>& there) const {
    TableOptions options = table;
    options.indexes.clear();
    const auto add = [&](WantedIndex index) {
        const auto is_same = [&](const WantedIndex& other) {
            return other.columns == index.columns && other.is_unique == index.is_unique;
        };
        if (std::ranges::none_of(options.indexes, is_same)) {
            options.indexes.push_back(std::move(index));
        }
    };
    for (auto index : table.indexes) {
        const bool is_whole = std::ranges::all_of(index.columns, [&](std::string& name) {
            const auto found = std::ranges::find_if(there, [&](const Column& column) {
                return means_field(name, column.api_name) ||
                       (!column.alias.empty() && equal_in_any_case(name, column.alias));
            });
            name = found == there.end() ? name : found->api_name;
            return found != there.end();
        });
        if (is_whole) {
            add(std::move(index));
        }
    }
    for (const auto& column : there) {
        const auto* rule = rule_for(columns, column.api_name);
        if (rule != nullptr && column.api_name != "id" && (rule->is_unique || rule->is_indexed)) {
            add({"", {column.api_name}, rule->is_unique});
        }
    }
    return options;
}

std::vector<std::string>
ColumnRules::without_match(const std::vector<std::string>& api_names) const {
    std::vector<std::string> found;
    const auto look_up = [&](const std::string& name) {
        if (name != "*" && std::ranges::none_of(api_names, [&](const std::string& api_name) {
                return means_field(name, api_name);
            })) {
            found.push_back(name);
        }
    };
    for (const auto& rule : columns) {
        look_up(rule.name);
    }
    for (const auto& rule : transforms) {
        look_up(rule.name);
    }
    for (const auto& index : table.indexes) {
        std::ranges::for_each(index.columns, look_up);
    }
    return found;
}

} // namespace zohosyncd
