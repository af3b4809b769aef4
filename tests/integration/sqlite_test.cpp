#include "sinks/sqlite/sqlite_sink.hpp"
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

#include <fstream>

namespace zohosyncd::tests {

TEST_CASE("SQLite: files that can not be used are refused by name") {
    const SqliteTarget target;
    std::ofstream(target.path())
        << "this is certainly not a database, and it is long enough to be looked at";
    const auto message_for = [](const std::string& path) {
        SqliteOptions options;
        options.path = path;
        try {
            make_sqlite_sink(options)->migrate();
        } catch (const SyncError& error) {
            return std::string(to_string(error.kind())) +
                   (std::string(error.what()).find(path) == std::string::npos ? "" : " with path");
        }
        return std::string();
    };

    CHECK(message_for(target.path()) == "sink_refused with path");
    CHECK(message_for("/nonexistent/folder/target.db") == "sink_refused with path");
}

TEST_CASE("SQLite: a file that another process keeps locked is a conflict, and works afterwards") {
    Prepared<SqliteTarget> p;
    SqliteOptions options;
    options.path = p.target.path();
    options.busy_timeout = std::chrono::milliseconds(50);
    auto hasty = make_sqlite_sink(options);
    const auto stream = hasty->prepare(p.key, leads(), ColumnCasing::snake);
    const auto page = leads_of({{1, 1, "Ada"}});
    {
        const auto blocker = p.target.hold("BEGIN IMMEDIATE");
        CHECK(kind_thrown_by([&] {
                  hasty->write(p.key, stream.schema, {&page, nullptr}, checkpoint_of(stream));
              }) == "sink_conflict");
    }

    CHECK(text_of(hasty->write(p.key, stream.schema, {&page, nullptr}, checkpoint_of(stream))) ==
          "1/0/0/0");
}

TEST_CASE("SQLite: the schema's prefix is respected") {
    const SqliteTarget target;
    SqliteOptions options;
    options.path = target.path();
    options.state_prefix = "other";
    auto sink = make_sqlite_sink(options);

    CHECK(sink->migrate() > 0);
    CHECK(sink->migrate() == 0);
    CHECK(target.value("SELECT count(*) FROM other_sync_state") == "0");
    CHECK(target.value("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'zohosync%'") == "0");
}

TEST_CASE("SQLite: the file keeps its write-ahead log") {
    Prepared<SqliteTarget> p;
    CHECK(p.target.value("PRAGMA journal_mode") == "wal");
}

} // namespace zohosyncd::tests
