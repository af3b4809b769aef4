#include "sinks/common/state_sql.hpp"

namespace zohosyncd {

std::string or_keep_state_of_same_table() {
    const auto unless_replaced = [](const std::string& column, const std::string& other) {
        return column +
               " = CASE WHEN s.table_id IS NULL OR s.table_id = excluded.table_id THEN s." +
               column + " ELSE " + other + " END, ";
    };
    const auto at_first = [](const std::string& column) {
        return column + " = CASE WHEN s.table_id IS NULL THEN coalesce(s." + column +
               ", excluded." + column + ") WHEN s.table_id = excluded.table_id THEN s." + column +
               " END, ";
    };
    return " ON CONFLICT (connection, stream, target) DO UPDATE SET " +
           at_first("high_water_mark") + at_first("mapping_hash") +
           unless_replaced("deletes_mark", "NULL") + unless_replaced("consistent_as_of", "NULL") +
           unless_replaced("unverified_as_of", "NULL") + unless_replaced("scan", "NULL") +
           unless_replaced("generation", "s.generation + 1") +
           unless_replaced("verified_at", "NULL") +
           "unverified = CASE WHEN s.table_id = excluded.table_id THEN s.unverified ELSE "
           "excluded.unverified END, table_id = excluded.table_id";
}

std::string or_know_column_anew() {
    return " ON CONFLICT (target, column_name) DO UPDATE SET api_name = excluded.api_name, label = "
           "excluded.label, field_id = excluded.field_id, data_type = excluded.data_type, "
           "column_type = excluded.column_type, is_detail = excluded.is_detail, retired_at = NULL";
}

} // namespace zohosyncd
