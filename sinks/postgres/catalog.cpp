#include "sinks/postgres/catalog.hpp"

#include "daemon/core/identifiers.hpp"
#include "sinks/common/column_names.hpp"
#include "sinks/common/metadata_columns.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace zohosyncd::postgres {
namespace {

constexpr std::array<std::string_view, 6> numbers{
    "smallint", "integer", "bigint", "numeric", "real", "double precision"};

/// Follows the column's own type, which may be Sling's or somebody's.
Stamp stamp_of(const MetadataColumn& column, const std::string& type) {
    const auto quoted = quote_identifier(column.name);
    if (column.kind == MetadataColumn::Kind::synced_op) {
        return {quoted, "'I'", "'U'", "'D'"};
    }
    const bool is_number = std::find(numbers.begin(), numbers.end(), type) != numbers.end();
    const std::string now = is_number ? "extract(epoch FROM now())::bigint" : "now()";
    return {quoted, now, now, column.kind == MetadataColumn::Kind::loaded_at ? std::string{} : now};
}

LoadedAt loaded_at_of(const std::string& target, const std::string& name, const std::string& type) {
    const bool is_unix = type == "bigint" || type == "integer";
    if (!is_unix && !type.starts_with("timestamp")) {
        throw SyncError(ErrorKind::schema_conflict,
                        "table " + target + " has a column " + name + " of type " + type +
                            ": a snapshot needs timestamptz or bigint; choose another object");
    }
    return {quote_identifier(name), is_unix};
}

} // namespace

const Attribute* Relation::find(const std::string& name) const {
    const auto found =
        std::find_if(attributes.begin(), attributes.end(), [&](const Attribute& attribute) {
            return attribute.name == name;
        });
    return found == attributes.end() ? nullptr : &*found;
}

void Relation::rename(const std::string& from, const std::string& to) {
    for (auto& attribute : attributes) {
        attribute.name = attribute.name == from ? to : attribute.name;
    }
    for (auto& name : unique_columns) {
        name = name == from ? to : name;
    }
}

bool Relation::is_unique(const std::string& name) const {
    return std::find(unique_columns.begin(), unique_columns.end(), name) != unique_columns.end();
}

std::optional<Relation> find_relation(pqxx::transaction_base& tx, const TableName& name) {
    const auto head = tx.exec_params("SELECT c.oid, c.relkind FROM "
                                     "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                                     " WHERE n.nspname = $1 AND c.relname = $2",
                                     name.schema,
                                     name.table);
    if (head.empty()) {
        return std::nullopt;
    }
    Relation relation;
    relation.oid = head[0][0].c_str();
    relation.kind = head[0][1].c_str()[0];
    // "character" alone would mean one character; bpchar has no length.
    const auto rows = tx.exec_params(
        "SELECT attname, CASE format_type(atttypid, NULL) WHEN 'character' THEN 'bpchar'"
        " ELSE format_type(atttypid, NULL) END, format_type(atttypid, atttypmod),"
        " attnotnull AND NOT atthasdef AND attidentity = '',"
        // Indexes and constraints follow a change of type by themselves; nothing else does.
        " EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND"
        " d.refobjid = attrelid AND d.refobjsubid = attnum AND d.classid NOT IN"
        " ('pg_class'::regclass, 'pg_constraint'::regclass))"
        " FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY "
        "attnum",
        relation.oid);
    for (const auto& row : rows) {
        relation.attributes.push_back(
            {row[0].c_str(), row[1].c_str(), row[2].c_str(), row[3].as<bool>(), row[4].as<bool>()});
    }
    const auto unique = tx.exec_params("SELECT a.attname FROM pg_index i JOIN pg_attribute a ON "
                                       "a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
                                       " WHERE i.indrelid = $1::oid AND i.indisunique AND "
                                       "i.indisvalid AND i.indimmediate AND i.indnkeyatts = 1"
                                       " AND i.indpred IS NULL AND i.indexprs IS NULL",
                                       relation.oid);
    for (const auto& row : unique) {
        relation.unique_columns.emplace_back(row[0].c_str());
    }
    return relation;
}

TableName stage_of(const TableName& target, const std::string& state_schema) {
    return {state_schema, "stage_" + sha256_hex(target.text()).substr(0, 16)};
}

std::string quote_table(const TableName& name) {
    return quote_identifier(name.schema) + '.' + quote_identifier(name.table);
}

std::string and_id_of_zoho(const BoundTable& table) {
    // Zoho's have up to 19 digits; those that a bigint may not hold are nobody's yet.
    return table.columns.front().type == "bigint"
               ? " AND t." + table.id() + " IS NOT NULL"
               : " AND t." + table.id() +
                     "::text ~ '^([0-9]{1,18}|[1-8][0-9]{18}|9[01][0-9]{17})$'";
}

BoundTable bind_table(pqxx::transaction_base& tx,
                      const StreamSchema& schema,
                      const std::string& state_schema) {
    const auto relation = find_relation(tx, schema.target);
    if (!relation) {
        throw SyncError(ErrorKind::sink_refused,
                        "table " + schema.target.text() + " does not exist; was it dropped?");
    }
    BoundTable table;
    table.schema = schema;
    table.target = schema.target.text();
    table.quoted = quote_table(schema.target);
    table.stage = quote_table(stage_of(schema.target, state_schema));
    table.version = schema.version_column;
    table.has_details_at = relation->find(details_at_column) != nullptr;
    const auto attribute_of = [&](const std::string& name) {
        const auto* attribute = relation->find(name);
        if (attribute == nullptr) {
            throw SyncError(ErrorKind::schema_conflict,
                            "table " + table.target + " has no column " + name +
                                "; was it dropped or renamed?");
        }
        return attribute;
    };
    for (const auto& column : schema.columns) {
        const auto* attribute = attribute_of(column.name);
        table.columns.push_back(
            {quote_identifier(column.name),
             attribute->type,
             attribute->declared,
             column.counts_as_change,
             column.is_detail && column.list_limit ? shortest_cut(*column.list_limit) : 0});
    }
    for (const auto& column : metadata_columns(schema)) {
        const auto& type = attribute_of(column.name)->type;
        if (schema.is_snapshot && column.kind == MetadataColumn::Kind::loaded_at) {
            table.loaded_at = loaded_at_of(table.target, column.name, type);
        } else {
            table.stamps.push_back(stamp_of(column, type));
        }
    }
    return table;
}

} // namespace zohosyncd::postgres
