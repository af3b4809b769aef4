#pragma once

#include "daemon/core/batch.hpp"
#include "sinks/postgres/arrays.hpp"
#include "sinks/postgres/session.hpp"
#include "sinks/postgres/statements.hpp"
#include "sinks/sink.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace zohosyncd::postgres {

/// What writing a page came to.
struct PageResult {
    WriteStats stats;
    std::vector<std::int64_t> written;    ///< Ids of the rows that the table took.
    std::vector<Quarantined> quarantined; ///< What it did not take.
    std::vector<std::int64_t> gone;       ///< Ids of records that quarantine need not keep.
};

/// Sends batches as arrays, one statement a batch. Keeps its buffers from one batch to the next.
class PageWriter {
public:
    explicit PageWriter(Session& session) : session_(session) {}

    /// Upserts both batches of `page`. When `careful`, values and rows that the table refuses are
    /// found and returned as quarantined, otherwise they end the transaction with a DataError.
    PageResult write(pqxx::work& tx,
                     const BoundTable& table,
                     Destination destination,
                     const PageWrite& page,
                     bool careful);

private:
    struct Job {
        pqxx::work& tx;
        const BoundTable& table;
        Destination destination;
        Guard guard;
        const Batch& batch;
        PageResult& result;
    };

    void write_batch(const Job& job, bool careful);
    static void note_written(const Job& job, std::span<const std::uint32_t> rows);
    /// Sends one statement; true when the table took it. A refusal that blames the data is rolled
    /// back to where it began, and noted in `refusal_`.
    bool try_rows(const Job& job, const RowSelection& selection, bool keep);
    void send(const Job& job, const RowSelection& selection, WriteStats& stats);
    void write_halves(const Job& job, std::span<const std::uint32_t> rows);
    void write_poisoned(const Job& job, std::uint32_t row);
    void enable_columns(const Job& job,
                        std::uint32_t row,
                        std::span<const std::size_t> columns,
                        std::vector<bool>& masked);
    void quarantine_row(const Job& job, std::uint32_t row);
    void stop_if_all_is_poison(const Job& job) const;

    Session& session_;
    ColumnArrays arrays_;
    std::string refusal_; ///< SQLSTATE of the last refusal.
};

} // namespace zohosyncd::postgres
