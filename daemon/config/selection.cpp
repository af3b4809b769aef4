#include "daemon/config/selection.hpp"

#include "daemon/config/expansion.hpp"
#include "daemon/config/words.hpp"

#include <fnmatch.h>

#include <algorithm>

namespace zohosyncd {
namespace {

constexpr std::string_view include_prefix = "tag:";
constexpr std::string_view exclude_prefix = "-tag:";

struct Selection {
    std::vector<std::string> names;
    std::vector<std::string> included_tags;
    std::vector<std::string> excluded_tags;
};

Selection parse(const std::string& text) {
    Selection selection;
    for (auto& item : split(text, ',')) {
        if (item.starts_with(include_prefix)) {
            selection.included_tags.push_back(item.substr(include_prefix.size()));
        } else if (item.starts_with(exclude_prefix)) {
            selection.excluded_tags.push_back(item.substr(exclude_prefix.size()));
        } else {
            std::erase_if(item, [](char c) { return c == '"' || c == '`' || c == '\''; });
            selection.names.push_back(std::move(item));
        }
    }
    return selection;
}

bool glob_matches(const std::string& pattern, const std::string& name) {
    return ::fnmatch(lower(pattern).c_str(), lower(name).c_str(), 0) == 0;
}

bool has_any_tag(const StreamConfig& stream, const std::vector<std::string>& tags) {
    return std::ranges::any_of(stream.tags, [&](const std::string& tag) {
        return std::ranges::find(tags, tag) != tags.end();
    });
}

bool selects(const Selection& selection, const StreamConfig& stream, const std::string& id) {
    const bool is_named = std::ranges::any_of(selection.names, [&](const std::string& name) {
        return (!id.empty() && name == id) || glob_matches(name, stream.endpoint.stream) ||
               equal_ignoring_case(name, stream.endpoint.module);
    });
    return (is_named || has_any_tag(stream, selection.included_tags)) &&
           !has_any_tag(stream, selection.excluded_tags);
}

/// A module that only 'module:*' stands for may still be picked by its name.
void add_named_modules(const Selection& selection, Config& config) {
    for (const auto& name : selection.names) {
        const auto endpoint = endpoint_for_stream(name);
        const auto has_stream = [&](const StreamConfig& stream) {
            return endpoint && stream.endpoint.stream == endpoint->stream;
        };
        if (endpoint && !endpoint->module.empty() &&
            std::ranges::none_of(config.streams, has_stream) &&
            std::ranges::find(config.excluded_modules, endpoint->module) ==
                config.excluded_modules.end()) {
            config.streams.push_back(stream_for_module(config, endpoint->module));
        }
    }
}

} // namespace

void select_streams(const std::string& selection,
                    const std::vector<std::string>& ids,
                    Config& config,
                    Problems& problems) {
    const auto wanted = parse(selection);
    if (!wanted.included_tags.empty() && !wanted.excluded_tags.empty()) {
        problems.error(
            "", 0, "--streams", "cannot include and exclude tags. Either include or exclude.");
        return;
    }
    std::vector<StreamConfig> selected;
    for (std::size_t i = 0; i < config.streams.size(); ++i) {
        if (selects(wanted, config.streams[i], ids[i])) {
            selected.push_back(config.streams[i]);
        }
    }
    config.streams = std::move(selected);
    if (config.every_module) {
        add_named_modules(wanted, config);
        const bool wants_all = std::ranges::any_of(wanted.names, [](const std::string& name) {
            return name == "*" || equal_ignoring_case(name, "module:*");
        });
        config.every_module =
            (wants_all || has_any_tag(config.module_template, wanted.included_tags)) &&
            !has_any_tag(config.module_template, wanted.excluded_tags);
    }
    config.no_stream_selected = config.streams.empty() && !config.every_module;
    if (config.no_stream_selected) {
        problems.warn("", 0, "--streams", "Did not match any streams.");
    }
}

} // namespace zohosyncd
