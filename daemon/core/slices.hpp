#pragma once

#include "daemon/core/batch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zohosyncd {

/// Zoho takes at most 50 names in `fields` (zoho-api-facts §3.1).
constexpr std::size_t max_fields_per_call = 50;
/// v8's schema gives 1,024 characters for the whole parameter; v6 may enforce it too.
constexpr std::size_t max_field_characters_per_call = 1000;

/// One part of a module's fields that one list call can ask for.
struct Slice {
    std::vector<std::string>
        fields; ///< API names, `id` and, where there is one, `Modified_Time` first.
    std::vector<std::size_t> columns; ///< For each field its index in the stream's schema.
};

/// Splits the fields into as few slices as the limits allow. `fields[0]` is `id`; `version` is the
/// index of Modified_Time, where the module has it. Every slice carries both.
std::vector<Slice> plan_slices(std::span<const std::string> fields,
                               std::optional<std::size_t> version);

/// Joins the slices of one page into `out`, which has a column for every field of the schema.
///
/// A record is taken over only when every slice shows it with the same Modified_Time and that
/// second was over when the first slice was answered (`settled_before`): otherwise two edits in one
/// second could be mixed. The ids of the other records come back; they have to be fetched whole.
std::vector<std::int64_t> join_slices(std::span<const Slice> slices,
                                      std::span<const Batch> pages,
                                      std::chrono::sys_seconds settled_before,
                                      Batch& out);

/// The same for slices whose records carry no version. The slices of the page were read one after
/// the other, and then all of them once more. A record is taken over only when every slice shows it
/// twice with the same values: between the last of the first readings and the first of the second
/// ones it was what they show. The ids of the other records that any of them shows come back.
std::vector<std::int64_t> join_readings(std::span<const Slice> slices,
                                        std::span<const Batch> first,
                                        std::span<const Batch> second,
                                        Batch& out);

} // namespace zohosyncd
