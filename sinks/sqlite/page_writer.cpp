#include "sinks/sqlite/page_writer.hpp"

#include "daemon/runtime/failpoint.hpp"
#include "sinks/common/row_text.hpp"

#include <charconv>

namespace zohosyncd::sqlite {
namespace {

// A double holds any decimal of so many digits.
constexpr int exact_digits = 15;

// More refusals than this, and more than half of the rows: then the table is wrong, not the rows.
constexpr std::size_t few = 20;

int significant_digits(std::string_view number) {
    int digits = 0;
    bool leading = true;
    for (const char c : number) {
        if (c == 'e' || c == 'E') {
            break;
        }
        if (c >= '0' && c <= '9') {
            leading = leading && c == '0';
            digits += leading ? 0 : 1;
        }
    }
    return digits;
}

void bind_numeric(Statement& statement, int index, std::string_view value) {
    const char* end = value.data() + value.size();
    std::int64_t whole = 0;
    double number = 0;
    if (significant_digits(value) > exact_digits) {
        statement.bind(index, value);
    } else if (const auto read = std::from_chars(value.data(), end, whole);
               read.ec == std::errc{} && read.ptr == end) {
        statement.bind(index, whole);
    } else if (const auto real = std::from_chars(value.data(), end, number);
               real.ec == std::errc{} && real.ptr == end) {
        statement.bind(index, number);
    } else {
        statement.bind(index, value);
    }
}

/// Whether a row that comes is news to the row "t".
std::string is_news(const BoundTable& table, bool guarded) {
    return (guarded ? version_allows(table, "t.", "excluded.") : std::string("1")) +
           " AND (t._deleted_at IS NOT NULL OR " + differs(table, "t.", "excluded.") + ")";
}

std::string parameters(const BoundTable& table, bool are_named) {
    std::string values;
    for (std::size_t i = 0; i < table.names.size(); ++i) {
        values += (i == 0 ? "?" : ", ?") + std::to_string(i + 1);
        values += are_named ? " AS " + table.names[i] : "";
    }
    return values;
}

std::string upsert_stage_sql(const BoundTable& table, bool guarded) {
    return "INSERT INTO " + table.stage + " AS t (" + column_list(table, "") +
           ", _authoritative) VALUES (" + parameters(table, false) + (guarded ? ", 0" : ", 1") +
           ") ON CONFLICT (" + table.id() + ") DO UPDATE SET " + assignments(table) +
           "_authoritative = excluded._authoritative WHERE " +
           (guarded ? version_allows(table, "t.", "excluded.") : std::string("1"));
}

std::string upsert_sql(const BoundTable& table, bool guarded) {
    const auto strategy = table.schema.strategy;
    const bool keeps_values = strategy == MergeStrategy::insert;
    const auto only_known = strategy == MergeStrategy::update
                                ? " WHERE EXISTS (SELECT 1 FROM " + table.quoted +
                                      " AS k WHERE k." + table.id() + " = ?1)"
                                : std::string(" WHERE true");
    const auto now = "?" + std::to_string(table.names.size() + 1);
    const auto stamps = stamps_of(table, now);
    // A row that keeps its first values still comes back to life with its record.
    return "INSERT INTO " + table.quoted + " AS t (" + column_list(table, "") +
           ", _synced_at, _deleted_at" + stamps.names + ") SELECT " + parameters(table, false) +
           ", " + now + ", NULL" + stamps.inserted + only_known + " ON CONFLICT (" + table.id() +
           ") DO UPDATE SET " + (keeps_values ? std::string{} : assignments(table)) +
           "_synced_at = excluded._synced_at, _deleted_at = NULL" + stamps.updated + " WHERE " +
           is_news(table, guarded) + (keeps_values ? " AND t._deleted_at IS NOT NULL" : "");
}

/// Deletes the row that the same parameters have news of.
std::string delete_sql(const BoundTable& table, bool guarded) {
    return "DELETE FROM " + table.quoted + " AS t WHERE EXISTS (SELECT 1 FROM (SELECT " +
           parameters(table, true) + ") AS excluded WHERE t." + table.id() + " = excluded." +
           table.id() + " AND " + is_news(table, guarded) + ")";
}

/// See correct_sql in sinks/postgres.
std::string correct_sql(const BoundTable& table) {
    std::string set;
    for (std::size_t i = 1; i < table.names.size(); ++i) {
        if (i != table.schema.version_column) {
            set += table.names[i] + " = u." + table.names[i] + ", ";
        }
    }
    const auto& version = table.names[*table.schema.version_column];
    const auto now = "?" + std::to_string(table.names.size() + 1);
    return "UPDATE " + table.quoted + " AS t SET " + set + "_synced_at = " + now +
           stamps_of(table, now).corrected + " FROM (SELECT " + parameters(table, true) +
           ") AS u WHERE t." + table.id() + " = u." + table.id() +
           " AND t._deleted_at IS NULL AND " + instant("t." + version) + " = " +
           instant("u." + version) + " AND " + differs(table, "t.", "u.");
}

struct Job {
    Database& database;
    const BoundTable& table;
    Statement& statement;
    Statement* removal; ///< Before it; may be null.
    const Batch& batch;
    PageResult& result;
    bool makes_whole; ///< A row that is written holds all of its record.
};

void write_row(const Job& job, std::uint32_t row) {
    ZOHOSYNCD_FAILPOINT("sqlite.row");
    auto& statement = job.statement;
    bool is_replaced = false;
    auto* handle = job.database.handle();
    if (job.removal != nullptr) {
        bind_row(*job.removal, job.table, job.batch, row);
        const auto rows_before = sqlite3_total_changes64(handle);
        job.removal->step();
        job.removal->reset();
        is_replaced = sqlite3_total_changes64(handle) != rows_before;
    }
    bind_row(statement, job.table, job.batch, row);
    // An insert sets it, an update leaves it: that tells one from the other.
    sqlite3_set_last_insert_rowid(handle, 0);
    const auto before = sqlite3_total_changes64(handle);
    statement.step();
    statement.reset();
    if (sqlite3_total_changes64(handle) == before) {
        ++job.result.stats.unchanged;
    } else if (sqlite3_last_insert_rowid(handle) != 0 && !is_replaced) {
        ++job.result.stats.inserted;
    } else {
        ++job.result.stats.updated;
    }
    if (job.makes_whole) {
        job.result.written.push_back(job.batch.ids()[row]);
    }
}

/// How a batch is written.
enum class Manner { guarded, plain, corrects };

void write_batch(Database& database,
                 const BoundTable& table,
                 Destination destination,
                 const Batch& batch,
                 Manner manner,
                 PageResult& result) {
    const auto& reported = batch.quarantined();
    result.quarantined.insert(result.quarantined.end(), reported.begin(), reported.end());
    const auto rows = batch.rows_to_write();
    if (rows.empty()) {
        return;
    }
    ZOHOSYNCD_FAILPOINT("sqlite.rows");
    auto& clock = database.prepare(std::string("SELECT ") + sql_now);
    clock.step();
    const auto now = clock.text(0);
    clock.reset();
    const bool is_stage = destination == Destination::stage;
    const bool guarded = manner == Manner::guarded;
    const bool corrects = manner == Manner::corrects;
    auto& statement = database.prepare(corrects   ? correct_sql(table)
                                       : is_stage ? upsert_stage_sql(table, guarded)
                                                  : upsert_sql(table, guarded));
    if (!is_stage) {
        statement.bind(static_cast<int>(table.names.size()) + 1, now);
    }
    const bool replaces =
        !is_stage && !corrects && table.schema.strategy == MergeStrategy::delete_insert;
    auto* removal = replaces ? &database.prepare(delete_sql(table, guarded)) : nullptr;
    // A correction says nothing of the record's other values, which quarantine may hold.
    const Job job{database, table, statement, removal, batch, result, !corrects};
    std::size_t refused = 0;
    for (const auto row : rows) {
        try {
            if (removal != nullptr) {
                database.script("SAVEPOINT replacement");
            }
            write_row(job, row);
            if (removal != nullptr) {
                database.script("RELEASE replacement");
            }
        } catch (const DataError& error) {
            if (removal != nullptr) { // The old row stays where the new one is refused.
                database.script("ROLLBACK TO replacement; RELEASE replacement");
            }
            if (++refused > few && refused * 2 > rows.size()) {
                throw;
            }
            ++result.stats.refused;
            result.quarantined.push_back({batch.ids()[row],
                                          "record: " + error.sqlstate(),
                                          row_as_json(table.schema, batch, row)});
        }
    }
}

} // namespace

void bind_value(Statement& statement, int index, ColumnType type, std::string_view value) {
    switch (type) {
    case ColumnType::bigint: {
        std::int64_t number = 0;
        const char* end = value.data() + value.size();
        const auto read = std::from_chars(value.data(), end, number);
        if (read.ec == std::errc{} && read.ptr == end) {
            statement.bind(index, number);
        } else {
            statement.bind(index, value);
        }
        return;
    }
    case ColumnType::numeric:
        bind_numeric(statement, index, value);
        return;
    case ColumnType::boolean:
        statement.bind(index, std::int64_t{value == "true" ? 1 : 0});
        return;
    case ColumnType::text:
    case ColumnType::date:
    case ColumnType::timestamptz:
    case ColumnType::json:
        statement.bind(index, value);
        return;
    }
}

void bind_row(Statement& statement,
              const BoundTable& table,
              const Batch& batch,
              std::uint32_t row) {
    statement.bind(1, batch.ids()[row]);
    for (std::size_t i = 1; i < table.names.size(); ++i) {
        const auto& column = batch.column(i);
        const int index = static_cast<int>(i) + 1;
        if (column.is_null(row)) {
            statement.bind_null(index);
        } else {
            bind_value(statement, index, table.schema.columns[i].type, column.value(row));
        }
    }
}

PageResult write_page(Database& database,
                      const BoundTable& table,
                      Destination destination,
                      const PageWrite& page) {
    PageResult result;
    result.gone = page.gone;
    if (page.listed != nullptr) {
        write_batch(database, table, destination, *page.listed, Manner::guarded, result);
    }
    if (page.authoritative != nullptr) {
        write_batch(database, table, destination, *page.authoritative, Manner::plain, result);
    }
    if (page.corrections != nullptr) {
        write_batch(database, table, destination, *page.corrections, Manner::corrects, result);
    }
    return result;
}

} // namespace zohosyncd::sqlite
