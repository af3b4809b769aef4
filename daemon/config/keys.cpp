#include "daemon/config/keys.hpp"

#include "daemon/config/words.hpp"

#include <algorithm>
#include <charconv>

namespace zohosyncd {
namespace {

bool is_string(const Node& node) {
    return node.is_scalar() && scalar_type(node) == ScalarType::string;
}

bool is_strings(const Node& node) {
    return node.kind == Node::Kind::sequence && std::ranges::all_of(node.items, is_string);
}

/// Whether the value is written as the table's default, in whichever of YAML's spellings.
bool is_default(const Node& node, std::string_view fallback) {
    if (node.kind == Node::Kind::sequence && node.items.size() == 1) {
        return is_default(node.items.front(), fallback);
    }
    if (!node.is_scalar() || fallback.empty()) {
        return false;
    }
    if (const auto boolean = as_boolean(node)) {
        return fallback == (*boolean ? "true" : "false");
    }
    return node.text == fallback;
}

/// How to write what was most likely meant. The values shown are numbers and YAML's words.
std::string hint_for_type(ValueType type, const Node& node) {
    const auto is_plain = [](const Node& item) { return item.is_scalar() && !item.was_quoted; };
    if ((type == ValueType::boolean || type == ValueType::integer) && node.was_quoted) {
        return ": take the quotes away";
    }
    if (type == ValueType::integer && scalar_type(node) == ScalarType::number) {
        return " (`" + node.text + "`): write digits alone, without a sign or a leading zero";
    }
    const bool takes_list = type == ValueType::strings || type == ValueType::string_or_strings;
    if (takes_list && is_string(node)) {
        const std::string quote = node.was_quoted ? "\"" : "";
        return ": write [" + quote + node.text + quote + "]";
    }
    if (takes_list && node.kind == Node::Kind::sequence) {
        const auto odd = std::ranges::find_if(node.items, [&](const Node& item) {
            return is_plain(item) && scalar_type(item) != ScalarType::string;
        });
        return odd == node.items.end() ? ""
                                       : ": YAML reads an unquoted `" + odd->text + "` as " +
                                             found(*odd) + ", quote it";
    }
    if (type == ValueType::string && node.is_map() && !node.entries.empty() &&
        node.entries.front().value.is_null()) {
        return ": quote a text that begins with `{`";
    }
    if (type == ValueType::string && is_plain(node)) {
        return ": quote it, if `" + node.text + "` is meant";
    }
    return {};
}

/// What a user who made this mistake most likely wants to read.
std::string hint(const Key& key, const Node& node) {
    if (key.name != "schedule" && key.name != "interval") {
        return hint_for_type(key.type, node);
    }
    if (node.kind == Node::Kind::sequence) {
        return "; Sling refuses a list as well: give one schedule such as \"@every 5m\"";
    }
    if (as_boolean(node)) {
        return "; YAML reads an unquoted `" + node.text + "` as a boolean: write \"manual\"";
    }
    if (node.is_scalar()) {
        return "; Sling refuses a number as well: give it a unit, such as \"5m\"";
    }
    return {};
}

} // namespace

bool is_nothing(const Node& node) {
    switch (node.kind) {
    case Node::Kind::null:
        return true;
    case Node::Kind::scalar:
        return node.text.empty();
    case Node::Kind::sequence:
        return node.items.empty();
    case Node::Kind::map:
        return std::ranges::all_of(node.entries,
                                   [](const auto& entry) { return is_nothing(entry.value); });
    }
    return false;
}

std::optional<std::uint64_t> as_integer(const Node& node) {
    if (!node.is_scalar() || node.was_quoted) {
        return std::nullopt;
    }
    std::string digits = node.text;
    std::erase(digits, '_');
    if (digits.size() > 1 && digits.front() == '0') {
        return std::nullopt; // YAML 1.1 would read it as octal; nobody means that.
    }
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) {
        return std::nullopt;
    }
    return number;
}

bool has_type(const Node& node, ValueType type) {
    if (node.is_null()) {
        return true; // Always "not set".
    }
    switch (type) {
    case ValueType::any:
        return true;
    case ValueType::string:
        return is_string(node);
    case ValueType::text:
        return node.is_scalar();
    case ValueType::boolean:
        return as_boolean(node).has_value();
    case ValueType::integer:
        return as_integer(node).has_value();
    case ValueType::strings:
        return is_strings(node);
    case ValueType::string_or_strings:
        return is_string(node) || is_strings(node);
    case ValueType::list:
        return node.kind == Node::Kind::sequence;
    case ValueType::map:
        return node.is_map();
    case ValueType::map_or_text:
        return node.is_map() || is_string(node);
    }
    return false;
}

std::string expected(ValueType type) {
    switch (type) {
    case ValueType::any:
        return "anything";
    case ValueType::string:
        return "a string";
    case ValueType::text:
        return "one value";
    case ValueType::boolean:
        return "true or false";
    case ValueType::integer:
        return "a whole number";
    case ValueType::strings:
        return "a list of strings";
    case ValueType::string_or_strings:
        return "a string or a list of strings";
    case ValueType::list:
        return "a list";
    case ValueType::map:
        return "a map";
    case ValueType::map_or_text:
        return "a map or a string that holds one";
    }
    return {};
}

std::string found(const Node& node) {
    switch (node.kind) {
    case Node::Kind::null:
        return "nothing";
    case Node::Kind::sequence:
        return is_strings(node) || node.items.empty() ? "a list" : "a list of other things";
    case Node::Kind::map:
        return "a map";
    case Node::Kind::scalar:
        break;
    }
    switch (scalar_type(node)) {
    case ScalarType::string:
        return node.was_quoted ? "a quoted string" : "a string";
    case ScalarType::boolean:
        return "a boolean";
    case ScalarType::number:
        return "a number";
    }
    return {};
}

void Block::check(std::span<const Key> keys) const {
    std::vector<std::string> names;
    for (const auto& key : keys) {
        names.emplace_back(key.name);
    }
    for (const auto& entry : node_.entries) {
        const auto key = std::ranges::find_if(
            keys, [&](const Key& known) { return equal_ignoring_case(known.name, entry.key); });
        if (key != keys.end()) {
            check_entry(entry, *key);
        } else {
            problems_.warn(file_,
                           entry.line,
                           path_of(entry.key),
                           "`" + entry.key + "` is not a known key and is ignored" +
                               did_you_mean(entry.key, names));
        }
    }
}

void Block::check_entry(const Node::Entry& entry, const Key& key) const {
    const Node& value = entry.value;
    if (!has_type(value, key.type)) {
        problems_.error(file_,
                        entry.line,
                        path_of(entry.key),
                        "could not parse `" + path_of(entry.key) + "`: expected " +
                            expected(key.type) + ", found " + found(value) + hint(key, value));
        return;
    }
    if (is_nothing(value) || is_default(value, key.fallback)) {
        return;
    }
    if (key.use == KeyUse::refused) {
        const std::string only =
            key.fallback.empty() ? "" : " (except for `" + std::string(key.fallback) + "`)";
        problems_.error(file_,
                        entry.line,
                        path_of(entry.key),
                        "`" + entry.key + "` is not supported by this version" + only);
    } else if (key.use == KeyUse::no_effect) {
        problems_.warn(
            file_, entry.line, path_of(entry.key), "`" + entry.key + "` has no effect here");
    }
}

std::optional<std::string> Block::string(std::string_view key) const {
    const auto* entry = find(key);
    return entry != nullptr && is_string(entry->value) ? std::optional(entry->value.text)
                                                       : std::nullopt;
}

std::optional<std::string> Block::text(std::string_view key) const {
    const auto* entry = find(key);
    return entry != nullptr && entry->value.is_scalar() ? std::optional(entry->value.text)
                                                        : std::nullopt;
}

std::optional<bool> Block::boolean(std::string_view key) const {
    const auto* entry = find(key);
    return entry != nullptr ? as_boolean(entry->value) : std::nullopt;
}

std::optional<std::uint64_t> Block::integer(std::string_view key) const {
    const auto* entry = find(key);
    return entry != nullptr ? as_integer(entry->value) : std::nullopt;
}

std::optional<std::vector<std::string>> Block::strings(std::string_view key) const {
    const auto* entry = find(key);
    if (entry == nullptr) {
        return std::nullopt;
    }
    if (is_string(entry->value)) {
        return std::vector{entry->value.text};
    }
    if (!is_strings(entry->value)) {
        return std::nullopt;
    }
    std::vector<std::string> result;
    for (const auto& item : entry->value.items) {
        result.push_back(item.text);
    }
    return result;
}

std::optional<Block> Block::block(std::string_view key) const {
    const auto* entry = find(key);
    if (entry == nullptr || !entry->value.is_map()) {
        return std::nullopt;
    }
    return Block(entry->value, path_of(key), file_, problems_);
}

void Block::error(std::string_view key, const std::string& message) const {
    problems_.error(file_, line_of(key), path_of(key), message);
}

void Block::warn(std::string_view key, const std::string& message) const {
    problems_.warn(file_, line_of(key), path_of(key), message);
}

std::string Block::path_of(std::string_view key) const {
    return path_.empty() || key.empty() ? path_ + std::string(key) : path_ + "." + std::string(key);
}

int Block::line_of(std::string_view key) const {
    const auto* entry = find(key);
    return entry != nullptr ? entry->line : node_.line;
}

} // namespace zohosyncd
