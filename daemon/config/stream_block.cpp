#include "daemon/config/stream_block.hpp"

#include "daemon/config/words.hpp"
#include "daemon/core/time.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace zohosyncd {
namespace {

template <typename T>
Setting<T> setting(const Block& block, std::string_view key, std::optional<T> value) {
    const auto* entry = block.find(key);
    const bool is_wrong = entry != nullptr && !entry->value.is_null() && !value;
    return {entry != nullptr, std::move(value), is_wrong};
}

Setting<std::string> string_setting(const Block& block, std::string_view key) {
    return setting(block, key, block.string(key));
}

Setting<StreamMode> read_mode(const Block& block) {
    std::optional<StreamMode> mode;
    if (const auto text = block.string("mode"); text && !text->empty()) {
        std::string reason;
        mode = parse_mode(*text, reason);
        if (!mode) {
            block.error("mode", reason);
        }
    }
    return setting(block, "mode", mode);
}

Setting<Schedule> read_schedule(const Block& block) {
    const std::string_view key = block.find("schedule") != nullptr ? "schedule" : "interval";
    std::optional<Schedule> schedule;
    if (const auto text = block.string(key); text && !trim(*text).empty()) {
        std::string reason;
        schedule = parse_schedule(*text, reason);
        if (!schedule) {
            block.error(key, reason);
        }
    }
    return setting(block, key, std::move(schedule));
}

/// An empty word unsets, as null does.
Setting<std::string> read_primary_key(const Block& block) {
    const auto keys = block.strings("primary_key");
    std::optional<std::string> key;
    if (keys && keys->size() == 1 && !keys->front().empty()) {
        key = keys->front();
    }
    const std::string wrong = keys && keys->size() > 1 ? wrong_primary_key("")
                              : key                    ? wrong_primary_key(*key)
                                                       : "";
    if (!wrong.empty()) {
        block.error("primary_key", wrong);
    }
    return setting(block, "primary_key", key);
}

Setting<std::string> read_update_key(const Block& block) {
    auto key = block.string("update_key");
    if (key && key->empty()) {
        key.reset();
    }
    if (const auto wrong = key ? wrong_update_key(*key) : std::string{}; !wrong.empty()) {
        block.error("update_key", wrong);
    }
    return setting(block, "update_key", key);
}

/// A time without an offset is UTC; a date is its first second.
std::optional<std::chrono::sys_seconds> parse_range_end(std::string_view text) {
    std::string time(trim(text));
    if (const auto only_date = parse_zoho_time(time + "T00:00:00Z")) {
        return only_date;
    }
    if (const auto space = time.find(' '); space != std::string::npos) {
        time[space] = 'T';
    }
    if (const auto with_offset = parse_zoho_time(time)) {
        return with_offset;
    }
    return parse_zoho_time(time + "Z");
}

Setting<std::string> read_range(const Block& options) {
    auto range = options.string("range");
    if (range && trim(*range).empty()) {
        range.reset();
    }
    std::string reason;
    if (range && !parse_range(*range, reason)) {
        options.error("range", reason);
        range.reset();
    }
    return setting(options, "range", range);
}

/// `field as column`
void read_alias(const Block& block,
                std::string_view item,
                bool is_left_out,
                FieldSelection& select) {
    const auto words = split(item, ' ');
    const bool is_alias = words.size() == 3 && equal_ignoring_case(words[1], "as");
    if (!is_alias || is_left_out || words[0].find_first_of("*?[") != std::string::npos) {
        block.error("select",
                    "`" + std::string(item) +
                        "` is no field's name: expected `field` or "
                        "`field as column`");
        return;
    }
    for (const auto& [name, alias] : select.aliases) {
        if (equal_ignoring_case(alias, words[2])) {
            block.error("select",
                        "`" + name + "` and `" + words[0] + "` can not both be `" + alias + "`");
            return;
        }
    }
    select.kept.push_back(words[0]);
    select.aliases.emplace_back(words[0], words[2]);
}

Setting<FieldSelection> read_select(const Block& block) {
    const auto items = block.strings("select");
    if (!items) {
        return setting<FieldSelection>(block, "select", std::nullopt);
    }
    FieldSelection select;
    for (const auto& written : *items) {
        std::string_view item = trim(written);
        const bool is_left_out = item.starts_with('-');
        item.remove_prefix(is_left_out ? 1 : 0);
        if (item.empty()) {
            block.error("select", "an item is empty: name a field, or take it out");
        } else if (item == "@columns" && (is_left_out || &written != &items->front())) {
            block.error("select", "`@columns` must come first");
        } else if (item.find(' ') != std::string_view::npos) {
            read_alias(block, item, is_left_out, select);
        } else {
            (is_left_out ? select.left_out : select.kept).emplace_back(item);
        }
    }
    return setting(block, "select", std::optional(std::move(select)));
}

Setting<ColumnCasing> read_casing(const Block& options) {
    using enum ColumnCasing;
    static constexpr std::pair<std::string_view, ColumnCasing> casings[] = {
        {"snake", snake},
        {"source", source},
        {"target", target},
        {"upper", upper},
        {"lower", lower},
        {"camel", camel},
        {"normalize", normalize},
    };
    std::optional<ColumnCasing> casing;
    const auto text = options.string("column_casing");
    for (const auto& [name, value] : casings) {
        if (text && equal_ignoring_case(name, *text)) {
            casing = value;
        }
    }
    if (text && !text->empty() && !casing) {
        options.error("column_casing",
                      "`" + *text + "` is no casing: expected snake, source, target, upper, " +
                          "lower, camel or normalize");
    }
    return setting(options, "column_casing", casing);
}

Setting<MergeStrategy> read_merge_strategy(const Block& options) {
    using enum MergeStrategy;
    static constexpr std::pair<std::string_view, MergeStrategy> strategies[] = {
        {"update_insert", update_insert},
        {"delete_insert", delete_insert},
        {"insert", insert},
        {"update", update},
    };
    std::optional<MergeStrategy> strategy;
    const auto text = options.string("merge_strategy");
    for (const auto& [name, value] : strategies) {
        if (text && name == *text) {
            strategy = value;
        }
    }
    if (text && !text->empty() && !strategy) {
        options.error("merge_strategy",
                      "`" + *text + "` is no strategy: expected update_insert, delete_insert, " +
                          "insert or update" +
                          did_you_mean(*text, {"update_insert", "delete_insert"}));
    }
    return setting(options, "merge_strategy", strategy);
}

/// The block may be a map with the word under `type` and conditions that we have no use for.
std::optional<std::string> delete_missing_word(const Block& options) {
    const auto details = options.block("delete_missing");
    if (!details) {
        return options.string("delete_missing");
    }
    for (const auto& entry : details->node().entries) {
        if (!equal_ignoring_case(entry.key, "type") && !is_nothing(entry.value)) {
            details->error(entry.key, "`" + entry.key + "` is not supported by this version");
        }
    }
    const auto* type = details->find("type");
    if (type == nullptr) {
        options.error("delete_missing", "`type` is missing: expected soft, hard or none");
    }
    return details->string("type");
}

Setting<DeleteMissing> read_delete_missing(const Block& options) {
    const auto* entry = options.find("delete_missing");
    if (entry == nullptr || entry->value.is_null()) {
        return setting<DeleteMissing>(options, "delete_missing", std::nullopt);
    }
    std::optional<DeleteMissing> result;
    const bool lacks_type = entry->value.is_map() && entry->value.find("type") == nullptr;
    const auto word = delete_missing_word(options);
    if (word == "soft") {
        result = DeleteMissing::soft;
    } else if (word == "hard") {
        result = DeleteMissing::hard;
    } else if (word == "none") {
        result = DeleteMissing::none;
    } else if (!lacks_type) {
        options.error("delete_missing", "expected soft, hard or none");
    }
    return setting(options, "delete_missing", result);
}

/// Nested deeper than one level is nothing whose keys are known before data is seen, so that all of
/// Sling's greater values come to the same.
Setting<Flatten> read_flatten(const Block& options) {
    const auto* entry = options.find("flatten");
    if (entry == nullptr || entry->value.is_null()) {
        return setting<Flatten>(options, "flatten", std::nullopt);
    }
    const auto levels = as_integer(entry->value);
    const auto boolean = as_boolean(entry->value);
    if (!levels && !boolean) {
        options.error("flatten", "expected 0, 1, 2, true or false, found " + found(entry->value));
    }
    const auto flatten = boolean == false ? Flatten::record
                         : levels == 1U   ? Flatten::none
                                          : Flatten::parts;
    return setting(options, "flatten", std::optional(flatten));
}

Setting<int> read_max_decimals(const Block& options) {
    constexpr std::uint64_t most_decimals = 1000; // Of PostgreSQL's numeric.
    const auto* entry = options.find("max_decimals");
    std::optional<int> decimals;
    if (entry != nullptr && !entry->value.is_null()) {
        const auto number = as_integer(entry->value);
        if (entry->value.is_scalar() && !entry->value.was_quoted && entry->value.text == "-1") {
            decimals = -1;
        } else if (number && *number <= most_decimals) {
            decimals = static_cast<int>(*number);
        } else {
            options.error("max_decimals", "expected a whole number from 0 to 1000, or -1");
        }
    }
    return setting(options, "max_decimals", decimals);
}

void read_source_options(const Block& options, StreamBlock& result) {
    result.limit = setting(options, "limit", options.integer("limit"));
    result.range = read_range(options);
    result.flatten = read_flatten(options);
    result.empty_as_null = setting(options, "empty_as_null", options.boolean("empty_as_null"));
    result.null_if = setting(options, "null_if", options.string("null_if"));
    result.max_decimals = read_max_decimals(options);
    result.old_columns = read_columns(options);
    result.old_transforms = read_transforms(options);
}

} // namespace

std::optional<StreamMode> parse_mode(std::string_view text, std::string& reason) {
    if (text == "incremental") {
        return StreamMode::incremental;
    }
    if (text == "full-refresh") {
        return StreamMode::full_refresh;
    }
    for (const auto mode : {StreamMode::truncate,
                            StreamMode::backfill,
                            StreamMode::snapshot,
                            StreamMode::definition_only}) {
        if (text == to_string(mode)) {
            return mode;
        }
    }
    if (text == "change-capture") {
        reason = "mode change-capture needs a database as source; Zoho CRM is an API";
    } else {
        reason = "must specify valid mode: full-refresh, incremental, backfill, snapshot, "
                 "truncate, definition-only, or change-capture";
        reason += did_you_mean(
            text,
            {"full-refresh", "incremental", "backfill", "snapshot", "truncate", "definition-only"});
    }
    return std::nullopt;
}

const char* to_string(StreamMode mode) {
    switch (mode) {
    case StreamMode::incremental:
        return "incremental";
    case StreamMode::full_refresh:
        return "full-refresh";
    case StreamMode::truncate:
        return "truncate";
    case StreamMode::backfill:
        return "backfill";
    case StreamMode::snapshot:
        return "snapshot";
    case StreamMode::definition_only:
        return "definition-only";
    }
    return "";
}

std::optional<TimeWindow> parse_range(std::string_view text, std::string& reason) {
    const auto comma = text.find(',');
    if (comma == std::string_view::npos || text.find(',', comma + 1) != std::string_view::npos) {
        reason = "must specify valid range value for backfill mode separated by one comma, such "
                 "as 2024-01-01,2024-02-01";
        return std::nullopt;
    }
    const auto begin = parse_range_end(text.substr(0, comma));
    const auto end = parse_range_end(text.substr(comma + 1));
    if (!begin || !end) {
        reason = "`" + std::string(trim(begin ? text.substr(comma + 1) : text.substr(0, comma))) +
                 "` is no date YYYY-MM-DD and no time YYYY-MM-DDTHH:MM:SS";
        return std::nullopt;
    }
    if (*begin > *end) {
        reason = "the range ends before it begins: expected start,end";
        return std::nullopt;
    }
    return TimeWindow{*begin, *end};
}

std::string wrong_primary_key(std::string_view key) {
    return equal_ignoring_case(key, "id") ? "" : "`primary_key` can only be `id` for Zoho CRM";
}

std::string wrong_update_key(std::string_view key) {
    return equal_ignoring_case(key, "Modified_Time")
               ? ""
               : "`update_key` can only be `Modified_Time` for Zoho CRM";
}

std::optional<Schedule> parse_schedule(const std::string& text, std::string& reason) {
    try {
        return Schedule::parse(trim(text));
    } catch (const std::invalid_argument& error) {
        reason = error.what();
        return std::nullopt;
    }
}

StreamBlock read_stream_block(const Block& block, std::string path) {
    block.check(stream_keys());
    StreamBlock result;
    result.path = std::move(path);
    result.line = block.node().line;
    result.id = string_setting(block, "id");
    result.description = string_setting(block, "description");
    result.mode = read_mode(block);
    result.object = string_setting(block, "object");
    result.schedule = read_schedule(block);
    result.tags = setting(block, "tags", block.strings("tags"));
    result.disabled = setting(block, "disabled", block.boolean("disabled"));
    result.single = setting(block, "single", block.boolean("single"));
    result.select = read_select(block);
    if (const auto hooks = block.block("hooks")) {
        result.hooks = read_stream_hooks(*hooks);
    }
    result.primary_key = read_primary_key(block);
    result.update_key = read_update_key(block);
    result.columns = read_columns(block);
    result.transforms = read_transforms(block);
    if (const auto options = block.block("source_options")) {
        options->check(source_option_keys());
        result.has_source_options = true;
        read_source_options(*options, result);
    }
    if (const auto options = block.block("target_options")) {
        options->check(target_option_keys());
        result.casing = read_casing(*options);
        result.delete_missing = read_delete_missing(*options);
        result.adds_columns =
            setting(*options, "add_new_columns", options->boolean("add_new_columns"));
        result.adjusts_types =
            setting(*options, "adjust_column_type", options->boolean("adjust_column_type"));
        result.table_keys = read_table_keys(*options);
        result.merge_strategy = read_merge_strategy(*options);
        result.pre_sql = string_setting(*options, "pre_sql");
        result.post_sql = string_setting(*options, "post_sql");
    }
    return result;
}

StreamBlock with_defaults(StreamBlock stream, const StreamBlock& defaults) {
    const auto inherit = [](auto& own, const auto& other) {
        if (!own.given) {
            own = other;
        }
    };
    inherit(stream.mode, defaults.mode);
    inherit(stream.object, defaults.object);
    inherit(stream.schedule, defaults.schedule);
    inherit(stream.tags, defaults.tags);
    inherit(stream.disabled, defaults.disabled);
    inherit(stream.single, defaults.single);
    inherit(stream.select, defaults.select);
    if (stream.hooks.empty()) {
        stream.hooks = defaults.hooks; // One stage of its own replaces all of the defaults'.
    }
    inherit(stream.primary_key, defaults.primary_key);
    inherit(stream.update_key, defaults.update_key);
    inherit(stream.transforms, defaults.transforms);
    stream.columns = with_default_columns(std::move(stream.columns), defaults.columns);
    if (!stream.has_source_options) {
        stream.limit = defaults.limit;
        stream.flatten = defaults.flatten;
    }
    inherit(stream.range, defaults.range);
    inherit(stream.empty_as_null, defaults.empty_as_null);
    inherit(stream.null_if, defaults.null_if);
    inherit(stream.max_decimals, defaults.max_decimals);
    inherit(stream.old_columns, defaults.old_columns);
    inherit(stream.old_transforms, defaults.old_transforms);
    const auto inherit_option = [](auto& own, const auto& other) {
        if (!own.value) {
            own = other;
        }
    };
    inherit_option(stream.casing, defaults.casing);
    inherit_option(stream.delete_missing, defaults.delete_missing);
    inherit_option(stream.adds_columns, defaults.adds_columns);
    inherit_option(stream.adjusts_types, defaults.adjusts_types);
    inherit_option(stream.table_keys, defaults.table_keys);
    inherit_option(stream.merge_strategy, defaults.merge_strategy);
    inherit_option(stream.pre_sql, defaults.pre_sql);
    inherit_option(stream.post_sql, defaults.post_sql);
    return stream;
}

StreamBlock without_nulls(StreamBlock pattern) {
    const auto forget_null = [](auto& setting) { setting.given = setting.value.has_value(); };
    forget_null(pattern.mode);
    forget_null(pattern.object);
    forget_null(pattern.schedule);
    forget_null(pattern.tags);
    forget_null(pattern.disabled);
    forget_null(pattern.single);
    forget_null(pattern.select);
    forget_null(pattern.update_key);
    forget_null(pattern.transforms);
    return pattern;
}

} // namespace zohosyncd
