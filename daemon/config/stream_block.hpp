#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/keys.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// A key of a block: whether it was written, and its value unless it was null or wrong.
template <typename T> struct Setting {
    bool given = false;
    std::optional<T> value;
    bool is_wrong = false; ///< Written, but unusable; that was reported.
};

/// `columns`, as written.
struct ColumnsBlock {
    bool given = false;
    bool merges = false; ///< A name begins with `+`: what the defaults have is kept.
    std::vector<ColumnRule> rules;
    std::vector<std::string> removed; ///< `+name: ~`
};

/// What becomes of objects: one column, one for each part; or of the whole record: one column.
enum class Flatten { none, parts, record };

/// A stream's block, or `defaults`, as written and checked.
struct StreamBlock {
    std::string path; ///< "streams.leads"
    int line = 0;
    Setting<std::string> id;
    Setting<std::string> description;
    Setting<StreamMode> mode;
    Setting<std::string> object;
    Setting<Schedule> schedule;
    Setting<std::vector<std::string>> tags;
    Setting<bool> disabled;
    Setting<bool> single;
    Setting<FieldSelection> select;
    Setting<std::string> primary_key; ///< Checked: it can only be `id`.
    Setting<std::string> update_key;  ///< Checked: it can only be `Modified_Time`.
    bool has_source_options = false;
    Setting<std::uint64_t> limit;
    Setting<std::string> range;
    Setting<Flatten> flatten;
    Setting<bool> empty_as_null;
    Setting<std::string> null_if;
    Setting<int> max_decimals;
    ColumnsBlock columns;
    Setting<std::vector<TransformRule>> transforms;
    ColumnsBlock old_columns; ///< Under source_options, where Sling had them once.
    Setting<std::vector<TransformRule>> old_transforms;
    Setting<ColumnCasing> casing;
    Setting<DeleteMissing> delete_missing;
    Setting<bool> adds_columns;
    Setting<bool> adjusts_types;
    Setting<std::vector<WantedIndex>> table_keys;
    Setting<MergeStrategy> merge_strategy;
    Setting<std::string> pre_sql;  ///< As written: statements, or where they are.
    Setting<std::string> post_sql; ///< The same.
    StreamHooks hooks;
};

/// `columns` and `transforms` of the block; errors for what is not to be honoured.
ColumnsBlock read_columns(const Block& block);
Setting<std::vector<TransformRule>> read_transforms(const Block& block);

/// `table_keys` of target_options: the indexes that it asks for. Errors and warnings for the rest.
Setting<std::vector<WantedIndex>> read_table_keys(const Block& options);

/// Those of the stream, or both where it adds to the defaults.
ColumnsBlock with_default_columns(ColumnsBlock own, const ColumnsBlock& defaults);

/// Everything that the block says of columns.
ColumnRules column_rules_of(const StreamBlock& block);

/// Requires a map.
StreamBlock read_stream_block(const Block& block, std::string path);

/// Sling's inheritance: plain keys as they stand, with null for "unset"; `limit` and `flatten` only
/// together with the whole of source_options; the rest of these, and target_options, field by
/// field.
StreamBlock with_defaults(StreamBlock stream, const StreamBlock& defaults);

/// Sling's copy of a pattern's block drops nulls, so that they do not unset the defaults.
StreamBlock without_nulls(StreamBlock pattern);

/// Nothing, and the reason, for a mode that there is not or not yet.
std::optional<StreamMode> parse_mode(std::string_view text, std::string& reason);

/// `start,end`: dates or times, UTC unless they say otherwise. Nothing, and the reason.
std::optional<TimeWindow> parse_range(std::string_view text, std::string& reason);

/// What is wrong with a primary_key or update_key, if anything.
std::string wrong_primary_key(std::string_view key);
std::string wrong_update_key(std::string_view key);

/// Nothing, and the reason.
std::optional<Schedule> parse_schedule(const std::string& text, std::string& reason);

} // namespace zohosyncd
