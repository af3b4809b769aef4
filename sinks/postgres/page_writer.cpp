#include "sinks/postgres/page_writer.hpp"

#include "daemon/runtime/failpoint.hpp"

namespace zohosyncd::postgres {
namespace {

std::string statement_name(const BoundTable& table, Destination destination, Guard guard) {
    return table.statement + (destination == Destination::stage ? "stage_" : "table_") +
           (guard == Guard::version        ? "guarded"
            : guard == Guard::same_version ? "corrected"
                                           : "plain");
}

} // namespace

PageResult PageWriter::write(pqxx::work& tx,
                             const BoundTable& table,
                             Destination destination,
                             const PageWrite& page,
                             bool careful) {
    PageResult result;
    result.gone = page.gone;
    if (page.listed != nullptr) {
        write_batch({tx, table, destination, Guard::version, *page.listed, result}, careful);
    }
    if (page.authoritative != nullptr) {
        write_batch({tx, table, destination, Guard::none, *page.authoritative, result}, careful);
    }
    if (page.corrections != nullptr) {
        write_batch({tx, table, destination, Guard::same_version, *page.corrections, result},
                    careful);
    }
    arrays_.shrink();
    return result;
}

void PageWriter::write_batch(const Job& job, bool careful) {
    const auto& reported = job.batch.quarantined();
    job.result.quarantined.insert(job.result.quarantined.end(), reported.begin(), reported.end());
    const auto rows = job.batch.rows_to_write();
    if (rows.empty()) {
        return;
    }
    if (careful) {
        write_halves(job, rows);
        return;
    }
    send(job, {rows, nullptr}, job.result.stats);
    note_written(job, rows);
}

/// A correction says nothing of the record's other values, which quarantine may hold.
void PageWriter::note_written(const Job& job, std::span<const std::uint32_t> rows) {
    if (job.guard == Guard::same_version) {
        return;
    }
    for (const auto row : rows) {
        job.result.written.push_back(job.batch.ids()[row]);
    }
}

void PageWriter::send(const Job& job, const RowSelection& selection, WriteStats& stats) {
    ZOHOSYNCD_FAILPOINT("postgres.rows");
    arrays_.fill(job.batch, selection);
    const auto name = statement_name(job.table, job.destination, job.guard);
    const auto sql = upsert_sql(job.table, job.destination, job.guard);
    std::uint64_t replaced = 0;
    if (job.destination == Destination::table && job.guard != Guard::same_version &&
        job.table.schema.strategy == MergeStrategy::delete_insert) {
        replaced = session_
                       .run(job.tx,
                            name + "_delete",
                            delete_sql(job.table, job.guard),
                            arrays_.parameters())[0][0]
                       .as<std::uint64_t>();
    }
    const auto answer = session_.run(job.tx, name, sql, arrays_.parameters());
    const auto inserted = answer[0][0].as<std::uint64_t>() - replaced;
    const auto updated = answer[0][1].as<std::uint64_t>() + replaced;
    stats.inserted += inserted;
    stats.updated += updated;
    stats.unchanged += selection.rows.size() - inserted - updated;
}

} // namespace zohosyncd::postgres
