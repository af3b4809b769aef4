#include "sinks/postgres/prepare_plan.hpp"

#include "sinks/common/metadata_columns.hpp"
#include "sinks/postgres/statements.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace zohosyncd::postgres {
namespace {

const char* sql_type(ColumnType type) {
    switch (type) {
    case ColumnType::json:
        return "jsonb";
    case ColumnType::text:
    case ColumnType::bigint:
    case ColumnType::numeric:
    case ColumnType::boolean:
    case ColumnType::date:
    case ColumnType::timestamptz:
        return to_string(type);
    }
    return "text";
}

std::string sql_type(const Column& column) {
    return column.declared.empty() ? sql_type(column.type) : column.declared;
}

const char* sql_type(const MetadataColumn& column) {
    if (column.kind == MetadataColumn::Kind::synced_op) {
        return "text";
    }
    return column.is_unix ? "bigint" : "timestamptz";
}

/// The type that holds both what a column of `stored` type holds and `wanted` values; empty when
/// `stored` does. Types that are not ours are never touched.
std::string widened(const std::string& stored, ColumnType wanted) {
    const auto fits = [&]() -> bool {
        if (stored == "timestamp with time zone") {
            return wanted == ColumnType::timestamptz;
        }
        if (stored == "numeric") {
            return wanted == ColumnType::numeric || wanted == ColumnType::bigint;
        }
        const bool is_ours =
            stored == "bigint" || stored == "boolean" || stored == "date" || stored == "jsonb";
        return !is_ours || stored == sql_type(wanted);
    };
    if (fits()) {
        return {};
    }
    return stored == "bigint" && wanted == ColumnType::numeric ? "numeric" : "text";
}

/// Whether a column of this type takes every value as text.
bool is_text(const std::string& type) {
    return type == "text" || type == "character varying" || type == "bpchar" || type == "citext";
}

/// The same for a column that somebody else made, whose type may be any; those that we do not know
/// how to widen count as wide enough.
std::string widened_foreign(const Attribute& attribute, ColumnType wanted) {
    const auto& type = attribute.type;
    const bool is_limited = attribute.declared.find('(') != std::string::npos;
    const bool wants_number = wanted == ColumnType::bigint || wanted == ColumnType::numeric;
    const bool is_integer = type == "smallint" || type == "integer";
    if (is_text(type)) {
        return is_limited ? "text" : "";
    }
    if (is_integer && wanted == ColumnType::bigint) {
        return "bigint";
    }
    if (is_integer || type == "real" || type == "double precision" ||
        (type == "numeric" && is_limited)) {
        return wants_number ? "numeric" : "text";
    }
    return widened(type, wanted);
}

/// ALTER COLUMN TYPE writes the table anew while nobody can read it: that is a second or so.
constexpr std::uint64_t most_rewritten = 64ULL << 20;

[[noreturn]] void conflict(const StreamSchema& wanted, const std::string& reason) {
    throw SyncError(ErrorKind::schema_conflict, "table " + wanted.target.text() + " " + reason);
}

std::string comment_sql(const StreamSchema& wanted, const Column& column, const std::string& name) {
    const auto text = column.label.empty() || column.label == column.api_name
                          ? column.api_name
                          : column.api_name + " (" + column.label + ")";
    return "COMMENT ON COLUMN " + quote_table(wanted.target) + "." + quote_identifier(name) +
           " IS " + quote_literal(text);
}

class Planner {
public:
    Planner(const Observed& seen,
            StreamSchema wanted,
            ColumnCasing casing,
            const std::string& state_schema)
        : seen_(seen), wanted_(std::move(wanted)), quoted_(quote_table(wanted_.target)),
          stage_(quote_table(stage_of(wanted_.target, state_schema))), table_(seen.table) {
        std::vector<std::string> existing;
        if (table_) {
            for (const auto& attribute : table_->attributes) {
                existing.push_back(attribute.name);
            }
        }
        assigned_ = assign_columns(
            wanted_,
            casing,
            seen.known,
            existing,
            [this](const KnownColumn& known, const Column& column) { return fit(known, column); });
        if (table_) {
            leave_out_new_columns(wanted_, assigned_, seen.known, [this](const std::string& name) {
                return table_->find(name) != nullptr;
            });
        }
        plan_.names = assigned_.names;
        plan_.retire = assigned_.retired;
        plan_.renames = assigned_.renames;
        for (std::size_t i = 0; i < assigned_.known.size(); ++i) {
            const auto& index = assigned_.known[i];
            known_.push_back(index ? &seen.known[*index] : nullptr);
            plan_.takes_up_columns =
                plan_.takes_up_columns ||
                (index && seen.known[*index].retired && !wanted_.columns[i].is_left_out());
        }
        metadata_ = metadata_columns(wanted_, plan_.names);
    }

    PreparePlan plan() {
        if (table_) {
            rename_columns();
            check_adopted();
            extend_table();
            ask_for_details();
            plan_.store_state = !seen_.has_state || seen_.state_table_id != table_->oid;
            plan_.takes_over = plan_.store_state && !wanted_.is_snapshot;
        } else {
            create_table();
            plan_.store_state = true;
        }
        extend_stage();
        record_columns();
        plan_.schema = std::move(wanted_);
        return std::move(plan_);
    }

private:
    /// Key and version are what their table has them as.
    [[nodiscard]] bool is_followed(const Column& column) const {
        return &column == &wanted_.columns.front() ||
               (wanted_.version_column && &column == &wanted_.columns[*wanted_.version_column]);
    }

    [[nodiscard]] bool may_rewrite(const Attribute& attribute) const {
        return table_->kind == 'r' && !attribute.is_used && table_->bytes <= most_rewritten;
    }

    [[nodiscard]] ColumnFit fit(const KnownColumn& known, const Column& column) const {
        const auto* attribute = table_ ? table_->find(known.name) : nullptr;
        if (attribute == nullptr || is_followed(column)) {
            return ColumnFit::as_is;
        }
        const bool is_type_of_ours = !widened(attribute->type, column.type).empty() ||
                                     attribute->type == "timestamp with time zone" ||
                                     attribute->type == "numeric" || attribute->type == "bigint" ||
                                     attribute->type == "boolean" || attribute->type == "date" ||
                                     attribute->type == "jsonb";
        const bool is_as_recorded = known.column_type == to_string(column.type);
        if (known.adopted || !is_type_of_ours) {
            if (!type_to_adjust(*attribute, column).empty()) {
                return ColumnFit::widened;
            }
            // What the field was when the column was taken over is followed; not what it became.
            const bool holds = is_as_recorded || is_text(attribute->type) ||
                               (is_type_of_ours && widened(attribute->type, column.type).empty());
            return holds ? ColumnFit::as_is : ColumnFit::none;
        }
        if (widened(attribute->type, column.type).empty()) {
            return ColumnFit::as_is;
        }
        return may_rewrite(*attribute) ? ColumnFit::widened : ColumnFit::none;
    }

    /// What a column that somebody else made is to become; empty: it stays.
    [[nodiscard]] std::string type_to_adjust(const Attribute& attribute,
                                             const Column& column) const {
        return wanted_.options.adjusts_types && may_rewrite(attribute)
                   ? widened_foreign(attribute, column.type)
                   : std::string{};
    }

    /// Of a column that the table has; empty: it stays.
    [[nodiscard]] std::string new_type(const Attribute& attribute, std::size_t i) const {
        const auto& column = wanted_.columns[i];
        if (is_followed(column)) {
            return {};
        }
        const bool is_ours = known_[i] != nullptr && !known_[i]->adopted;
        return is_ours ? widened(attribute.type, column.type) : type_to_adjust(attribute, column);
    }

    void rename_columns() {
        for (const auto& [from, to] : plan_.renames) {
            if (table_->find(from) != nullptr) {
                plan_.ddl.push_back("ALTER TABLE " + quoted_ + " RENAME COLUMN " +
                                    quote_identifier(from) + " TO " + quote_identifier(to));
                table_->rename(from, to);
            }
        }
    }

    void create_table() {
        plan_.creates_table = true;
        plan_.creates_schema = !seen_.has_schema;
        if (!seen_.has_schema) {
            plan_.ddl.push_back("CREATE SCHEMA IF NOT EXISTS " +
                                quote_identifier(wanted_.target.schema));
        }
        std::string sql = "CREATE TABLE " + quoted_ + " (";
        for (std::size_t i = 0; i < wanted_.columns.size(); ++i) {
            const std::string type = i > 0                 ? sql_type(wanted_.columns[i])
                                     : wanted_.is_snapshot ? "bigint"
                                                           : "bigint PRIMARY KEY";
            const bool not_null = i > 0 ? wanted_.columns[i].not_null : wanted_.is_snapshot;
            sql +=
                quote_identifier(plan_.names[i]) + " " + type + (not_null ? " NOT NULL, " : ", ");
        }
        sql += "_synced_at timestamptz, _deleted_at timestamptz";
        for (const auto& column : metadata_) {
            sql += ", " + quote_identifier(column.name) + " " + sql_type(column);
        }
        if (wanted_.is_snapshot) {
            // In this order it also finds the last snapshot.
            sql += ", PRIMARY KEY (" + quote_identifier(metadata_.front().name) + ", " +
                   quote_identifier(plan_.names.front()) + ")";
        }
        plan_.ddl.push_back(sql + ")");
        if (!wanted_.is_snapshot) {
            // Costs nothing for live rows; finds the deleted ones of a big table.
            plan_.ddl.push_back("CREATE INDEX ON " + quoted_ +
                                " (_deleted_at) WHERE _deleted_at IS NOT NULL");
        }
        create_indexes();
        for (std::size_t i = 0; i < wanted_.columns.size(); ++i) {
            plan_.ddl.push_back(comment_sql(wanted_, wanted_.columns[i], plan_.names[i]));
        }
    }

    void create_indexes() {
        for (const auto& index : wanted_.options.indexes) {
            std::string columns;
            for (const auto& api_name : index.columns) {
                columns += (columns.empty() ? "" : ", ") + quote_identifier(name_of(api_name));
            }
            // A deleted record's row stays, and its values are free for others.
            plan_.ddl.push_back(
                std::string("CREATE ") + (index.is_unique ? "UNIQUE " : "") + "INDEX " +
                (index.name.empty() ? "" : quote_identifier(index.name) + " ") + "ON " + quoted_ +
                " (" + columns + ")" + (index.is_unique ? " WHERE _deleted_at IS NULL" : ""));
        }
    }

    [[nodiscard]] const std::string& name_of(const std::string& api_name) const {
        std::size_t i = 0;
        while (wanted_.columns[i].api_name != api_name) {
            ++i;
        }
        return plan_.names[i];
    }

    [[nodiscard]] bool is_ours(const std::string& name) const {
        return name == synced_at_column ||
               std::any_of(metadata_.begin(),
                           metadata_.end(),
                           [&](const MetadataColumn& column) { return column.name == name; }) ||
               std::find(plan_.names.begin(), plan_.names.end(), name) != plan_.names.end();
    }

    void check_adopted() {
        const auto& table = *table_;
        if (table.kind != 'r' && table.kind != 'p') {
            conflict(wanted_, "is not a table; rename it or choose another object");
        }
        const auto& id = plan_.names.front();
        if (table.find(id) == nullptr) {
            conflict(wanted_,
                     "has no column for the record's id; run: ALTER TABLE " + quoted_ +
                         " ADD COLUMN id bigint");
        }
        check_kind_of_rows(table);
        for (const auto& attribute : table.attributes) {
            if (attribute.needs_value && !is_ours(attribute.name)) {
                conflict(wanted_,
                         "has a column that must not be null and that Zoho does not fill; run: "
                         "ALTER TABLE " +
                             quoted_ + " ALTER COLUMN " + quote_identifier(attribute.name) +
                             " DROP NOT NULL");
            }
        }
        const auto* deleted_at = table.find(deleted_at_column);
        if (deleted_at != nullptr && !deleted_at->type.starts_with("timestamp")) {
            conflict(wanted_,
                     "has a column _deleted_at of type " + deleted_at->declared +
                         "; run: ALTER TABLE " + quoted_ +
                         " RENAME COLUMN _deleted_at TO deleted_at_before");
        }
        if (!wanted_.is_snapshot && !table.is_unique(id)) {
            plan_.unique_index =
                quote_identifier("zohosync_id_" + sha256_hex(wanted_.target.text()).substr(0, 16));
        }
        find_version(table);
    }

    /// One row a record, or one a record and snapshot: neither can become the other.
    void check_kind_of_rows(const Relation& table) {
        const auto* loaded_at = table.find(loaded_at_column);
        if (wanted_.is_snapshot && table.is_unique(plan_.names.front())) {
            conflict(
                wanted_,
                "has one row a record, and a snapshot needs a table of its own: choose another "
                "object for mode snapshot, such as " +
                    wanted_.target.schema + ".{stream_name}_snapshot");
        }
        if (!wanted_.is_snapshot && loaded_at != nullptr && loaded_at->needs_value) {
            conflict(wanted_, "holds snapshots: choose another object for any other mode");
        }
    }

    void find_version(const Relation& table) {
        const auto* version =
            wanted_.version_column ? table.find(plan_.names[*wanted_.version_column]) : nullptr;
        if (version == nullptr) {
            return;
        }
        plan_.version_name = version->name;
        // A table that had a state before is another now: its rows are no continuation.
        if (seen_.known.empty() && seen_.state_table_id.empty()) {
            plan_.adopted_mark =
                finite_instant("t." + quote_identifier(version->name), version->type);
        }
    }

    using Add = std::function<void(const std::string& clause)>;

    void extend_column(std::size_t i, const Add& add, std::vector<std::string>& comments) {
        const auto& column = wanted_.columns[i];
        const auto& name = plan_.names[i];
        const auto* attribute = table_->find(name);
        const auto* known = known_[i];
        if (attribute == nullptr) {
            add("ADD COLUMN IF NOT EXISTS " + quote_identifier(name) + " " + sql_type(column));
            comments.push_back(comment_sql(wanted_, column, name));
            plan_.adds_columns = plan_.adds_columns || !column.is_left_out();
            return;
        }
        if (const auto type = new_type(*attribute, i); !type.empty()) {
            add("ALTER COLUMN " + quote_identifier(name) + " TYPE " + type + " USING " +
                quote_identifier(name) + "::" + type);
            // What was refused before would fit now.
            plan_.takes_up_columns = plan_.takes_up_columns || (known != nullptr && known->adopted);
        }
        if (known != nullptr && !known->adopted &&
            (known->label != column.label || known->api_name != column.api_name)) {
            comments.push_back(comment_sql(wanted_, column, name));
        }
    }

    void extend_table() {
        std::string clauses;
        const auto add = [&](const std::string& clause) {
            clauses += (clauses.empty() ? " " : ", ") + clause;
        };
        std::vector<std::string> comments;
        for (std::size_t i = 0; i < wanted_.columns.size(); ++i) {
            extend_column(i, add, comments);
        }
        for (const auto* bookkeeping : {synced_at_column, deleted_at_column}) {
            if (table_->find(bookkeeping) == nullptr) {
                add(std::string("ADD COLUMN IF NOT EXISTS ") + bookkeeping + " timestamptz");
            }
        }
        for (const auto& column : metadata_) {
            if (seen_.table->find(column.name) == nullptr) {
                add("ADD COLUMN IF NOT EXISTS " + quote_identifier(column.name) + " " +
                    sql_type(column));
            }
        }
        if (!clauses.empty()) {
            plan_.ddl.push_back("ALTER TABLE " + quoted_ + clauses);
        }
        plan_.ddl.insert(plan_.ddl.end(), comments.begin(), comments.end());
    }

    /// First, so that readers wait for the change of their table alone.
    void ask_for_details() {
        const auto& table = *seen_.table;
        const auto had = [&](const std::string& name) { return table.find(name) != nullptr; };
        const auto more = more_details(wanted_.columns, assigned_, seen_.known, had);
        if (!had(details_at_column) || more == MoreDetails::none) {
            return;
        }
        plan_.more_details_of = wanted_.target.text();
        if (more == MoreDetails::of_all_rows) {
            plan_.ddl.insert(plan_.ddl.begin(), let_rows_wait_for_details(quoted_));
        }
    }

    void extend_stage() {
        if (!seen_.stage) {
            return;
        }
        std::string clauses;
        for (std::size_t i = 0; i < wanted_.columns.size(); ++i) {
            const auto& name = plan_.names[i];
            const auto* in_table = table_ ? table_->find(name) : nullptr;
            const auto* in_stage = seen_.stage->find(name);
            const std::string type =
                in_table != nullptr ? in_table->declared : sql_type(wanted_.columns[i]);
            const auto separator = clauses.empty() ? " " : ", ";
            if (in_stage == nullptr) {
                clauses +=
                    separator + ("ADD COLUMN IF NOT EXISTS " + quote_identifier(name) + " " + type);
            } else if (in_table != nullptr && in_stage->declared != type) {
                clauses += separator + ("ALTER COLUMN " + quote_identifier(name) + " TYPE " + type +
                                        " USING " + quote_identifier(name) + "::text::" + type);
            }
        }
        if (!clauses.empty()) {
            plan_.ddl.push_back("ALTER TABLE " + stage_ + clauses);
        }
    }

    void record_columns() {
        for (std::size_t i = 0; i < wanted_.columns.size(); ++i) {
            const auto& column = wanted_.columns[i];
            const auto& name = plan_.names[i];
            if (known_[i] == nullptr || !is_recorded(*known_[i], column, name)) {
                const bool adopted = known_[i] != nullptr ? known_[i]->adopted
                                                          : table_ && table_->find(name) != nullptr;
                plan_.record.push_back({column.api_name,
                                        name,
                                        column.label,
                                        field_key(column),
                                        column.data_type,
                                        to_string(column.type),
                                        adopted,
                                        false,
                                        column.is_detail});
            }
        }
    }

    const Observed& seen_;
    StreamSchema wanted_;
    const std::string quoted_;
    const std::string stage_;
    std::vector<MetadataColumn> metadata_;
    std::optional<Relation> table_; ///< As the renames leave it.
    ColumnAssignment assigned_;
    std::vector<const KnownColumn*> known_; ///< One per wanted column; null for a new one.
    PreparePlan plan_;
};

} // namespace

std::string quote_literal(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        out += c;
        if (c == '\'') {
            out += c;
        }
    }
    return out + '\'';
}

PreparePlan plan_prepare(const Observed& seen,
                         const StreamSchema& wanted,
                         ColumnCasing casing,
                         const std::string& state_schema) {
    return Planner(seen, wanted, casing, state_schema).plan();
}

} // namespace zohosyncd::postgres
