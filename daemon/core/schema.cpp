#include "daemon/core/schema.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace zohosyncd {
namespace {

constexpr std::array<std::pair<ColumnType, const char*>, 7> names{{
    {ColumnType::text, "text"},
    {ColumnType::bigint, "bigint"},
    {ColumnType::numeric, "numeric"},
    {ColumnType::boolean, "boolean"},
    {ColumnType::date, "date"},
    {ColumnType::timestamptz, "timestamptz"},
    {ColumnType::json, "json"},
}};

} // namespace

void StreamSchema::remove_column(std::size_t index) {
    columns.erase(columns.begin() + static_cast<std::ptrdiff_t>(index));
    if (version_column && *version_column > index) {
        --*version_column;
    }
}

bool StreamSchema::has_details() const {
    return !lines.empty() || std::ranges::any_of(columns, &Column::is_detail);
}

const char* to_string(ColumnType type) {
    for (const auto& [known, name] : names) {
        if (known == type) {
            return name;
        }
    }
    return "text";
}

std::optional<ColumnType> column_type_from(std::string_view name) {
    for (const auto& [type, known] : names) {
        if (name == known) {
            return type;
        }
    }
    return std::nullopt;
}

} // namespace zohosyncd
