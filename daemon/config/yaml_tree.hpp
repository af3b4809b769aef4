#pragma once

#include "daemon/config/problems.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// A YAML or JSON document as a plain tree: aliases and merge keys are resolved, keys are unique.
///
/// The third-party parser stays behind parse_yaml. Values keep the text that was written, since
/// what `on` or `010` means depends on what the reader of the tree wants there.
struct Node {
    enum class Kind { null, scalar, sequence, map };
    struct Entry;

    Kind kind = Kind::null;
    std::string text;        ///< Of a scalar.
    bool was_quoted = false; ///< Also block scalars and `!!str`: certainly a string.
    int line = 0;            ///< From 1.
    int column = 0;          ///< From 1.
    std::vector<Node> items;
    std::vector<Entry> entries; ///< In the order of the file.

    [[nodiscard]] bool is_null() const { return kind == Kind::null; }

    [[nodiscard]] bool is_map() const { return kind == Kind::map; }

    [[nodiscard]] bool is_scalar() const { return kind == Kind::scalar; }

    /// What stands under `key`, or else under the same key in another case; nullptr when there is
    /// nothing or this is no map.
    [[nodiscard]] const Entry* find(std::string_view key) const;
};

struct Node::Entry {
    std::string key;
    int line = 0;
    Node value;
};

/// A quoted scalar that nobody wrote in a file.
Node make_scalar(std::string text, int line);

/// What an unquoted scalar is to YAML 1.1, which Sling reads.
enum class ScalarType { string, boolean, number };
ScalarType scalar_type(const Node& scalar);

/// y/n, yes/no, on/off, true/false in three casings, when not quoted.
std::optional<bool> as_boolean(const Node& node);

/// Texts that stand in a document for a placeholder. They are put into scalars after parsing, so
/// that no value can change the structure or the line numbers of the document around it.
class Substitutions {
public:
    /// Puts a mark that YAML reads as plain text in the place of every `opening`NAME`closing` whose
    /// NAME is in `values`.
    std::string mark(std::string_view text,
                     std::string_view opening,
                     std::string_view closing,
                     const std::map<std::string, std::string>& values);

    /// The text with the values in the place of the marks.
    [[nodiscard]] std::string fill(std::string_view text) const;

    [[nodiscard]] bool empty() const { return values_.empty(); }

private:
    std::vector<std::string> values_;
};

/// The first document of `text`; a null node when there is none. Nothing, and an error with file
/// and line, for what is no YAML, has over 10,000 nodes or is nested deeper than 64, with all
/// aliases resolved. Never quotes the text in a message: it may hold secrets.
std::optional<Node> parse_yaml(const std::string& text,
                               const std::string& file,
                               Problems& problems,
                               const Substitutions& substitutions = {});

/// Gives every node of the tree one line: the one where the text stood that it was parsed from.
void relocate(Node& node, int line);

} // namespace zohosyncd
