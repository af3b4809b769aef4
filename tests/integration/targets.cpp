#include "tests/integration/targets.hpp"

#include "sinks/postgres/postgres_sink.hpp"
#include "sinks/sqlite/sqlite_sink.hpp"
#include "tests/integration/pg_server.hpp"

#include <pqxx/pqxx>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace zohosyncd::tests {
namespace {

std::string with_database(const std::string& conninfo, const std::string& database) {
    if (conninfo.find("://") == std::string::npos) {
        return conninfo + " dbname=" + database;
    }
    const auto query = conninfo.find('?');
    auto base = conninfo.substr(0, query);
    const auto slash = base.find('/', base.find("://") + 3);
    base = base.substr(0, slash) + "/" + database;
    return query == std::string::npos ? base : base + conninfo.substr(query);
}

void execute(const std::string& conninfo, const std::string& sql) {
    pqxx::connection connection(conninfo);
    pqxx::quiet_errorhandler quiet(connection);
    pqxx::nontransaction tx(connection);
    tx.exec(sql);
}

struct SqliteClose {
    void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
};

std::string sqlite(const std::string& path, const std::string& sql) {
    sqlite3* raw = nullptr;
    sqlite3_open(path.c_str(), &raw);
    const std::unique_ptr<sqlite3, SqliteClose> database(raw);
    sqlite3_busy_timeout(raw, 5000);
    std::string answer;
    bool first = true;

    struct Answer {
        std::string& text;
        bool& first;
    } out{answer, first};

    char* message = nullptr;
    const auto keep = [](void* context, int columns, char** values, char**) {
        auto& into = *static_cast<Answer*>(context);
        if (into.first && columns > 0) {
            into.text = values[0] == nullptr ? "NULL" : values[0];
            into.first = false;
        }
        return 0;
    };
    if (sqlite3_exec(raw, sql.c_str(), keep, &out, &message) != SQLITE_OK) {
        const std::string reason = message;
        sqlite3_free(message);
        throw std::runtime_error(reason);
    }
    return answer;
}

} // namespace

PostgresTarget::PostgresTarget() {
    static int count = 0;
    name_ = "zohosyncd_test_" + std::to_string(getpid()) + "_" + std::to_string(++count);
    execute(with_database(server_conninfo(), "postgres"),
            "CREATE DATABASE " + name_ + " TEMPLATE template0 ENCODING 'UTF8'");
    conninfo_ = with_database(server_conninfo(), name_);
}

PostgresTarget::~PostgresTarget() {
    execute(with_database(server_conninfo(), "postgres"),
            "DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
}

std::unique_ptr<Sink> PostgresTarget::sink() const {
    PostgresOptions options;
    options.conninfo = conninfo_;
    return make_postgres_sink(options);
}

std::string PostgresTarget::value(const std::string& sql) const {
    pqxx::connection connection(conninfo_);
    pqxx::nontransaction tx(connection);
    tx.exec("SET TimeZone = 'UTC'");
    const auto rows = tx.exec(sql);
    if (rows.empty()) {
        return {};
    }
    return rows[0][0].is_null() ? "NULL" : rows[0][0].c_str();
}

void PostgresTarget::run(const std::string& sql) const {
    execute(conninfo_, sql);
}

std::shared_ptr<void> PostgresTarget::hold(const std::string& sql) const {
    struct Held {
        explicit Held(const std::string& conninfo) : connection(conninfo), tx(connection) {}

        pqxx::connection connection;
        pqxx::nontransaction tx;
    };

    auto held = std::make_shared<Held>(conninfo_);
    held->tx.exec(sql);
    return held;
}

SqliteTarget::SqliteTarget() {
    char pattern[] = "/tmp/zohosyncd-sqlite-XXXXXX";
    if (mkdtemp(pattern) == nullptr) {
        throw std::runtime_error("no temporary directory");
    }
    directory_ = pattern;
}

SqliteTarget::~SqliteTarget() {
    std::filesystem::remove_all(directory_);
}

std::unique_ptr<Sink> SqliteTarget::sink() const {
    SqliteOptions options;
    options.path = path();
    return make_sqlite_sink(options);
}

std::string SqliteTarget::value(const std::string& sql) const {
    return sqlite(path(), sql);
}

std::shared_ptr<void> SqliteTarget::hold(const std::string& sql) const {
    sqlite3* raw = nullptr;
    sqlite3_open(path().c_str(), &raw);
    std::shared_ptr<void> held(
        raw, [](void* database) { sqlite3_close_v2(static_cast<sqlite3*>(database)); });
    if (sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        throw std::runtime_error(sqlite3_errmsg(raw));
    }
    return held;
}

void SqliteTarget::run(const std::string& sql) const {
    sqlite(path(), sql);
}

} // namespace zohosyncd::tests
