#include "sinks/common/column_names.hpp"

#include <algorithm>
#include <cctype>
#include <set>

namespace zohosyncd {
namespace {

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return text;
}

// No Zoho field can be called so: these keys only make assign_column_names step aside.
std::string reserved_key(const std::string& name) {
    return "\x01" + name;
}

/// What `select` calls `field as name`, as long as the name is free; a table's column may have it
/// in any casing.
void give_aliases(const StreamSchema& wanted,
                  ColumnCasing casing,
                  const std::map<std::string, std::string>& by_lower,
                  std::map<std::string, std::string>& given,
                  std::set<std::string>& taken) {
    std::set<std::string> taken_in_lower;
    for (const auto& name : taken) {
        taken_in_lower.insert(lower(name));
    }
    for (const auto& column : wanted.columns) {
        if (column.alias.empty() || given.contains(column.api_name)) {
            continue;
        }
        const std::vector<std::string> alias{column.alias};
        auto name = assign_column_names(alias, casing, {}).front(); // Within 63 bytes.
        if (!taken_in_lower.insert(lower(name)).second) {
            continue;
        }
        const auto found = by_lower.find(lower(name));
        name = found == by_lower.end() ? name : found->second;
        given.emplace(column.api_name, name);
        taken.insert(name);
    }
}

} // namespace

std::vector<std::string> name_columns(const StreamSchema& wanted,
                                      ColumnCasing casing,
                                      std::span<const KnownColumn> known,
                                      std::span<const std::string> existing,
                                      std::span<const std::string> reserved) {
    std::map<std::string, std::string> given;
    std::set<std::string> taken(reserved.begin(), reserved.end());
    for (const auto& name : reserved) {
        given.emplace(reserved_key(name), name);
    }
    for (const auto& column : known) {
        given.emplace(column.api_name, column.name);
        taken.insert(column.name);
    }
    std::vector<std::string> api_names;
    for (const auto& column : wanted.columns) {
        api_names.push_back(column.api_name);
    }
    std::map<std::string, std::string> by_lower;
    for (const auto& name : existing) {
        by_lower.emplace(lower(name), name);
    }
    give_aliases(wanted, casing, by_lower, given, taken);
    const auto cased = assign_column_names(api_names, casing, given);
    // An exact match of the API name is a better reason than one of the cased name.
    for (const bool by_api_name : {true, false}) {
        for (std::size_t i = 0; i < api_names.size(); ++i) {
            const auto found = by_lower.find(lower(by_api_name ? api_names[i] : cased[i]));
            if (given.contains(api_names[i]) || found == by_lower.end() ||
                taken.contains(found->second)) {
                continue;
            }
            given.emplace(api_names[i], found->second);
            taken.insert(found->second);
        }
    }
    return assign_column_names(api_names, casing, given);
}

std::string field_key(const Column& column) {
    return column.field_id.empty() || column.part.empty() ? column.field_id
                                                          : column.field_id + "/" + column.part;
}

bool is_recorded(const KnownColumn& known, const Column& column, const std::string& name) {
    return known.name == name && known.api_name == column.api_name && known.label == column.label &&
           known.field_id == field_key(column) && known.data_type == column.data_type &&
           known.column_type == to_string(column.type) && known.is_detail == column.is_detail &&
           !known.retired;
}

std::vector<Column> columns_in_use(std::span<const KnownColumn> known) {
    std::vector<Column> columns;
    for (const auto& column : known) {
        if (!column.retired) {
            columns.push_back({column.api_name,
                               column.name,
                               column.label,
                               column.field_id,
                               column.data_type,
                               column_type_from(column.column_type).value_or(ColumnType::text),
                               true,
                               {},
                               column.is_detail});
        }
    }
    return columns;
}

} // namespace zohosyncd
