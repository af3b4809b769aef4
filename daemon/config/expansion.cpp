#include "daemon/config/expansion.hpp"

#include "daemon/config/object_name.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace zohosyncd {
namespace {

constexpr std::string_view module_pattern = "module:*";

std::vector<std::string> endpoint_names() {
    std::vector<std::string> names;
    for (const auto& endpoint : known_endpoints()) {
        names.push_back(endpoint.stream);
    }
    return names;
}

/// Sling's patterns: a star at the begin, at the end, or both; one in the middle matches nothing.
bool matches(std::string_view pattern, std::string_view name) {
    const std::string lowered = lower(pattern);
    std::string_view core = lowered;
    const bool is_open_left = core.starts_with('*');
    if (is_open_left) {
        core.remove_prefix(1);
    }
    const bool is_open_right = core.ends_with('*') || (core.empty() && is_open_left);
    if (core.ends_with('*')) {
        core.remove_suffix(1);
    }
    if (is_open_left && is_open_right) {
        return name.find(core) != std::string_view::npos;
    }
    return is_open_left ? name.ends_with(core) : is_open_right && name.starts_with(core);
}

bool is_pattern(const StreamEntry& entry) {
    return entry.name.find('*') != std::string::npos && !entry.block.single.value.value_or(false);
}

bool is_every_module(const StreamEntry& entry) {
    return equal_ignoring_case(entry.name, module_pattern);
}

class Expander {
public:
    Expander(const std::vector<StreamEntry>& entries, const std::string& file, Problems& problems)
        : entries_(entries), file_(file), problems_(problems) {}

    Expansion expand() {
        find_explicit();
        for (const auto& entry : entries_) {
            if (is_every_module(entry)) {
                add_every_module(entry);
            } else if (is_pattern(entry)) {
                add_pattern(entry);
            } else if (const auto endpoint = endpoint_for_stream(entry.name)) {
                add_explicit(entry, *endpoint);
            }
        }
        return std::move(result_);
    }

private:
    void find_explicit() {
        for (const auto& entry : entries_) {
            if (is_every_module(entry) || is_pattern(entry)) {
                continue;
            }
            const auto endpoint = endpoint_for_stream(entry.name);
            if (!endpoint) {
                report_unknown(entry);
                continue;
            }
            const auto [other, is_new] = explicit_.emplace(endpoint->stream, &entry);
            if (!is_new) {
                problems_.error(file_,
                                entry.line,
                                entry.block.path,
                                "`" + entry.name + "` is the same stream as `" +
                                    other->second->name + "` in line " +
                                    std::to_string(other->second->line));
            } else if (find_endpoint(entry.name) == std::nullopt) {
                warn_of_near_miss(entry);
            }
        }
    }

    void report_unknown(const StreamEntry& entry) {
        const auto names = endpoint_names();
        std::string hint = did_you_mean(entry.name, names);
        if (hint.empty() && is_plain_identifier(entry.name)) {
            hint = "; any other module is named as in Zoho's API, with a capital, such as Invoices";
        }
        problems_.error(file_,
                        entry.line,
                        entry.block.path,
                        "did not find endpoint(s) for: " + entry.name + ". Available endpoints: [" +
                            join(names, ", ") + "]" + hint);
    }

    /// `Lead` would be taken for a module of that name.
    void warn_of_near_miss(const StreamEntry& entry) {
        for (const auto& name : endpoint_names()) {
            if (edit_distance(lower(entry.name), name) == 1) {
                problems_.warn(file_,
                               entry.line,
                               entry.block.path,
                               "read as the API name of a Zoho module; did you mean `" + name +
                                   "`?");
            }
        }
    }

    void add_explicit(const StreamEntry& entry, const Endpoint& endpoint) {
        const auto found = explicit_.find(endpoint.stream);
        if (found == explicit_.end() || found->second != &entry) {
            return; // Reported as named twice.
        }
        if (!entry.block.disabled.value.value_or(false)) {
            result_.streams.push_back({endpoint, entry});
        } else if (!endpoint.module.empty()) {
            result_.excluded_modules.push_back(endpoint.module);
        }
    }

    [[nodiscard]] bool can_expand(const StreamEntry& entry) const {
        const auto& object = entry.block.object.value;
        if (!object || object->empty() || has_stream_variable(*object)) {
            return true; // A missing object is reported for each stream.
        }
        problems_.error(file_,
                        entry.line,
                        entry.block.path,
                        "`" + entry.name +
                            "` needs a table for each stream: add {stream_name} to "
                            "`object`");
        return false;
    }

    void add_pattern(const StreamEntry& entry) {
        bool has_match = false;
        for (const auto& endpoint : known_endpoints()) {
            if (!matches(entry.name, endpoint.stream)) {
                continue;
            }
            has_match = true;
            if (!explicit_.contains(endpoint.stream) && taken_.insert(endpoint.stream).second &&
                !entry.block.disabled.value.value_or(false)) {
                result_.streams.push_back({endpoint, entry});
            }
        }
        if (!has_match) {
            report_unknown(entry);
        } else if (!can_expand(entry)) {
            std::erase_if(result_.streams, [&](const ExpandedStream& stream) {
                return stream.entry.name == entry.name;
            });
        }
    }

    void add_every_module(const StreamEntry& entry) {
        if (!entry.block.disabled.value.value_or(false) && can_expand(entry)) {
            result_.every_module = entry;
        }
    }

    const std::vector<StreamEntry>& entries_;
    const std::string& file_;
    Problems& problems_;
    std::map<std::string, const StreamEntry*> explicit_;
    std::set<std::string> taken_;
    Expansion result_;
};

} // namespace

std::optional<Endpoint> endpoint_for_stream(std::string_view name) {
    if (auto endpoint = find_endpoint(name)) {
        return endpoint;
    }
    for (const auto& endpoint : known_endpoints()) {
        if (!endpoint.module.empty() && equal_ignoring_case(endpoint.module, name) &&
            name.front() >= 'A' && name.front() <= 'Z') {
            return endpoint;
        }
    }
    // Lower-case words are Sling's names and mostly typing errors; Zoho's begin with a capital.
    if (name.empty() || name.front() < 'A' || name.front() > 'Z' || !is_plain_identifier(name)) {
        return std::nullopt;
    }
    return endpoint_for_module(name);
}

Expansion expand_streams(const std::vector<StreamEntry>& entries,
                         const std::string& file,
                         Problems& problems) {
    return Expander(entries, file, problems).expand();
}

} // namespace zohosyncd
