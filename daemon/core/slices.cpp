#include "daemon/core/slices.hpp"

#include <optional>
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

} // namespace

std::vector<Slice> plan_slices(std::span<const std::string> fields, std::size_t version) {
    const std::size_t fixed_characters = fields[0].size() + 1 + fields[version].size();
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
            slices.push_back({{fields[0], fields[version]}, {0, version}});
            characters = fixed_characters;
        }
        slices.back().fields.push_back(fields[field]);
        slices.back().columns.push_back(field);
        characters += added;
    }
    if (slices.empty()) {
        slices.push_back({{fields[0], fields[version]}, {0, version}});
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

} // namespace zohosyncd
