#pragma once

#include "daemon/core/batch.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace zohosyncd::postgres {

/// Which rows and columns of a batch to send.
struct RowSelection {
    std::span<const std::uint32_t> rows;
    /// Columns to send as NULL whatever they hold; empty for none.
    const std::vector<bool>* masked = nullptr;
};

/// Array literals, one per column, in buffers that live as long as the writer: filling them again
/// does not allocate.
class ColumnArrays {
public:
    void fill(const Batch& batch, const RowSelection& selection);

    /// One pointer per column, valid until the next fill.
    [[nodiscard]] std::vector<const char*> parameters() const;

    /// Gives back what an unusually large batch left behind.
    void shrink();

private:
    std::vector<std::string> literals_;
};

/// {1,2,3}
std::string bigint_array(std::span<const std::int64_t> values);

/// {"a","b"} with what needs it escaped.
std::string text_array(std::span<const std::string> values);

} // namespace zohosyncd::postgres
