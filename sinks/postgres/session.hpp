#pragma once

#include "daemon/core/errors.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/metrics.hpp"
#include "sinks/postgres/postgres_sink.hpp"

#include <pqxx/pqxx>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace zohosyncd::postgres {

/// A value (SQLSTATE class 22), a constraint (23) or a trigger (P0001) refused a row.
class DataError : public SyncError {
public:
    using SyncError::SyncError;
};

/// The error's SQLSTATE, also where libpqxx 6 has lost it on the way and left only the class.
std::string sqlstate_of(const pqxx::sql_error& error);

/// Whether an SQLSTATE blames the data, not the statement or the server.
bool blames_data(const std::string& sqlstate);

/// PostgreSQL's name of a condition, such as "numeric_value_out_of_range", or of its class; the
/// code if we know neither.
std::string condition_name(const std::string& sqlstate);

/// One connection: opened when first used, thrown away when it breaks or the server has closed it
/// between two uses. Nothing is ever replayed
/// on a new connection behind the caller's back. Translates every failure into SyncError.
class Session {
public:
    explicit Session(PostgresOptions options);

    /// Runs `work` in a transaction that is rolled back afterwards.
    template <class Work> auto read(const std::string& what, Work work) {
        try {
            pqxx::work tx(open());
            ZOHOSYNCD_FAILPOINT("postgres.read");
            return work(tx);
        } catch (...) {
            fail(what);
        }
    }

    /// Runs `work` and commits. When the reply to COMMIT is lost, `committed` is asked on a new
    /// connection whether the commit happened.
    template <class Work>
    auto write(const std::string& what, const std::function<bool()>& committed, Work work) {
        std::optional<std::invoke_result_t<Work&, pqxx::work&>> result;
        bool committing = false;
        const metrics::Stopwatch stopwatch(metrics::Metric::pg_commit_seconds);
        try {
            ZOHOSYNCD_FAILPOINT("postgres.begin");
            pqxx::work tx(open());
            ZOHOSYNCD_FAILPOINT("postgres.begun");
            result = work(tx);
            committing = true;
            ZOHOSYNCD_FAILPOINT_OR("postgres.before_commit",
                                   throw pqxx::broken_connection("failpoint"));
            tx.commit();
            ZOHOSYNCD_FAILPOINT_OR("postgres.after_commit",
                                   throw pqxx::broken_connection("failpoint"));
            return std::move(*result);
        } catch (...) {
            settle_or_fail(what, committing, committed);
            return std::move(*result);
        }
    }

    /// Runs `work` outside any transaction.
    template <class Work> auto outside_transaction(const std::string& what, Work work) {
        try {
            pqxx::nontransaction tx(open());
            return work(tx);
        } catch (...) {
            fail(what);
        }
    }

    /// Executes a statement that is prepared on first use of the connection.
    pqxx::result run(pqxx::transaction_base& tx,
                     const std::string& name,
                     const std::string& sql,
                     const std::vector<const char*>& parameters);

    /// Closes the connection; the next use opens another.
    void drop();

    /// Which connection this is: another number after each new connection, 0 when there is none.
    [[nodiscard]] long number() const { return connection_ ? number_ : 0; }

    /// Raised when a statement met a table other than it was prepared for.
    [[nodiscard]] long stale_tables() const { return stale_tables_; }

    /// The quoted name of a table of the state schema.
    [[nodiscard]] std::string state_table(const std::string& name) const {
        return quoted_schema_ + '.' + name;
    }

    [[nodiscard]] const std::string& quoted_schema() const { return quoted_schema_; }

    [[nodiscard]] const PostgresOptions& options() const { return options_; }

private:
    pqxx::connection& open();
    void set_up();
    /// Called in a catch block: throws unless it was a commit that turns out to have happened.
    void settle_or_fail(const std::string& what,
                        bool committing,
                        const std::function<bool()>& committed);
    void settle(const std::string& what, const std::function<bool()>& committed);
    /// What `committed` says; false without it.
    static bool ask_about_commit(const std::function<bool()>& committed);
    /// Called in a catch block: counts the current exception and throws it as SyncError.
    [[noreturn]] void fail(const std::string& what);
    [[noreturn]] void translate(const std::string& what);
    [[noreturn]] void fail_with_state(const std::string& what,
                                      const std::string& message,
                                      const std::string& sqlstate);

    PostgresOptions options_;
    std::string conninfo_;
    std::string quoted_schema_;
    std::unique_ptr<pqxx::connection> connection_;
    std::unique_ptr<pqxx::quiet_errorhandler> quiet_; // Refers to the connection.
    std::set<std::string> prepared_;
    long number_ = 0;
    long stale_tables_ = 0;
};

/// "name" with its quotes doubled.
std::string quote_identifier(const std::string& name);

} // namespace zohosyncd::postgres
