#include "sinks/sqlite/database.hpp"

#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/metrics.hpp"

#include <utility>

namespace zohosyncd::sqlite {
namespace {

// Streams have a handful of statements each; beyond this something invents new texts.
constexpr std::size_t most_statements = 500;

ErrorKind kind_of(int code) {
    switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT:
    case SQLITE_ABORT:
        return ErrorKind::sink_conflict;
    case SQLITE_FULL:
        return ErrorKind::sink_full;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CORRUPT:
        return ErrorKind::sink_refused;
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
        return ErrorKind::sink_down;
    default:
        return ErrorKind::schema_conflict;
    }
}

const char* name_of(int code) {
    constexpr std::pair<int, const char*> names[] = {
        {SQLITE_BUSY, "SQLITE_BUSY"},
        {SQLITE_LOCKED, "SQLITE_LOCKED"},
        {SQLITE_FULL, "SQLITE_FULL"},
        {SQLITE_CANTOPEN, "SQLITE_CANTOPEN"},
        {SQLITE_READONLY, "SQLITE_READONLY"},
        {SQLITE_NOTADB, "SQLITE_NOTADB"},
        {SQLITE_CORRUPT, "SQLITE_CORRUPT"},
        {SQLITE_IOERR, "SQLITE_IOERR"},
        {SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT"},
        {SQLITE_MISMATCH, "SQLITE_MISMATCH"},
        {SQLITE_TOOBIG, "SQLITE_TOOBIG"},
        {SQLITE_ERROR, "SQLITE_ERROR"},
        {SQLITE_PERM, "SQLITE_PERM"},
        {SQLITE_NOMEM, "SQLITE_NOMEM"},
    };
    for (const auto& [known, name] : names) {
        if (known == code) {
            return name;
        }
    }
    return sqlite3_errstr(code);
}

} // namespace

void fail(sqlite3* database, int code, const std::string& path) {
    const int primary = code & 0xFF;
    const std::string message =
        database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database);
    metrics::count(metrics::Metric::pg_errors_total, {{"sqlstate", name_of(primary)}});
    const std::string text = path + ": " + message + " (" + name_of(primary) + ")";
    if (primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH || primary == SQLITE_TOOBIG) {
        DataError error(ErrorKind::schema_conflict, text);
        error.with_sqlstate(name_of(primary));
        throw error;
    }
    throw SyncError(kind_of(primary), text).with_sqlstate(name_of(primary));
}

Statement::Statement(sqlite3* database, const std::string& sql, const std::string& path)
    : database_(database), path_(path) {
    sqlite3_stmt* raw = nullptr;
    check(sqlite3_prepare_v3(database,
                             sql.c_str(),
                             static_cast<int>(sql.size() + 1),
                             SQLITE_PREPARE_PERSISTENT,
                             &raw,
                             nullptr));
    statement_.reset(raw);
}

void Statement::check(int code) {
    if (code != SQLITE_OK) {
        fail(database_, code, path_);
    }
}

void Statement::bind(int index, std::int64_t value) {
    check(sqlite3_bind_int64(statement_.get(), index, value));
}

void Statement::bind(int index, std::string_view text) {
    // A view of nothing has no address, and that would bind NULL.
    const char* data = text.data() == nullptr ? "" : text.data();
    check(sqlite3_bind_text64(
        statement_.get(), index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind(int index, double value) {
    check(sqlite3_bind_double(statement_.get(), index, value));
}

void Statement::bind_null(int index) {
    check(sqlite3_bind_null(statement_.get(), index));
}

void Statement::bind_copy(int index, std::string_view text) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
    check(sqlite3_bind_text64(
        statement_.get(), index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
#pragma GCC diagnostic pop
}

bool Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code != SQLITE_DONE) {
        // Reset keeps the message and ends the statement, which else would hold its locks.
        fail(database_, sqlite3_reset(statement_.get()), path_);
    }
    return false;
}

void Statement::reset() {
    sqlite3_reset(statement_.get());
}

std::string Statement::text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    return text == nullptr ? std::string{} : std::string(text);
}

sqlite3* Database::handle() {
    if (!database_) {
        ZOHOSYNCD_FAILPOINT("sqlite.open");
        sqlite3* raw = nullptr;
        const int flags = (options_.is_read_only ? SQLITE_OPEN_READONLY
                                                 : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                          SQLITE_OPEN_NOMUTEX;
        const int code = sqlite3_open_v2(options_.path.c_str(), &raw, flags, nullptr);
        database_.reset(raw);
        if (code != SQLITE_OK) {
            try {
                fail(raw, code, options_.path);
            } catch (...) {
                database_.reset();
                throw;
            }
        }
        sqlite3_extended_result_codes(raw, 1);
        sqlite3_busy_timeout(raw, static_cast<int>(options_.busy_timeout.count()));
        try {
            // FULL costs nothing at our batch sizes and survives a power cut.
            script(options_.is_read_only ? "PRAGMA trusted_schema = OFF"
                                         : "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                                           "PRAGMA trusted_schema = OFF");
        } catch (...) {
            database_.reset();
            throw;
        }
    }
    return database_.get();
}

void Database::script(const std::string& sql) {
    auto* database = handle();
    const int code = sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) {
        fail(database, code, options_.path);
    }
}

Statement& Database::cached(const std::string& sql) {
    auto* database = handle();
    if (statements_.size() > most_statements) {
        statements_.clear();
    }
    const auto found = statements_.find(sql);
    if (found != statements_.end()) {
        found->second.reset();
        return found->second;
    }
    return statements_.try_emplace(sql, database, sql, options_.path).first->second;
}

std::string Database::state_table(const std::string& name) const {
    return quote_identifier(options_.state_prefix + "_" + name);
}

Database::Rollback::~Rollback() {
    if (armed && database.database_ && sqlite3_get_autocommit(database.database_.get()) == 0) {
        for (auto& [sql, statement] : database.statements_) {
            statement.reset();
        }
        sqlite3_exec(database.database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
}

std::string quote_identifier(const std::string& name) {
    std::string out = "\"";
    for (const char c : name) {
        out += c;
        if (c == '"') {
            out += c;
        }
    }
    return out + '"';
}

} // namespace zohosyncd::sqlite
