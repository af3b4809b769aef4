#pragma once

#include "sinks/postgres/catalog.hpp"

#include <string>

namespace zohosyncd::postgres {

/// Where rows are written: the table itself, or the stage of a full refresh.
enum class Destination { table, stage };

/// Whether an older version yields to what the table holds, is written in any case, or is only a
/// correction of a live row of its very version.
enum class Guard { version, none, same_version };

/// "unnest($1::type[], …) AS u(…)": the rows of arrays, one per column.
std::string rows_of_arrays(const BoundTable& table);

/// What `SET` of a row that is marked as deleted has to go on with: ", a = now()", or nothing.
std::string stamps_on_delete(const BoundTable& table);

/// Upserts arrays $1…$n, one per column, or, under Guard::same_version, updates alone; answers one
/// row: inserted, updated.
std::string upsert_sql(const BoundTable& table, Destination destination, Guard guard);

/// Deletes the rows of the table that the same arrays have news of; answers their number.
std::string delete_sql(const BoundTable& table, Guard guard);

/// Writes the stage's rows that the table lacks or has otherwise; answers inserted, updated.
/// `condition` (" AND …") chooses among the stage's rows, "s".
std::string merge_sql(const BoundTable& table, const std::string& condition = {});

/// Appends all rows of the stage to a table of snapshots, as loaded at $1, or just after the
/// last snapshot.
std::string append_sql(const BoundTable& table);

/// Whether the row "held" differs from the row "given" in columns whose change counts.
std::string differs(const BoundTable& table, const std::string& held, const std::string& given);

/// A column's value as an instant that can be compared; NULL where a column of texts, as an adopted
/// table may have it, holds none. Never an error, whatever the texts are.
std::string instant(const std::string& column, const std::string& type);

/// The same as timestamptz, and NULL for infinity, which has no place in Zoho.
std::string finite_instant(const std::string& column, const std::string& type);

/// The names of all columns, each after `prefix`, joined by commas.
std::string column_list(const BoundTable& table, const std::string& prefix);

/// What the names of the table's prepared statements begin with. Tables that are written alike have
/// the same: a session keeps its statements, and a table that is looked at under several schemas in
/// turn would give it more and more of them.
std::string statement_prefix(const BoundTable& table);

} // namespace zohosyncd::postgres
