#include "sinks/sqlite/prepare.hpp"

#include "daemon/core/details.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/column_evolution.hpp"
#include "sinks/common/metadata_columns.hpp"
#include "sinks/common/row_text.hpp"
#include "sinks/sqlite/known_columns.hpp"
#include "sinks/sqlite/state.hpp"
#include "sinks/sqlite/tables.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace zohosyncd::sqlite {
namespace {

/// Whether the table has a state row of its own.
enum class TableKind { records, lines };

class Preparer {
public:
    Preparer(Database& database,
             const StreamKey& key,
             StreamSchema wanted,
             ColumnCasing casing,
             TableKind kind = TableKind::records)
        : database_(database), key_(key), wanted_(std::move(wanted)), kind_(kind),
          target_(key.target.text()), quoted_(quote_identifier(key.target.table)),
          table_(find_relation(database, key.target.table)),
          known_(load_columns(database, target_)),
          stage_(find_relation(database, stage_of(database, key.target))) {
        std::vector<std::string> existing;
        if (table_) {
            for (const auto& attribute : table_->attributes) {
                existing.push_back(attribute.name);
            }
        }
        assigned_ = assign_columns(
            wanted_,
            casing,
            known_,
            existing,
            [this](const KnownColumn& column, const Column& field) { return fit(column, field); });
        if (table_) {
            leave_out_new_columns(wanted_, assigned_, known_, [this](const std::string& name) {
                return table_->find(name) != nullptr;
            });
        }
        own_columns_ = {{synced_at_column, "TEXT"}, {deleted_at_column, "TEXT"}};
        for (const auto& column : metadata_columns(wanted_, names_)) {
            own_columns_.emplace_back(column.name, column.is_unix ? "INTEGER" : "TEXT");
            if (column.kind == MetadataColumn::Kind::loaded_at) {
                loaded_at_ = column.name;
            }
        }
    }

    [[nodiscard]] bool is_ready() const {
        return table_ && assigned_.renames.empty() && missing_columns(*table_, true).empty() &&
               (!stage_ || missing_columns(*stage_, false).empty()) &&
               (wanted_.is_snapshot || table_->is_unique(names_.front())) && unrecorded().empty() &&
               assigned_.retired.empty() && state_is_current();
    }

    /// Inside a write transaction.
    void apply(PreparedStream& prepared) {
        if (table_) {
            ask_for_details();
        }
        rename_columns();
        if (!table_) {
            create_table();
            prepared.created_table = true;
        } else {
            check_adopted();
            extend_table(prepared);
        }
        if (stage_) {
            for (const auto index : missing_columns(*stage_, false)) {
                add_column(quote_identifier(stage_of(database_, key_.target)), index);
            }
        }
        record_columns();
        if (table_ && lacks_values_ && has_rows()) {
            ask_for_values();
        }
        if (!state_is_current()) {
            store_state_row();
        }
    }

    /// What is wanted, less the columns that the table is not to get; named.
    [[nodiscard]] StreamSchema schema() const {
        auto schema = wanted_;
        schema.target = key_.target;
        for (std::size_t i = 0; i < names_.size(); ++i) {
            schema.columns[i].name = names_[i];
        }
        return schema;
    }

private:
    [[nodiscard]] ColumnFit fit(const KnownColumn& column, const Column& field) const {
        const auto* attribute = table_ ? table_->find(column.name) : nullptr;
        const bool is_followed =
            &field == &wanted_.columns.front() ||
            (wanted_.version_column && &field == &wanted_.columns[*wanted_.version_column]);
        // What the field was when the column was taken over is followed; not what it became.
        const bool is_followed_as_it_was =
            column.adopted && column.column_type == to_string(field.type);
        return attribute == nullptr || is_followed || is_followed_as_it_was ||
                       keeps(attribute->declared, field.type)
                   ? ColumnFit::as_is
                   : ColumnFit::none;
    }

    void rename_columns() {
        for (const auto& [from, to] : assigned_.renames) {
            if (table_ && table_->find(from) != nullptr) {
                database_.script("ALTER TABLE " + quoted_ + " RENAME COLUMN " +
                                 quote_identifier(from) + " TO " + quote_identifier(to));
                table_->rename(from, to);
            }
            rename_known_column(database_, target_, from, to);
        }
    }

    /// Rows that were read without a column lack its values, whatever the marks say: with the hash
    /// gone, they are read again from the anchor. A scan under way ends as one that has not seen
    /// all.
    void ask_for_values() {
        database_.run("UPDATE " + database_.state_table("sync_state") +
                          " SET mapping_hash = ?2, scan = CASE WHEN json_extract(scan, "
                          "'$.mapping') IS NOT NULL THEN json_set(scan, '$.mapping', ?2) ELSE scan "
                          "END WHERE target = ?1",
                      target_,
                      mixed_mapping);
    }

    [[noreturn]] void conflict(const std::string& reason) const {
        throw SyncError(ErrorKind::schema_conflict,
                        database_.options().path + ": table " + key_.target.table + " " + reason);
    }

    /// Indexes of wanted columns; those of our own count as the ones after the last.
    [[nodiscard]] std::vector<std::size_t> missing_columns(const Relation& relation,
                                                           bool with_bookkeeping) const {
        std::vector<std::size_t> missing;
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (relation.find(names_[i]) == nullptr) {
                missing.push_back(i);
            }
        }
        for (std::size_t i = 0; with_bookkeeping && i < own_columns_.size(); ++i) {
            if (relation.find(own_columns_[i].first) == nullptr) {
                missing.push_back(names_.size() + i);
            }
        }
        return missing;
    }

    void add_column(const std::string& quoted_table, std::size_t index) {
        const bool is_data = index < names_.size();
        const auto& name = is_data ? names_[index] : own_columns_[index - names_.size()].first;
        const std::string type = is_data ? declared_type(wanted_.columns[index].type)
                                         : own_columns_[index - names_.size()].second;
        database_.script("ALTER TABLE " + quoted_table + " ADD COLUMN " + quote_identifier(name) +
                         " " + type);
    }

    void create_table() {
        std::string sql = "CREATE TABLE " + quoted_ + " (";
        for (std::size_t i = 0; i < names_.size(); ++i) {
            const char* type = i > 0                 ? declared_type(wanted_.columns[i].type)
                               : wanted_.is_snapshot ? "INTEGER"
                                                     : "INTEGER PRIMARY KEY";
            const bool not_null = i > 0 ? wanted_.columns[i].not_null : wanted_.is_snapshot;
            sql += quote_identifier(names_[i]) + " " + type + (not_null ? " NOT NULL, " : ", ");
        }
        std::string separator;
        for (const auto& [name, type] : own_columns_) {
            // SQLite lets a key of several columns be null.
            const bool not_null = wanted_.is_snapshot && name == loaded_at_;
            sql += separator + quote_identifier(name) + " " + type + (not_null ? " NOT NULL" : "");
            separator = ", ";
        }
        if (wanted_.is_snapshot) {
            // In this order it also finds the last snapshot.
            sql += ", PRIMARY KEY (" + quote_identifier(loaded_at_) + ", " +
                   quote_identifier(names_.front()) + ")";
        }
        database_.script(sql + ")");
        ZOHOSYNCD_FAILPOINT("sqlite.prepare.table");
        // Costs nothing for live rows; finds the deleted ones of a big table.
        if (!wanted_.is_snapshot) {
            database_.script("CREATE INDEX " + quote_identifier(key_.target.table + "_deleted_at") +
                             " ON " + quoted_ + " (_deleted_at) WHERE _deleted_at IS NOT NULL");
        }
        for (const auto& index : wanted_.options.indexes) {
            create_index(index);
        }
        if (kind_ == TableKind::lines) {
            database_.script("CREATE INDEX " + quote_identifier(key_.target.table + "_record") +
                             " ON " + quoted_ + " (" + quote_identifier(names_[parent_column]) +
                             ")");
        }
    }

    void create_index(const WantedIndex& index) {
        std::string columns;
        std::string name = key_.target.table;
        for (const auto& api_name : index.columns) {
            std::size_t i = 0;
            while (wanted_.columns[i].api_name != api_name) {
                ++i;
            }
            columns += (columns.empty() ? "" : ", ") + quote_identifier(names_[i]);
            name += "_" + names_[i];
        }
        name = index.name.empty() ? unused_name(name + (index.is_unique ? "_key" : "_idx"))
                                  : index.name;
        // A deleted record's row stays, and its values are free for others.
        database_.script(std::string("CREATE ") + (index.is_unique ? "UNIQUE " : "") + "INDEX " +
                         quote_identifier(name) + " ON " + quoted_ + " (" + columns + ")" +
                         (index.is_unique ? " WHERE _deleted_at IS NULL" : ""));
    }

    /// Names of indexes stay with a table that is renamed, so that a new one may find its own
    /// taken.
    std::string unused_name(const std::string& wanted) {
        std::string name = wanted;
        const auto is_taken = [&] {
            return database_.number("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 "
                                    "COLLATE NOCASE)",
                                    name) == 1;
        };
        for (int next = 1; is_taken(); ++next) {
            name = wanted + std::to_string(next);
        }
        return name;
    }

    void check_adopted() {
        const auto& id = names_.front();
        if (!table_->is_table) {
            conflict("is a view; rename it or choose another object");
        }
        if (table_->find(id) == nullptr) {
            conflict("has no column for the record's id");
        }
        const auto* loaded_at = table_->find(loaded_at_column);
        if (wanted_.is_snapshot && table_->is_unique(id)) {
            conflict(
                "has one row a record, and a snapshot needs a table of its own: choose another "
                "object for mode snapshot, such as {stream_name}_snapshot");
        }
        if (!wanted_.is_snapshot && loaded_at != nullptr && loaded_at->needs_value) {
            conflict("holds snapshots: choose another object for any other mode");
        }
        for (const auto& attribute : table_->attributes) {
            const bool is_own =
                std::any_of(own_columns_.begin(), own_columns_.end(), [&](const auto& column) {
                    return column.first == attribute.name && column.first != deleted_at_column;
                });
            if (attribute.needs_value && !is_own &&
                std::find(names_.begin(), names_.end(), attribute.name) == names_.end()) {
                conflict("has a column " + attribute.name +
                         " that must not be null and that Zoho does not fill");
            }
        }
        if (!wanted_.is_snapshot && !table_->is_unique(id)) {
            const auto sql = "CREATE UNIQUE INDEX " +
                             quote_identifier(key_.target.table + "_zoho_id") + " ON " + quoted_ +
                             " (" + quote_identifier(id) + ")";
            try {
                database_.script(sql);
            } catch (const DataError&) {
                conflict("holds ids more than once (the newest row of each is to stay); run: " +
                         without_copies() + " " + sql + ";");
            }
        }
    }

    [[nodiscard]] std::string without_copies() const {
        const auto id = quote_identifier(names_.front());
        const auto* version =
            wanted_.version_column ? table_->find(names_[*wanted_.version_column]) : nullptr;
        const auto newest =
            version == nullptr ? "" : quote_identifier(version->name) + " DESC NULLS LAST, ";
        return "DELETE FROM " + quoted_ +
               " WHERE rowid IN (SELECT place FROM (SELECT rowid AS place, row_number() OVER "
               "(PARTITION BY " +
               id + " ORDER BY " + newest + "rowid DESC) AS copy FROM " + quoted_ + " WHERE " + id +
               " IS NOT NULL) WHERE copy > 1);";
    }

    void ask_for_details() {
        const auto had = [&](const std::string& name) { return table_->find(name) != nullptr; };
        const auto more = more_details(wanted_.columns, assigned_, known_, had);
        if (!had(details_at_column) || more == MoreDetails::none) {
            return;
        }
        raise_details_generation(database_, target_);
        if (more == MoreDetails::of_all_rows) {
            database_.script(let_rows_wait_for_details(quoted_));
        }
    }

    void extend_table(PreparedStream& prepared) {
        const auto missing = missing_columns(*table_, true);
        const bool fills_columns = has_rows();
        for (const auto index : missing) {
            add_column(quoted_, index);
            const bool lists_have_it =
                index < names_.size() && !wanted_.columns[index].is_left_out();
            lacks_values_ = lacks_values_ || lists_have_it;
            prepared.added_columns_to_existing_rows =
                prepared.added_columns_to_existing_rows || (fills_columns && lists_have_it);
        }
    }

    /// The column that the field goes on with; null for a new one.
    [[nodiscard]] const KnownColumn* known(std::size_t index) const {
        return assigned_.known[index] ? &known_[*assigned_.known[index]] : nullptr;
    }

    [[nodiscard]] std::vector<std::size_t> unrecorded() const {
        std::vector<std::size_t> indexes;
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (known(i) == nullptr || !is_recorded(*known(i), wanted_.columns[i], names_[i])) {
                indexes.push_back(i);
            }
        }
        return indexes;
    }

    void record_columns() {
        ZOHOSYNCD_FAILPOINT("sqlite.prepare.columns");
        for (const auto i : unrecorded()) {
            const auto& column = wanted_.columns[i];
            record_column(database_,
                          target_,
                          {column.api_name,
                           names_[i],
                           column.label,
                           field_key(column),
                           column.data_type,
                           to_string(column.type),
                           table_ && table_->find(names_[i]) != nullptr,
                           false,
                           column.is_detail});
            lacks_values_ = lacks_values_ ||
                            (known(i) != nullptr && known(i)->retired && !column.is_left_out());
        }
        for (const auto& name : assigned_.retired) {
            retire_column(database_, target_, name);
        }
    }

    [[nodiscard]] bool state_is_current() const {
        if (kind_ == TableKind::lines) {
            return true;
        }
        return table_ && !table_->mark.empty() && table_->mark == state_table_id(database_, key_);
    }

    [[nodiscard]] bool has_rows() const {
        return database_.number("SELECT EXISTS (SELECT 1 FROM " + quoted_ + ")") == 1;
    }

    /// The greatest Modified_Time of a table that is taken over; empty without one. A table that
    /// had a state before is another now: its rows are no continuation.
    [[nodiscard]] std::string mark_of_adopted() const {
        const bool is_adopted = table_ && !wanted_.is_snapshot && known_.empty() &&
                                state_table_id(database_, key_).empty() && wanted_.version_column;
        if (!is_adopted || table_->find(names_[*wanted_.version_column]) == nullptr) {
            return {};
        }
        const auto version = quote_identifier(names_[*wanted_.version_column]);
        auto& row = database_.prepare("SELECT max(" + instant(version) + ") FROM " + quoted_);
        std::string mark = row.step() && !row.is_null(0) ? row.text(0) : std::string{};
        row.reset();
        return mark;
    }

    void store_state_row() {
        std::string mark = table_ ? table_->mark : std::string{};
        if (mark.empty()) {
            // Goes when the table goes, and costs nothing: no row is ever in it.
            mark = database_.options().state_prefix + "_mark_" + std::to_string(draw_commit_id());
            database_.script("CREATE INDEX " + quote_identifier(mark) + " ON " + quoted_ + " (" +
                             quote_identifier(names_.front()) + ") WHERE 0");
        }
        ZOHOSYNCD_FAILPOINT("sqlite.prepare.state");
        const auto first_mark = mark_of_adopted();
        // Rows without the columns that were added just now lack their values, however new they
        // are: without the hash the first scan begins at the anchor.
        const bool goes_on =
            !first_mark.empty() &&
            std::ranges::all_of(missing_columns(*table_, false),
                                [&](std::size_t i) { return wanted_.columns[i].is_left_out(); });
        begin_state(database_,
                    key_,
                    {mark,
                     first_mark,
                     goes_on ? mapping_hash(wanted_) : std::string{},
                     table_ && !wanted_.is_snapshot && has_rows()});
    }

    Database& database_;
    const StreamKey& key_;
    StreamSchema wanted_;
    const TableKind kind_;
    const std::string target_;
    const std::string quoted_;
    std::optional<Relation> table_;
    std::vector<KnownColumn> known_;
    std::optional<Relation> stage_;
    ColumnAssignment assigned_;
    const std::vector<std::string>& names_ = assigned_.names;
    std::vector<std::pair<std::string, std::string>> own_columns_; ///< Names and types.
    std::string loaded_at_;     ///< Name of the one that says when a row was loaded.
    bool lacks_values_ = false; ///< A column that is new, or in use again, holds none or old ones.
};

} // namespace

std::vector<std::string> prepare_line_table(Database& database,
                                            Leases& leases,
                                            const StreamSchema& wanted,
                                            ColumnCasing casing,
                                            const OnLinesChanged& on_changed) {
    const StreamKey key{{}, {}, wanted.target};
    const auto preparer = [&] { return Preparer(database, key, wanted, casing, TableKind::lines); };
    const auto names = [&] {
        std::vector<std::string> all;
        for (const auto& column : preparer().schema().columns) {
            all.push_back(column.name);
        }
        return all;
    };
    if (!database.read([&] { return preparer().is_ready(); })) {
        database.write([&] {
            leases.check();
            const auto before = find_relation(database, key.target.table);
            const auto known = load_columns(database, key.target.text());
            PreparedStream ignored;
            preparer().apply(ignored);
            const auto now = names();
            const auto had = [&](const std::string& name) { return before->find(name) != nullptr; };
            auto lack = LinesLack::everything;
            if (before) {
                lack = lacks_listed_fields(wanted.columns, now, known, had)
                           ? LinesLack::listed_fields
                           : LinesLack::nothing;
            }
            on_changed(lack, now);
            return true;
        });
    }
    return database.read(names);
}

PreparedStream prepare_stream(Database& database,
                              Leases& leases,
                              const StreamKey& key,
                              const StreamSchema& wanted,
                              ColumnCasing casing) {
    PreparedStream prepared;
    const bool ready =
        database.read([&] { return Preparer(database, key, wanted, casing).is_ready(); });
    if (!ready) {
        database.write([&] {
            leases.check();
            Preparer(database, key, wanted, casing).apply(prepared);
            return true;
        });
    }
    database.read([&] {
        prepared.schema = Preparer(database, key, wanted, casing).schema();
        prepared.state = load_state(database, key).value();
        return true;
    });
    return prepared;
}

} // namespace zohosyncd::sqlite
