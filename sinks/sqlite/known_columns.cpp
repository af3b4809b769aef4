#include "sinks/sqlite/known_columns.hpp"

#include "sinks/common/state_sql.hpp"

namespace zohosyncd::sqlite {

std::vector<KnownColumn> load_columns(Database& database, const std::string& target) {
    std::vector<KnownColumn> known;
    auto& rows = database.prepare(
        "SELECT api_name, column_name, label, field_id, data_type, column_type, adopted,"
        " retired_at IS NOT NULL, is_detail FROM " +
            database.state_table("columns") + " WHERE target = ?1 ORDER BY column_name",
        target);
    while (rows.step()) {
        known.push_back({rows.text(0),
                         rows.text(1),
                         rows.text(2),
                         rows.text(3),
                         rows.text(4),
                         rows.text(5),
                         rows.integer(6) != 0,
                         rows.integer(7) != 0,
                         rows.integer(8) != 0});
    }
    rows.reset();
    return known;
}

void record_column(Database& database, const std::string& target, const KnownColumn& column) {
    database.run("INSERT INTO " + database.state_table("columns") +
                     " (target, api_name, column_name, label, field_id, data_type, column_type, "
                     "adopted, is_detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)" +
                     or_know_column_anew(),
                 target,
                 column.api_name,
                 column.name,
                 column.label,
                 column.field_id,
                 column.data_type,
                 column.column_type,
                 column.adopted ? 1 : 0,
                 column.is_detail ? 1 : 0);
}

void retire_column(Database& database, const std::string& target, const std::string& name) {
    database.run("UPDATE " + database.state_table("columns") + " SET retired_at = " + sql_now +
                     " WHERE target = ?1 AND column_name = ?2",
                 target,
                 name);
}

void rename_known_column(Database& database,
                         const std::string& target,
                         const std::string& from,
                         const std::string& to) {
    database.run("UPDATE " + database.state_table("columns") +
                     " SET column_name = ?3 WHERE target = ?1 AND column_name = ?2",
                 target,
                 from,
                 to);
}

void raise_details_generation(Database& database, const std::string& target) {
    database.run("INSERT INTO " + database.state_table("details") +
                     " (target, generation) VALUES (?1, 1) ON CONFLICT (target) DO UPDATE SET "
                     "generation = generation + 1",
                 target);
}

std::int64_t load_details_generation(Database& database, const std::string& target) {
    return database
        .number("SELECT generation FROM " + database.state_table("details") + " WHERE target = ?1",
                target)
        .value_or(0);
}

} // namespace zohosyncd::sqlite
