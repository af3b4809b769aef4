#pragma once

#include "daemon/core/errors.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "sinks/sqlite/sqlite_sink.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace zohosyncd::sqlite {

/// A constraint or a strict type refused a row.
class DataError : public SyncError {
public:
    using SyncError::SyncError;
};

struct SqliteFree {
    void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }

    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};

/// A prepared statement. Texts that are bound must live until it is reset.
class Statement {
public:
    Statement(sqlite3* database, const std::string& sql, const std::string& path);

    void bind(int index, std::int64_t value);
    void bind(int index, std::string_view text);
    void bind(int index, double value);
    void bind_null(int index);
    /// Binds a copy of the text, which need not live on.
    void bind_copy(int index, std::string_view text);

    /// True while there is a row.
    bool step();
    void reset();

    [[nodiscard]] std::string text(int column) const;

    [[nodiscard]] std::int64_t integer(int column) const {
        return sqlite3_column_int64(statement_.get(), column);
    }

    [[nodiscard]] bool is_null(int column) const {
        return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
    }

private:
    void check(int code);

    sqlite3* database_;
    const std::string& path_;
    std::unique_ptr<sqlite3_stmt, SqliteFree> statement_;
};

/// One open file, opened when first used. Statements are compiled once and kept.
class Database {
public:
    explicit Database(SqliteOptions options) : options_(std::move(options)) {}

    /// The statement of that text, reset, with the values bound from ?1 on.
    template <class... Values> Statement& prepare(const std::string& sql, const Values&... values) {
        auto& statement = cached(sql);
        int index = 0;
        (bind_one(statement, ++index, values), ...);
        return statement;
    }

    /// Runs a statement to its end; returns how many rows it changed.
    template <class... Values> std::uint64_t run(const std::string& sql, const Values&... values) {
        auto& statement = prepare(sql, values...);
        const auto before = sqlite3_total_changes64(handle());
        while (statement.step()) {
        }
        statement.reset();
        return static_cast<std::uint64_t>(sqlite3_total_changes64(handle()) - before);
    }

    /// The first column of the first row; nothing when there is no row.
    template <class... Values>
    std::optional<std::int64_t> number(const std::string& sql, const Values&... values) {
        auto& statement = prepare(sql, values...);
        std::optional<std::int64_t> answer;
        if (statement.step()) {
            answer = statement.integer(0);
        }
        statement.reset();
        return answer;
    }

    /// Statements without parameters, several if need be.
    void script(const std::string& sql);

    /// Runs `work` in a write transaction.
    template <class Work> auto write(Work work) {
        ZOHOSYNCD_FAILPOINT("sqlite.begin");
        script("BEGIN IMMEDIATE");
        Rollback guard{*this};
        ZOHOSYNCD_FAILPOINT("sqlite.begun");
        auto result = work();
        ZOHOSYNCD_FAILPOINT("sqlite.before_commit");
        script("COMMIT");
        guard.armed = false;
        ZOHOSYNCD_FAILPOINT("sqlite.after_commit");
        return result;
    }

    /// Runs `work` on one snapshot.
    template <class Work> auto read(Work work) {
        script("BEGIN");
        const Rollback guard{*this};
        ZOHOSYNCD_FAILPOINT("sqlite.read");
        return work();
    }

    sqlite3* handle();
    /// The name of a state table.
    [[nodiscard]] std::string state_table(const std::string& name) const;

    [[nodiscard]] const SqliteOptions& options() const { return options_; }

private:
    struct Rollback {
        Database& database;
        bool armed = true;
        ~Rollback();
    };

    static void bind_one(Statement& statement, int index, std::int64_t value) {
        statement.bind(index, value);
    }

    static void bind_one(Statement& statement, int index, std::uint64_t value) {
        statement.bind(index, static_cast<std::int64_t>(value));
    }

    static void bind_one(Statement& statement, int index, int value) {
        statement.bind(index, std::int64_t{value});
    }

    static void bind_one(Statement& statement, int index, const std::string& text) {
        statement.bind_copy(index, text);
    }

    static void bind_one(Statement& statement, int index, const char* text) {
        statement.bind_copy(index, text);
    }

    Statement& cached(const std::string& sql);

    SqliteOptions options_;
    std::unique_ptr<sqlite3, SqliteFree> database_;
    std::map<std::string, Statement> statements_; // Refer to the database.
};

/// Throws the SyncError for a result code; `path` names the file in it.
[[noreturn]] void fail(sqlite3* database, int code, const std::string& path);

/// "name" with its quotes doubled.
std::string quote_identifier(const std::string& name);

/// SQL for the present second, as every time is stored.
constexpr const char* sql_now = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')";

} // namespace zohosyncd::sqlite
