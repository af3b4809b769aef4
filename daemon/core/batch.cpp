#include "daemon/core/batch.hpp"

#include <algorithm>
#include <numeric>

namespace zohosyncd {

void ColumnData::truncate(std::size_t rows) {
    if (rows < ends_.size()) {
        ends_.resize(rows);
        nulls_.resize(rows);
    }
    arena_.resize(ends_.empty() ? 0 : ends_.back());
}

std::size_t Batch::bytes() const {
    std::size_t sum = ids_.size() * sizeof(std::int64_t);
    for (const auto& column : columns_) {
        sum += column.bytes();
    }
    return sum;
}

void Batch::copy_row(const Batch& other, std::size_t row) {
    for (std::size_t column = 1; column < columns_.size(); ++column) {
        columns_[column].copy_from(other.columns_[column], row);
    }
    end_row(other.ids_[row], other.versions_[row]);
}

void Batch::fill_up() {
    for (std::size_t column = 1; column < columns_.size(); ++column) {
        while (columns_[column].size() < rows()) {
            columns_[column].append_null();
        }
    }
}

void Batch::truncate(std::size_t rows) {
    ids_.resize(std::min(rows, ids_.size()));
    versions_.resize(ids_.size());
    for (auto& column : columns_) {
        column.truncate(rows);
    }
}

void Batch::clear() {
    truncate(0);
    quarantined_.clear();
    replaced_characters = 0;
}

std::vector<std::uint32_t> Batch::rows_to_write() const {
    std::vector<std::uint32_t> order(rows());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
        if (ids_[a] != ids_[b]) {
            return ids_[a] < ids_[b];
        }
        return versions_[a] != versions_[b] ? versions_[a] > versions_[b] : a > b;
    });
    const auto last =
        std::unique(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
            return ids_[a] == ids_[b];
        });
    order.erase(last, order.end());
    return order;
}

Batch rows_of_records(const Batch& rows, const std::vector<std::int64_t>& ids) {
    const auto is_meant = [&](std::int64_t id) {
        return std::binary_search(ids.begin(), ids.end(), id);
    };
    Batch some(rows.columns());
    for (std::size_t row = 0; row < rows.rows(); ++row) {
        if (is_meant(rows.ids()[row])) {
            some.copy_row(rows, row);
        }
    }
    for (const auto& entry : rows.quarantined()) {
        if (is_meant(entry.id)) {
            some.quarantined().push_back(entry);
        }
    }
    return some;
}

} // namespace zohosyncd
