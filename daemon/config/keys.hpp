#pragma once

#include "daemon/config/problems.hpp"
#include "daemon/config/yaml_tree.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// What a value has to be.
enum class ValueType {
    any,
    string,
    text, ///< Any scalar, taken as it is written: `off` stays "off".
    boolean,
    integer,
    strings,
    string_or_strings,
    list,
    map,
    map_or_text,
};

/// What this version does with a key.
enum class KeyUse {
    honoured,
    ignored,   ///< Sling ignores it for an API source as well.
    no_effect, ///< Only tunes how Sling loads; accepted with a warning.
    refused,   ///< Would change the result; accepted only with its default.
};

/// One key of a block: the parser, the samples and the manual agree because all use this table.
struct Key {
    std::string_view name;
    ValueType type = ValueType::any;
    KeyUse use = KeyUse::honoured;
    std::string_view fallback; ///< The default, as it would be written; empty: none.
    std::string_view help;
};

/// The blocks of replication.yaml.
std::span<const Key> root_keys();
std::span<const Key> stream_keys();
std::span<const Key> source_option_keys();
std::span<const Key> target_option_keys();
std::span<const Key> daemon_keys();
std::span<const Key> credits_keys();

/// One hook: the keys of all, and those of its type.
std::span<const Key> hook_keys();
std::span<const Key> http_hook_keys();
std::span<const Key> query_hook_keys();
std::span<const Key> log_hook_keys();
std::span<const Key> check_hook_keys();

/// The connections of env.yaml.
std::span<const Key> zoho_keys();
std::span<const Key> zoho_secret_keys();
std::span<const Key> zoho_input_keys();
std::span<const Key> postgres_keys();
std::span<const Key> sqlite_keys();

/// Where a block stands, for messages about it.
class Block {
public:
    /// All three outlive the block.
    Block(const Node& node, std::string path, const std::string& file, Problems& problems)
        : node_(node), path_(std::move(path)), file_(file), problems_(problems) {}

    /// Reports what is unknown, of the wrong type or refused. The getters below return nothing for
    /// such values, so that each mistake is told once. Requires a map.
    void check(std::span<const Key> keys) const;

    [[nodiscard]] const Node::Entry* find(std::string_view key) const { return node_.find(key); }

    [[nodiscard]] std::optional<std::string> string(std::string_view key) const;
    [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
    [[nodiscard]] std::optional<bool> boolean(std::string_view key) const;
    [[nodiscard]] std::optional<std::uint64_t> integer(std::string_view key) const;
    [[nodiscard]] std::optional<std::vector<std::string>> strings(std::string_view key) const;

    /// The block under `key` when it is a map.
    [[nodiscard]] std::optional<Block> block(std::string_view key) const;

    void error(std::string_view key, const std::string& message) const;
    void warn(std::string_view key, const std::string& message) const;

    [[nodiscard]] const Node& node() const { return node_; }

    [[nodiscard]] std::string path_of(std::string_view key) const;

    [[nodiscard]] const std::string& file() const { return file_; }

    [[nodiscard]] Problems& problems() const { return problems_; }

private:
    void check_entry(const Node::Entry& entry, const Key& key) const;
    [[nodiscard]] int line_of(std::string_view key) const;

    const Node& node_;
    std::string path_;
    const std::string& file_;
    Problems& problems_;
};

bool has_type(const Node& node, ValueType type);

/// "a list of strings"
std::string expected(ValueType type);
/// "a number"; never the value, which may be a secret.
std::string found(const Node& node);

/// A whole number from 0, unquoted, without YAML's octal and hexadecimal forms.
std::optional<std::uint64_t> as_integer(const Node& node);

/// Null, "", [] or {}: as if the key were not there.
bool is_nothing(const Node& node);

} // namespace zohosyncd
