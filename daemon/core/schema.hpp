#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// The kinds of column that a target knows. Contract §6 maps Zoho's data types to them.
enum class ColumnType { text, bigint, numeric, boolean, date, timestamptz, json };

/// Lower-case constant name, stored in the state schema: "text", "bigint", …
const char* to_string(ColumnType type);
std::optional<ColumnType> column_type_from(std::string_view name);

/// "schema"."table" in PostgreSQL; SQLite uses `table` alone. An empty schema is not allowed for
/// PostgreSQL.
struct TableName {
    std::string schema;
    std::string table;

    /// "schema.table", the form stored in sync_state.target and shown to people.
    [[nodiscard]] std::string text() const { return schema.empty() ? table : schema + "." + table; }

    bool operator==(const TableName&) const = default;
};

struct ValueRules;

/// One field of a stream, or a part of one, and the column that holds it.
struct Column {
    std::string api_name;  ///< Zoho's name, such as "Last_Name"; never changes with labels.
    std::string name;      ///< The column's name; empty until Sink::prepare has given it.
    std::string label;     ///< What people see in Zoho; used for COMMENT ON COLUMN.
    std::string field_id;  ///< Zoho's id of the field, empty if it has none.
    std::string data_type; ///< Zoho's data_type, such as "ownerlookup".
    ColumnType type = ColumnType::text;
    /// False for values that change by themselves (Isonline and offset of users): they are stored
    /// when something else changed, but do not make a row count as changed.
    bool counts_as_change = true;
    /// List calls cut rich text after this many characters; a single record is cut alike, so that
    /// the row does not depend on the way it was read.
    std::optional<std::size_t> list_limit;
    /// Filled from single records: lists leave the field out, or cut it. Until they were read for a
    /// row's version, the column holds what lists give, if anything.
    bool is_detail = false;
    /// Of a part of an object, such as Owner__id: the field and the part's key in it. The parts of
    /// one field are neighbours.
    std::string field = {};
    std::string part = {};
    std::string alias = {};    ///< The name that `select` asks for; empty: by the casing.
    std::string declared = {}; ///< Type of a new PostgreSQL column; empty: as `type` has it.
    bool not_null = false;     ///< Of a column that is made with its table.
    std::shared_ptr<const ValueRules> rules = {}; ///< For its values; null: stored as they are.

    /// The key that a page has it under.
    [[nodiscard]] const std::string& source() const { return field.empty() ? api_name : field; }

    /// Whether no list has the field.
    [[nodiscard]] bool is_left_out() const { return is_detail && !list_limit; }
};

/// Text from a list that has fewer characters than this is whole. Half of the limit: what Zoho
/// counts as a character, and whether markup is among them, is not known.
constexpr std::size_t shortest_cut(std::size_t list_limit) {
    return list_limit / 2;
}

/// An index that a file asks for.
struct WantedIndex {
    std::string name;                 ///< Empty: the target finds one.
    std::vector<std::string> columns; ///< API names.
    bool is_unique = false;           ///< Among live rows.

    bool operator==(const WantedIndex&) const = default;
};

/// Sling's columns about the writing of a row. They are filled with each write of a row and make
/// no row count as changed.
struct MetadataColumns {
    enum class LoadedAt { none, unix_time, timestamp };
    LoadedAt loaded_at = LoadedAt::none; ///< _sling_loaded_at
    bool synced = false;                 ///< _sling_synced_at and _sling_synced_op

    bool operator==(const MetadataColumns&) const = default;
};

/// What a file asks of a table beyond Zoho's fields.
struct TableOptions {
    bool adds_columns = true;   ///< Of Zoho's, to a table that exists.
    bool adjusts_types = false; ///< Of columns that somebody else made, where they are too narrow.
    MetadataColumns metadata = {};
    std::vector<WantedIndex> indexes = {};

    bool operator==(const TableOptions&) const = default;
};

/// Sling's `merge_strategy`: what becomes of a record whose row is there, and of one whose row is
/// not.
enum class MergeStrategy {
    update_insert, ///< The row is overwritten; a new one is inserted.
    delete_insert, ///< The row is replaced as a whole, with columns that are not ours.
    insert,        ///< Rows that are there keep their values.
    update,        ///< Nothing is inserted.
};

/// The table of the lines that one field of a record holds: a subform, the items of a quote. Lists
/// leave such a field out; only a single record carries it.
struct LineTable {
    std::string field;  ///< Zoho's name of it: "Quoted_Items".
    std::string module; ///< Whose field list describes the lines, if Zoho gives one.
    TableName target;
    /// [0] is the line's id (`bigint`, the key), [1] its record's id, [2] its place from 1 on, the
    /// others are the line's own fields.
    std::vector<Column> columns;
};

/// What a stream's table has to hold. columns[0] is always the record's id (`bigint`, the key).
/// The bookkeeping columns _synced_at and _deleted_at are the sink's and not listed here.
struct StreamSchema {
    TableName target;
    std::vector<Column> columns;
    /// Index of the column that carries Modified_Time and guards against older versions.
    std::optional<std::size_t> version_column;
    TableOptions options = {};
    /// The fields that one column, `data`, holds as one JSON object; empty: each has a column. Text
    /// columns among them are cut like those (`list_limit`); the others are JSON as sent.
    std::vector<Column> folded = {};

    /// Of the lines that are to be kept beside the table; none unless details are wanted.
    std::vector<LineTable> lines = {};

    /// A row is (id, _sling_loaded_at): each append_stage() adds all records once more.
    bool is_snapshot = false;
    MergeStrategy strategy = MergeStrategy::update_insert; ///< Of write() alone.

    /// Takes a column out, other than the first and the version's.
    void remove_column(std::size_t index);

    /// Whether anything comes from single records alone. The sink then keeps the column
    /// _details_at: NULL until this version's lines and columns were read.
    [[nodiscard]] bool has_details() const;
};

} // namespace zohosyncd
