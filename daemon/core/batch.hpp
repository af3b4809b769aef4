#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// The values of one column of a batch, as text in one arena. The text is already what the target
/// takes for the column's type: digits for bigint, the source's digits for numeric, "true"/"false",
/// "YYYY-MM-DD", "YYYY-MM-DDTHH:MM:SSZ", clean UTF-8, clean JSON.
class ColumnData {
public:
    [[nodiscard]] std::size_t size() const { return ends_.size(); }

    [[nodiscard]] std::size_t bytes() const { return arena_.size(); }

    [[nodiscard]] bool is_null(std::size_t row) const { return nulls_[row]; }

    [[nodiscard]] std::string_view value(std::size_t row) const {
        const std::size_t begin = row == 0 ? 0 : ends_[row - 1];
        return std::string_view(arena_).substr(begin, ends_[row] - begin);
    }

    void append(std::string_view text) {
        arena_.append(text);
        close(false);
    }

    void append_null() { close(true); }

    /// Lets the caller write a value in place: append to the returned string, then call close().
    std::string& open() { return arena_; }

    void close(bool is_null) {
        if (is_null) {
            arena_.resize(ends_.empty() ? 0 : ends_.back());
        }
        ends_.push_back(static_cast<std::uint32_t>(arena_.size()));
        nulls_.push_back(is_null);
    }

    void copy_from(const ColumnData& other, std::size_t row) {
        if (other.is_null(row)) {
            append_null();
        } else {
            append(other.value(row));
        }
    }

    /// Forgets the rows from `rows` on.
    void truncate(std::size_t rows);

    /// Forgets all rows and keeps the memory.
    void clear() { truncate(0); }

private:
    std::string arena_;
    std::vector<std::uint32_t> ends_;
    std::vector<bool> nulls_;
};

/// A value, or a whole record, that could not be stored as it is. Ends in the table `quarantine`.
struct Quarantined {
    std::int64_t id = 0; ///< 0 when the record has no usable id.
    std::string reason;  ///< Column and what was expected; no content.
    std::string body;    ///< The raw value or record. Personal data: goes to the target only.
    std::string kind = "refused"; ///< Few in number, for counting: the type it is not, "no_object",
                                  ///< "no_id", or that the target refused it.
};

/// Rows of one stream in columns, in the order in which they were read. Column 0 of the schema, the
/// id, is kept as a number and its ColumnData stays empty. A value type; not thread-safe.
class Batch {
public:
    Batch() = default;

    explicit Batch(std::size_t columns) : columns_(columns) {}

    [[nodiscard]] std::size_t rows() const { return ids_.size(); }

    [[nodiscard]] std::size_t columns() const { return columns_.size(); }

    /// About how much text the rows hold.
    [[nodiscard]] std::size_t bytes() const;

    [[nodiscard]] const std::vector<std::int64_t>& ids() const { return ids_; }

    /// Modified_Time of each row; Instant::min() when the record has none.
    [[nodiscard]] const std::vector<std::chrono::sys_seconds>& versions() const {
        return versions_;
    }

    [[nodiscard]] const ColumnData& column(std::size_t index) const { return columns_[index]; }

    ColumnData& column(std::size_t index) { return columns_[index]; }

    /// Ends a row whose values were appended to every column but the first.
    void end_row(std::int64_t id, std::chrono::sys_seconds version) {
        ids_.push_back(id);
        versions_.push_back(version);
    }

    /// Appends a row of a batch with as many columns.
    void copy_row(const Batch& other, std::size_t row);

    /// Makes NULL what the rows have no value for, in columns that nothing was appended to.
    void fill_up();

    /// Forgets the rows from `rows` on, and half-written values after them.
    void truncate(std::size_t rows);
    void clear();

    std::vector<Quarantined>& quarantined() { return quarantined_; }

    [[nodiscard]] const std::vector<Quarantined>& quarantined() const { return quarantined_; }

    /// How many characters were replaced by U+FFFD.
    std::size_t replaced_characters = 0;

    /// Which rows to write: of each id only its greatest version, of equal versions the one read
    /// last; sorted by id, so that two writers never deadlock.
    [[nodiscard]] std::vector<std::uint32_t> rows_to_write() const;

private:
    std::vector<std::int64_t> ids_;
    std::vector<std::chrono::sys_seconds> versions_;
    std::vector<ColumnData> columns_;
    std::vector<Quarantined> quarantined_;
};

/// The rows of the records `ids`, which are sorted, and what quarantine is to hold of these.
Batch rows_of_records(const Batch& rows, const std::vector<std::int64_t>& ids);

/// How far a batch was filled, to forget what came after.
class BatchMark {
public:
    explicit BatchMark(const Batch& batch)
        : rows_(batch.rows()), quarantined_(batch.quarantined().size()),
          replaced_(batch.replaced_characters) {}

    void restore(Batch& batch) const {
        batch.truncate(rows_);
        batch.quarantined().resize(quarantined_);
        batch.replaced_characters = replaced_;
    }

private:
    std::size_t rows_;
    std::size_t quarantined_;
    std::size_t replaced_;
};

} // namespace zohosyncd
