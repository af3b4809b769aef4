#pragma once

#include "sinks/sink.hpp"

#include <memory>
#include <string>

namespace zohosyncd::tests {

/// A fresh database on the test server; dropped at the end.
class PostgresTarget {
public:
    PostgresTarget();
    ~PostgresTarget();
    PostgresTarget(const PostgresTarget&) = delete;
    PostgresTarget& operator=(const PostgresTarget&) = delete;

    [[nodiscard]] std::unique_ptr<Sink> sink() const;
    /// The first value of the first row; "NULL" for null, "" when there is no row.
    [[nodiscard]] std::string value(const std::string& sql) const;
    void run(const std::string& sql) const;
    /// Runs `sql` in a session that stays open as long as what is returned.
    [[nodiscard]] std::shared_ptr<void> hold(const std::string& sql) const;

    [[nodiscard]] const std::string& conninfo() const { return conninfo_; }

    static std::string table(const std::string& name) { return "zoho_crm." + name; }

    static std::string state(const std::string& name) { return "zohosync." + name; }

    static constexpr bool is_postgres = true;

private:
    std::string name_;
    std::string conninfo_;
};

/// A fresh SQLite file.
class SqliteTarget {
public:
    SqliteTarget();
    ~SqliteTarget();
    SqliteTarget(const SqliteTarget&) = delete;
    SqliteTarget& operator=(const SqliteTarget&) = delete;

    [[nodiscard]] std::unique_ptr<Sink> sink() const;
    [[nodiscard]] std::string value(const std::string& sql) const;
    void run(const std::string& sql) const;
    [[nodiscard]] std::shared_ptr<void> hold(const std::string& sql) const;

    [[nodiscard]] std::string path() const { return directory_ + "/target.db"; }

    static std::string table(const std::string& name) { return name; }

    static std::string state(const std::string& name) { return "zohosync_" + name; }

    static constexpr bool is_postgres = false;

private:
    std::string directory_;
};

} // namespace zohosyncd::tests

#define ZOHOSYNCD_ALL_TARGETS zohosyncd::tests::PostgresTarget, zohosyncd::tests::SqliteTarget
