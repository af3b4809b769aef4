#include "sinks/postgres/bound_tables.hpp"

#include "sinks/postgres/statements.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd::postgres {
namespace {

bool is_bound_to(const BoundTable& table, const StreamSchema& schema) {
    const auto is_same = [](const Column& a, const Column& b) {
        return a.name == b.name && a.counts_as_change == b.counts_as_change &&
               a.is_detail == b.is_detail;
    };
    return std::ranges::equal(table.schema.columns, schema.columns, is_same) &&
           table.version == schema.version_column && table.schema.options == schema.options;
}

} // namespace

const BoundTable& BoundTables::get(const StreamSchema& schema) {
    if (std::exchange(read_under_, session_.stale_tables()) != session_.stale_tables()) {
        tables_.clear();
    }
    const auto target = schema.target.text();
    const auto found = tables_.find(target);
    if (found != tables_.end() && is_bound_to(found->second, schema)) {
        return found->second;
    }
    session_.read("read the catalogue of " + target, [&](pqxx::work& tx) {
        renew(tx, schema);
        return true;
    });
    return tables_.at(target);
}

void BoundTables::renew(pqxx::work& tx, const StreamSchema& schema) {
    auto table = bind_table(tx, schema, session_.options().state_schema);
    table.statement = statement_prefix(table);
    tables_.insert_or_assign(schema.target.text(), std::move(table));
}

} // namespace zohosyncd::postgres
