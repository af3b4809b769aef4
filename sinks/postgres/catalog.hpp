#pragma once

#include "daemon/core/schema.hpp"
#include "sinks/postgres/session.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd::postgres {

/// A column as the catalogue knows it.
struct Attribute {
    std::string name;
    std::string type;         ///< Without length or scale, fit for an array: "character varying".
    std::string declared;     ///< As declared: "character varying(40)".
    bool needs_value = false; ///< NOT NULL and nothing fills it in.
    bool is_used = false;     ///< A view, a trigger, a policy or a generated column names it.
};

/// A relation as the catalogue knows it.
struct Relation {
    std::string oid;
    char kind = 'r';
    std::uint64_t bytes = 0; ///< With its indexes; known to prepare() alone.
    std::vector<Attribute> attributes;
    std::vector<std::string>
        unique_columns; ///< Alone under a unique index that ON CONFLICT can use.

    [[nodiscard]] const Attribute* find(const std::string& name) const;
    void rename(const std::string& from, const std::string& to);
    [[nodiscard]] bool is_unique(const std::string& name) const;
};

std::optional<Relation> find_relation(pqxx::transaction_base& tx, const TableName& name);

/// The schema and name of the table that collects a full refresh of `target`.
TableName stage_of(const TableName& target, const std::string& state_schema);

/// "schema"."table"
std::string quote_table(const TableName& name);

/// How a column of a stream is stored.
struct BoundColumn {
    std::string quoted; ///< The name with quotes.
    std::string type;   ///< Of the array that carries its values.
    std::string declared;
    bool counts_as_change = true;
    /// Text from a list with as many characters or more may be the beginning of what the column
    /// holds; 0: it never is.
    std::size_t shortest_cut = 0;
};

/// A column that is filled with each write: SQL for what it gets.
struct Stamp {
    std::string quoted;
    std::string on_insert;
    std::string on_update;
    std::string on_delete; ///< Of a row that is marked as deleted; empty: stays.
};

/// The column of a table of snapshots that says when a row was loaded.
struct LoadedAt {
    std::string quoted;
    bool is_unix = false; ///< Holds seconds since 1970, not a time.
};

/// A stream's table as statements need it.
struct BoundTable {
    StreamSchema schema;
    std::string target; ///< "schema.table", the key in the state tables.
    std::string quoted;
    std::string stage;     ///< Quoted.
    std::string statement; ///< Prefix of its prepared statements' names.
    std::vector<BoundColumn> columns;
    std::vector<Stamp> stamps;         ///< Beside _synced_at.
    std::optional<LoadedAt> loaded_at; ///< Of a snapshot alone, which fills it by itself.
    std::optional<std::size_t> version;
    bool has_details_at = false; ///< A row that is written waits for its details again.

    [[nodiscard]] const std::string& id() const { return columns.front().quoted; }
};

/// " AND …" for rows "t" whose id can be Zoho's: an adopted table may keep its ids as text, among
/// them some that never were, and may hold rows without any.
std::string and_id_of_zoho(const BoundTable& table);

/// Throws SyncError{sink_refused} when the table is gone, {schema_conflict} when a column is.
BoundTable
bind_table(pqxx::transaction_base& tx, const StreamSchema& schema, const std::string& state_schema);

} // namespace zohosyncd::postgres
