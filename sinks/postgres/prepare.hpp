#pragma once

#include "sinks/postgres/lease.hpp"
#include "sinks/postgres/prepare_plan.hpp"
#include "sinks/sink.hpp"

namespace zohosyncd::postgres {

/// SQL for the key of the lock under which tables are changed; $1 is the state schema.
constexpr const char* ddl_lock = "hashtextextended('zohosyncd ddl ' || $1, 0)";

/// Makes the table what the stream needs and gives the stream its state row. Only reads when
/// nothing is missing.
PreparedStream prepare_stream(Session& session,
                              Leases& leases,
                              const StreamKey& key,
                              const StreamSchema& wanted,
                              ColumnCasing casing);

/// The statements that prepare_stream would run now; runs none. Without `has_state` there are no
/// state tables yet.
std::vector<std::string> preview_stream(Session& session,
                                        const StreamKey& key,
                                        const StreamSchema& wanted,
                                        ColumnCasing casing,
                                        bool has_state);

/// What there is of a table, as far as that does not need the state tables.
Observed observe_tables(Session& session, pqxx::transaction_base& tx, const TableName& target);

/// Runs the statements of a plan in one transaction, which waits only briefly for locks, and again
/// after a pause.
void carry_out_plan(Session& session,
                    Leases& leases,
                    const StreamKey& key,
                    const StreamSchema& wanted,
                    const PreparePlan& plan);

/// The rows of the state table `columns` about one target.
std::vector<KnownColumn>
load_columns(Session& session, pqxx::transaction_base& tx, const std::string& target);

} // namespace zohosyncd::postgres
