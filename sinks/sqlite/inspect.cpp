#include "sinks/sqlite/inspect.hpp"

#include "sinks/common/migration.hpp"
#include "sinks/sqlite/known_columns.hpp"
#include "sinks/sqlite/lines.hpp"
#include "sinks/sqlite/migrate.hpp"
#include "sinks/sqlite/prepare.hpp"
#include "sinks/sqlite/state.hpp"

#include <filesystem>

namespace zohosyncd {
namespace {

using Level = TargetFinding::Level;
using sqlite::Database;

bool has(Database& database, const std::string& type, const std::string& name) {
    return database.number(
               "SELECT count(*) FROM sqlite_schema WHERE type = ?1 AND lower(name) = lower(?2)",
               type,
               name) > 0;
}

void inspect_state(Database& database, const std::string& connection, TargetInspection& result) {
    const auto& prefix = database.options().state_prefix;
    if (!has(database, "table", prefix + "_schema_migrations")) {
        result.add(
            Level::ok, "state schema", prefix + "_… are new; they are made at the first start");
        return;
    }
    const auto version = database
                             .number("SELECT coalesce(max(version), 0) FROM " +
                                     database.state_table("schema_migrations"))
                             .value_or(0);
    const auto newest = sqlite_migrations().back().version;
    if (version > newest) {
        result.add(Level::fail, "state schema", state_is_newer(prefix + "_…", version, newest));
        return;
    }
    result.add(Level::ok,
               "state schema",
               prefix + "_…, version " + std::to_string(version) +
                   (version < newest
                        ? "; version " + std::to_string(newest) + " comes at the next start"
                        : ""));
    if (version < newest) {
        result.old_state =
            state_is_older("state tables in " + database.options().path, version, newest);
    } else {
        result.has_state = true;
        result.states = load_states(database, connection);
    }
    if (version > 0) {
        result.credits_spent = static_cast<std::uint64_t>(
            database
                .number(
                    "SELECT coalesce(sum(credits), 0) FROM " + database.state_table("credits") +
                        " WHERE connection = ?1 AND minute >= strftime('%s', 'now') / 60 - 1440",
                    connection)
                .value_or(0));
    }
}

/// The table without its rows, with its indexes and what is known of its columns.
void copy_shape(Database& from, Database& to, const StreamKey& key, bool has_state) {
    auto& shapes = from.prepare("SELECT sql FROM sqlite_schema WHERE lower(tbl_name) = lower(?1)"
                                " AND sql IS NOT NULL ORDER BY type DESC", // Tables, then indexes.
                                key.target.table);
    while (shapes.step()) {
        to.script(shapes.text(0));
    }
    shapes.reset();
    if (!has_state) {
        return;
    }
    const auto target = key.target.text();
    for (const auto& column : sqlite::load_columns(from, target)) {
        record_column(to, target, column);
        if (column.retired) {
            retire_column(to, target, column.name);
        }
    }
}

int note_statement(unsigned, void* list, void* statement, void*) {
    const std::string sql = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
    if (sql.starts_with("CREATE") || sql.starts_with("ALTER")) {
        static_cast<std::vector<std::string>*>(list)->push_back(sql);
    }
    return 0;
}

} // namespace

TargetInspection inspect_sqlite(const SqliteOptions& options,
                                const std::string& connection,
                                std::span<const TableName> tables) {
    TargetInspection result;
    std::error_code error;
    if (!std::filesystem::exists(options.path, error)) {
        result.add(Level::ok,
                   "target",
                   options.path + " is new; it is made at the first start",
                   "instance");
        return result;
    }
    SqliteOptions read_only = options;
    read_only.is_read_only = true;
    Database database(read_only);
    return database.read([&] {
        result.add(Level::ok, "target version", std::string("SQLite ") + sqlite3_libversion());
        for (const auto& table : tables) {
            if (has(database, "view", table.table)) {
                result.add(Level::fail,
                           "target tables",
                           table.table + " is a view: rename it, or choose another object");
            }
        }
        inspect_state(database, connection, result);
        return std::move(result);
    });
}

std::vector<std::string> preview_sqlite(const SqliteOptions& options,
                                        const StreamKey& key,
                                        const StreamSchema& wanted,
                                        ColumnCasing casing,
                                        bool has_state) {
    SqliteOptions in_memory = options;
    in_memory.path = ":memory:";
    Database scratch(in_memory);
    (void)sqlite::migrate(scratch);
    std::error_code error;
    if (std::filesystem::exists(options.path, error)) {
        SqliteOptions read_only = options;
        read_only.is_read_only = true;
        Database database(read_only);
        copy_shape(database, scratch, key, has_state);
        for (const auto& lines : wanted.lines) {
            copy_shape(database, scratch, {key.connection, key.stream, lines.target}, has_state);
        }
    }
    std::vector<std::string> statements;
    sqlite3_trace_v2(scratch.handle(), SQLITE_TRACE_STMT, note_statement, &statements);
    sqlite::Leases leases(scratch);
    const auto prepared = sqlite::prepare_stream(scratch, leases, key, wanted, casing);
    if (wanted.has_details()) {
        (void)sqlite::prepare_lines(scratch, leases, key, prepared.schema, casing);
    }
    sqlite3_trace_v2(scratch.handle(), 0, nullptr, nullptr);
    return statements;
}

} // namespace zohosyncd
