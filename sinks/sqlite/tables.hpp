#pragma once

#include "daemon/core/schema.hpp"
#include "sinks/common/metadata_columns.hpp"
#include "sinks/sqlite/database.hpp"

#include <optional>
#include <string>
#include <vector>

namespace zohosyncd::sqlite {

struct Attribute {
    std::string name;
    std::string declared;
    bool needs_value = false;
};

/// A table as the file knows it.
struct Relation {
    bool is_table = true;
    std::vector<Attribute> attributes;
    std::vector<std::string> unique_columns; ///< Alone under a unique index, or the primary key.
    std::string mark;                        ///< Name of our mark index; empty for none.

    [[nodiscard]] const Attribute* find(const std::string& name) const;
    void rename(const std::string& from, const std::string& to);
    [[nodiscard]] bool is_unique(const std::string& name) const;
};

/// As CREATE TABLE has it.
const char* declared_type(ColumnType type);

/// What ALTER TABLE can not change: whether a column gives every value of the type back as it was
/// bound. Nothing is converted without an affinity, and text holds what any value looks like.
bool keeps(const std::string& declared, ColumnType type);

std::optional<Relation> find_relation(Database& database, const std::string& table);

/// A column that is filled with each write.
struct Stamp {
    MetadataColumn::Kind kind;
    std::string quoted;
    bool is_integer = false; ///< Holds seconds since 1970.
};

/// The column of a table of snapshots that says when a row was loaded.
struct LoadedAt {
    std::string quoted;
    bool is_integer = false; ///< Holds seconds since 1970.
};

/// A stream's table as statements need it.
struct BoundTable {
    StreamSchema schema;
    std::string target; ///< "schema.table", the key in the state tables.
    std::string quoted;
    std::string stage;                 ///< Quoted.
    std::vector<std::string> names;    ///< Quoted.
    std::vector<std::string> declared; ///< Types, for the stage.
    std::vector<Stamp> stamps;         ///< Beside _synced_at.
    std::optional<LoadedAt> loaded_at; ///< Of a snapshot alone, which fills it by itself.
    bool has_details_at = false;       ///< A row that is written waits for its details again.

    [[nodiscard]] const std::string& id() const { return names.front(); }
};

/// Throws SyncError{sink_refused} when the table is gone, {schema_conflict} when a column is.
BoundTable bind_table(Database& database, const StreamSchema& schema);

std::string stage_of(const Database& database, const TableName& target);

std::string column_list(const BoundTable& table, const std::string& prefix);

/// What goes on with ", " before each: names, values of a new row, assignments of one that is
/// written again, of one that is corrected, whose details stay, and of one that is marked as
/// deleted.
struct StampLists {
    std::string names;
    std::string inserted;
    std::string updated;
    std::string corrected;
    std::string deleted;
};

/// `now` is SQL for the present second as text.
StampLists stamps_of(const BoundTable& table, const std::string& now = sql_now);
/// A text as the UTC text of the instant that it names, in whatever form; NULL when it is none.
std::string instant(const std::string& column);
/// " AND …" for ids that can be Zoho's: an adopted table may hold others, or none.
std::string and_id_of_zoho(const BoundTable& table);
/// Any number of terms between AND or OR.
std::string in_groups(const std::vector<std::string>& terms, const std::string& operation);
/// Whether the row "held" differs from the row "given" where a change counts.
std::string differs(const BoundTable& table, const std::string& held, const std::string& given);
/// Whether a column holds the given value, or, where lists cut it, all of a text that they give the
/// beginning of.
std::string holds(const Column& column, const std::string& held, const std::string& given);
/// True when the version of `new_row` may replace that of `old_row`; "1" without versions.
std::string
version_allows(const BoundTable& table, const std::string& old_row, const std::string& new_row);
/// "a = excluded.a, …, " over all columns but the id.
std::string assignments(const BoundTable& table);

} // namespace zohosyncd::sqlite
