#include "sinks/sqlite/tables.hpp"

#include "daemon/core/identifiers.hpp"
#include "sinks/common/column_names.hpp"

#include <algorithm>
#include <cctype>

namespace zohosyncd::sqlite {
namespace {

/// SQLite's own rule.
bool is_integer_type(std::string declared) {
    std::transform(declared.begin(), declared.end(), declared.begin(), [](unsigned char c) {
        return static_cast<char>(std::toupper(c));
    });
    return declared.find("INT") != std::string::npos;
}

} // namespace

const char* declared_type(ColumnType type) {
    switch (type) {
    case ColumnType::bigint:
    case ColumnType::boolean:
        return "INTEGER";
    case ColumnType::numeric:
        return ""; // Numbers and, beyond a double's digits, texts; any affinity would turn the
                   // latter into the former.
    case ColumnType::text:
    case ColumnType::date:
    case ColumnType::timestamptz:
    case ColumnType::json:
        return "TEXT";
    }
    return "TEXT";
}

bool keeps(const std::string& declared, ColumnType type) {
    std::string upper = declared;
    std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) {
        return static_cast<char>(std::toupper(c));
    });
    const auto has = [&](const char* word) { return upper.find(word) != std::string::npos; };
    if (has("INT")) {
        return type == ColumnType::bigint || type == ColumnType::boolean;
    }
    return upper.empty() || has("CHAR") || has("CLOB") || has("TEXT") || has("BLOB");
}

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

std::optional<Relation> find_relation(Database& database, const std::string& table) {
    auto& head = database.prepare("SELECT name, type FROM sqlite_schema WHERE type IN ('table', "
                                  "'view') AND name = ?1 COLLATE NOCASE",
                                  table);
    if (!head.step()) {
        head.reset();
        return std::nullopt;
    }
    Relation relation;
    relation.is_table = head.text(1) == "table";
    head.reset();
    int key_columns = 0;
    std::string key;
    // A key of one column may be the row's number, which needs no value.
    auto& columns =
        database.prepare("SELECT name, type, \"notnull\" AND dflt_value IS NULL AND (pk = 0 OR "
                         "(SELECT max(pk) FROM pragma_table_xinfo(?1)) > 1), pk FROM "
                         "pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid",
                         table);
    while (columns.step()) {
        relation.attributes.push_back({columns.text(0), columns.text(1), columns.integer(2) != 0});
        if (columns.integer(3) > 0) {
            ++key_columns;
            key = columns.text(0);
        }
    }
    columns.reset();
    if (key_columns == 1) {
        relation.unique_columns.push_back(key);
    }
    auto& unique = database.prepare(
        "SELECT min(i.name) FROM pragma_index_list(?1) l, pragma_index_info(l.name) i"
        " WHERE l.\"unique\" AND NOT l.partial GROUP BY l.name HAVING count(*) = 1",
        table);
    while (unique.step()) {
        relation.unique_columns.push_back(unique.text(0));
    }
    unique.reset();
    auto& mark = database.prepare("SELECT name FROM pragma_index_list(?1) WHERE name LIKE ?2",
                                  table,
                                  database.options().state_prefix + "_mark_%");
    if (mark.step()) {
        relation.mark = mark.text(0);
    }
    mark.reset();
    return relation;
}

std::string stage_of(const Database& database, const TableName& target) {
    return database.options().state_prefix + "_stage_" + sha256_hex(target.text()).substr(0, 16);
}

BoundTable bind_table(Database& database, const StreamSchema& schema) {
    const auto relation = find_relation(database, schema.target.table);
    if (!relation) {
        throw SyncError(ErrorKind::sink_refused,
                        database.options().path + ": table " + schema.target.table +
                            " does not exist; was it dropped?");
    }
    BoundTable table;
    table.schema = schema;
    table.target = schema.target.text();
    table.quoted = quote_identifier(schema.target.table);
    table.stage = quote_identifier(stage_of(database, schema.target));
    table.has_details_at = relation->find(details_at_column) != nullptr;
    const auto declared_of = [&](const std::string& name) {
        const auto* attribute = relation->find(name);
        if (attribute == nullptr) {
            throw SyncError(ErrorKind::schema_conflict,
                            database.options().path + ": table " + schema.target.table +
                                " has no column " + name + "; was it dropped or renamed?");
        }
        return attribute->declared;
    };
    for (const auto& column : schema.columns) {
        table.declared.push_back(declared_of(column.name));
        table.names.push_back(quote_identifier(column.name));
    }
    for (const auto& column : metadata_columns(schema)) {
        const auto name = quote_identifier(column.name);
        // Follows the column's own type, which may be Sling's or somebody's.
        const bool is_integer = is_integer_type(declared_of(column.name));
        if (schema.is_snapshot && column.kind == MetadataColumn::Kind::loaded_at) {
            table.loaded_at = LoadedAt{name, is_integer};
        } else {
            table.stamps.push_back({column.kind, name, is_integer});
        }
    }
    return table;
}

StampLists stamps_of(const BoundTable& table, const std::string& now) {
    using Kind = MetadataColumn::Kind;
    StampLists lists;
    for (const auto& stamp : table.stamps) {
        const std::string time =
            stamp.is_integer ? "CAST(strftime('%s', " + now + ") AS INTEGER)" : now;
        const bool is_op = stamp.kind == Kind::synced_op;
        const auto set = ", " + stamp.quoted + " = ";
        lists.names += ", " + stamp.quoted;
        lists.inserted += ", " + (is_op ? "'I'" : time);
        lists.updated += set + (is_op ? "'U'" : time);
        if (stamp.kind != Kind::loaded_at) {
            lists.deleted += set + (is_op ? "'D'" : time);
        }
    }
    lists.corrected = lists.updated;
    if (table.has_details_at) {
        lists.updated += std::string(", ") + details_at_column + " = NULL";
    }
    return lists;
}

std::string column_list(const BoundTable& table, const std::string& prefix) {
    std::string out;
    for (const auto& name : table.names) {
        out += (out.empty() ? "" : ", ") + prefix + name;
    }
    return out;
}

std::string instant(const std::string& column) {
    // Shorter texts are times of day or "now", which strftime would take, too.
    return "(CASE WHEN typeof(" + column + ") = 'text' AND length(" + column +
           ") > 9 THEN strftime('%Y-%m-%dT%H:%M:%SZ', " + column + ") END)";
}

std::string and_id_of_zoho(const BoundTable& table) {
    // Whatever an integer gives back unchanged is one.
    return " AND (typeof(" + table.id() + ") = 'integer' OR (" + table.id() +
           " NOT GLOB '*[^0-9]*' AND CAST(CAST(" + table.id() +
           " AS INTEGER) AS TEXT) = " + table.id() + "))";
}

std::string in_groups(const std::vector<std::string>& terms, const std::string& operation) {
    // SQLite takes no expression of more than 1,000 levels, and a chain has one for each of its
    // terms.
    constexpr std::size_t terms_of_a_group = 100;
    std::string out = "(";
    for (std::size_t i = 0; i < terms.size(); ++i) {
        if (i > 0) {
            out += i % terms_of_a_group == 0 ? ") " + operation + " (" : " " + operation + " ";
        }
        out += terms[i];
    }
    return "(" + out + "))";
}

std::string holds(const Column& column, const std::string& held, const std::string& given) {
    auto same = held + " IS " + given;
    if (!column.is_detail || !column.list_limit) {
        return same;
    }
    const auto length = "length(" + given + ")";
    return "(" + same + " OR coalesce(" + length +
           " >= " + std::to_string(shortest_cut(*column.list_limit)) + " AND substr(" + held +
           ", 1, " + length + ") = " + given + ", 0))";
}

std::string differs(const BoundTable& table, const std::string& held, const std::string& given) {
    std::vector<std::string> terms{"0"};
    for (std::size_t i = 1; i < table.names.size(); ++i) {
        const auto& column = table.schema.columns[i];
        if (column.counts_as_change) {
            terms.push_back("NOT (" + holds(column, held + table.names[i], given + table.names[i]) +
                            ")");
        }
    }
    return in_groups(terms, "OR");
}

std::string
version_allows(const BoundTable& table, const std::string& old_row, const std::string& new_row) {
    if (!table.schema.version_column) {
        return "1";
    }
    const auto& name = table.names[*table.schema.version_column];
    const auto held = instant(old_row + name);
    const auto given = instant(new_row + name);
    return "(" + held + " <= " + given + " OR " + held + " IS NULL OR " + given + " IS NULL)";
}

std::string assignments(const BoundTable& table) {
    std::string out;
    for (std::size_t i = 1; i < table.names.size(); ++i) {
        out += table.names[i] + " = excluded." + table.names[i] + ", ";
    }
    return out;
}

} // namespace zohosyncd::sqlite
