#include "sinks/common/row_text.hpp"
#include "sinks/postgres/page_writer.hpp"

#include <algorithm>

namespace zohosyncd::postgres {
namespace {

// More refusals than this in one batch, and more than half of its rows: then the table is wrong,
// not the rows, and setting all of them aside would look like success.
constexpr std::size_t few = 20;

} // namespace

bool PageWriter::try_rows(const Job& job, const RowSelection& selection, bool keep) {
    job.tx.exec("SAVEPOINT rows");
    WriteStats stats;
    try {
        send(job, selection, stats);
    } catch (const pqxx::sql_error& error) {
        const auto state = sqlstate_of(error);
        if (!blames_data(state)) {
            throw;
        }
        refusal_ = state;
        job.tx.exec("ROLLBACK TO SAVEPOINT rows");
        return false;
    }
    if (!keep) {
        job.tx.exec("ROLLBACK TO SAVEPOINT rows");
        return true;
    }
    job.tx.exec("RELEASE SAVEPOINT rows");
    job.result.stats.inserted += stats.inserted;
    job.result.stats.updated += stats.updated;
    job.result.stats.unchanged += stats.unchanged;
    note_written(job, selection.rows);
    return true;
}

void PageWriter::write_halves(const Job& job, std::span<const std::uint32_t> rows) {
    if (try_rows(job, {rows, nullptr}, true)) {
        return;
    }
    if (rows.size() == 1) {
        write_poisoned(job, rows.front());
        return;
    }
    write_halves(job, rows.first(rows.size() / 2));
    write_halves(job, rows.subspan(rows.size() / 2));
}

void PageWriter::write_poisoned(const Job& job, std::uint32_t row) {
    const bool value_does_not_fit = refusal_.starts_with("22");
    const std::string refusal = refusal_;
    const auto columns = job.table.columns.size();
    std::vector<bool> masked(columns, true);
    masked[0] = false;
    if (job.table.version) {
        masked[*job.table.version] = false;
    }
    const std::uint32_t rows[] = {row};
    // A constraint or a trigger objects to the record, not to one value: it is set aside whole.
    if (!value_does_not_fit || !try_rows(job, {rows, &masked}, false)) {
        refusal_ = refusal;
        quarantine_row(job, row);
        return;
    }
    std::vector<std::size_t> others;
    for (std::size_t i = 1; i < columns; ++i) {
        if (masked[i] && !job.batch.column(i).is_null(row)) {
            others.push_back(i);
        }
    }
    enable_columns(job, row, others, masked);
    if (!try_rows(job, {rows, &masked}, true)) {
        quarantine_row(job, row);
    }
}

void PageWriter::enable_columns(const Job& job,
                                std::uint32_t row,
                                std::span<const std::size_t> columns,
                                std::vector<bool>& masked) {
    if (columns.empty()) {
        return;
    }
    for (const auto column : columns) {
        masked[column] = false;
    }
    const std::uint32_t rows[] = {row};
    if (try_rows(job, {rows, &masked}, false)) {
        return;
    }
    for (const auto column : columns) {
        masked[column] = true;
    }
    if (columns.size() == 1) {
        const auto column = columns.front();
        job.result.quarantined.push_back({job.batch.ids()[row],
                                          job.table.schema.columns[column].api_name + ": " +
                                              refusal_ + " " + condition_name(refusal_),
                                          std::string(job.batch.column(column).value(row))});
        stop_if_all_is_poison(job);
        return;
    }
    enable_columns(job, row, columns.first(columns.size() / 2), masked);
    enable_columns(job, row, columns.subspan(columns.size() / 2), masked);
}

void PageWriter::quarantine_row(const Job& job, std::uint32_t row) {
    job.result.quarantined.push_back({job.batch.ids()[row],
                                      "record: " + refusal_ + " " + condition_name(refusal_),
                                      row_as_json(job.table.schema, job.batch, row)});
    stop_if_all_is_poison(job);
}

void PageWriter::stop_if_all_is_poison(const Job& job) const {
    const auto refused = job.result.quarantined.size() -
                         std::min(job.result.quarantined.size(), job.batch.quarantined().size());
    if (refused > few && refused * 2 > job.batch.rows()) {
        throw SyncError(ErrorKind::schema_conflict,
                        "table " + job.table.target + " refuses most rows of a page, last with " +
                            refusal_ + " " + condition_name(refusal_) +
                            "; look at its types, constraints and triggers")
            .with_sqlstate(refusal_);
    }
}

} // namespace zohosyncd::postgres
