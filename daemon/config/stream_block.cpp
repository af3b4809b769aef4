#include "daemon/config/stream_block.hpp"

#include "daemon/config/words.hpp"

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

void check_keys(const Block& block) {
    if (const auto keys = block.strings("primary_key")) {
        const bool is_id = std::ranges::all_of(
            *keys, [](const std::string& key) { return equal_ignoring_case(key, "id"); });
        if (keys->size() > 1 || !is_id) {
            block.error("primary_key", "`primary_key` can only be `id` for Zoho CRM");
        }
    }
    if (const auto key = block.string("update_key");
        key && !key->empty() && !equal_ignoring_case(*key, "Modified_Time")) {
        block.error("update_key", "`update_key` can only be `Modified_Time` for Zoho CRM");
    }
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
        } else if (item == "@columns") {
            block.error("select", "`@columns` is not supported by this version");
        } else if (item.find(' ') != std::string_view::npos) {
            block.error("select",
                        "`" + written + "` is no field's name; `as` is not supported by this " +
                            "version");
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

} // namespace

std::optional<StreamMode> parse_mode(std::string_view text, std::string& reason) {
    if (text == "incremental") {
        return StreamMode::incremental;
    }
    if (text == "full-refresh") {
        return StreamMode::full_refresh;
    }
    constexpr std::array<std::string_view, 5> not_yet{
        "truncate", "snapshot", "backfill", "definition-only", "change-capture"};
    if (std::ranges::find(not_yet, text) != not_yet.end()) {
        reason = "mode " + std::string(text) + " is not supported by this version";
    } else {
        reason = "must specify valid mode: full-refresh, incremental, backfill, snapshot, "
                 "truncate, definition-only, or change-capture";
        reason += did_you_mean(text, {"full-refresh", "incremental"});
    }
    return std::nullopt;
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
    check_keys(block);
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
    if (const auto options = block.block("source_options")) {
        options->check(source_option_keys());
        result.has_source_options = true;
        result.limit = setting(*options, "limit", options->integer("limit"));
    }
    if (const auto options = block.block("target_options")) {
        options->check(target_option_keys());
        result.casing = read_casing(*options);
        result.delete_missing = read_delete_missing(*options);
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
    if (!stream.has_source_options) {
        stream.limit = defaults.limit;
    }
    if (!stream.casing.value) {
        stream.casing = defaults.casing;
    }
    if (!stream.delete_missing.value) {
        stream.delete_missing = defaults.delete_missing;
    }
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
    return pattern;
}

} // namespace zohosyncd
