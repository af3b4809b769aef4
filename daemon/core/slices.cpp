#include "daemon/core/slices.hpp"

#include <optional>
#include <set>
#include <unordered_map>

namespace zohosyncd {
namespace {

using RowIndex = std::unordered_map<std::int64_t, std::size_t>;

RowIndex index_by_id(const Batch& page) {
    RowIndex index;
    index.reserve(page.rows());
    for (std::size_t row = 0; row < page.rows(); ++row) {
        index[page.ids()[row]] = row;
    }
    return index;
}

/// The rows that hold the record in the slices after the first, or nothing when they do not agree.
std::optional<std::vector<std::size_t>> agreeing_rows(std::int64_t id,
                                                      std::chrono::sys_seconds version,
                                                      std::span<const Batch> pages,
                                                      std::span<const RowIndex> indexes) {
    std::vector<std::size_t> rows;
    for (std::size_t page = 1; page < pages.size(); ++page) {
        const auto found = indexes[page].find(id);
        if (found == indexes[page].end() || pages[page].versions()[found->second] != version) {
            return std::nullopt;
        }
        rows.push_back(found->second);
    }
    return rows;
}

bool is_same_row(const Batch& one, std::size_t row, const Batch& other, std::size_t other_row) {
    for (std::size_t index = 1; index < one.columns(); ++index) {
        const auto& a = one.column(index);
        const auto& b = other.column(index);
        if (a.is_null(row) != b.is_null(other_row) || a.value(row) != b.value(other_row)) {
            return false;
        }
    }
    return true;
}

/// The rows of the second readings that hold the record, or nothing where any reading lacks it or
/// the two of a slice differ.
std::optional<std::vector<std::size_t>> settled_rows(std::int64_t id,
                                                     std::span<const Batch> first,
                                                     std::span<const RowIndex> first_rows,
                                                     std::span<const Batch> second,
                                                     std::span<const RowIndex> second_rows) {
    std::vector<std::size_t> rows;
    for (std::size_t slice = 0; slice < second.size(); ++slice) {
        const auto before = first_rows[slice].find(id);
        const auto after = second_rows[slice].find(id);
        if (before == first_rows[slice].end() || after == second_rows[slice].end() ||
            !is_same_row(first[slice], before->second, second[slice], after->second)) {
            return std::nullopt;
        }
        rows.push_back(after->second);
    }
    return rows;
}

} // namespace

std::vector<Slice> plan_slices(std::span<const std::string> fields,
                               std::optional<std::size_t> version) {
    Slice empty{{fields[0]}, {0}};
    if (version) {
        empty.fields.push_back(fields[*version]);
        empty.columns.push_back(*version);
    }
    const std::size_t fixed_characters =
        fields[0].size() + (version ? 1 + fields[*version].size() : 0);
    std::vector<Slice> slices;
    std::size_t characters = 0;
    for (std::size_t field = 1; field < fields.size(); ++field) {
        if (field == version) {
            continue;
        }
        const std::size_t added = fields[field].size() + 1;
        const bool fits = !slices.empty() && slices.back().fields.size() < max_fields_per_call &&
                          characters + added <= max_field_characters_per_call;
        if (!fits) {
            slices.push_back(empty);
            characters = fixed_characters;
        }
        slices.back().fields.push_back(fields[field]);
        slices.back().columns.push_back(field);
        characters += added;
    }
    if (slices.empty()) {
        slices.push_back(empty);
    }
    return slices;
}

std::vector<std::int64_t> join_slices(std::span<const Slice> slices,
                                      std::span<const Batch> pages,
                                      std::chrono::sys_seconds settled_before,
                                      Batch& out) {
    std::vector<RowIndex> indexes(pages.size());
    for (std::size_t page = 1; page < pages.size(); ++page) {
        indexes[page] = index_by_id(pages[page]);
    }
    std::vector<std::int64_t> unsettled;
    const Batch& first = pages[0];
    for (std::size_t row = 0; row < first.rows(); ++row) {
        const auto id = first.ids()[row];
        const auto version = first.versions()[row];
        const auto rows = agreeing_rows(id, version, pages, indexes);
        if (!rows || version >= settled_before) {
            unsettled.push_back(id);
            continue;
        }
        for (std::size_t slice = 0; slice < slices.size(); ++slice) {
            const std::size_t from = slice == 0 ? row : (*rows)[slice - 1];
            // The first two fields are id and Modified_Time, which every slice repeats.
            for (std::size_t field = slice == 0 ? 1 : 2; field < slices[slice].columns.size();
                 ++field) {
                out.column(slices[slice].columns[field])
                    .copy_from(pages[slice].column(field), from);
            }
        }
        out.end_row(id, version);
    }
    return unsettled;
}

std::vector<std::int64_t> join_readings(std::span<const Slice> slices,
                                        std::span<const Batch> first,
                                        std::span<const Batch> second,
                                        Batch& out) {
    std::vector<RowIndex> first_rows;
    std::vector<RowIndex> second_rows;
    std::set<std::int64_t> ids;
    for (std::size_t slice = 0; slice < slices.size(); ++slice) {
        first_rows.push_back(index_by_id(first[slice]));
        second_rows.push_back(index_by_id(second[slice]));
        ids.insert(first[slice].ids().begin(), first[slice].ids().end());
        ids.insert(second[slice].ids().begin(), second[slice].ids().end());
    }
    std::vector<std::int64_t> unsettled;
    for (const auto id : ids) {
        const auto rows = settled_rows(id, first, first_rows, second, second_rows);
        if (!rows) {
            unsettled.push_back(id);
            continue;
        }
        for (std::size_t slice = 0; slice < slices.size(); ++slice) {
            for (std::size_t field = 1; field < slices[slice].columns.size(); ++field) {
                out.column(slices[slice].columns[field])
                    .copy_from(second[slice].column(field), (*rows)[slice]);
            }
        }
        out.end_row(id, std::chrono::sys_seconds::min());
    }
    return unsettled;
}

} // namespace zohosyncd
