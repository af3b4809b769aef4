#include "daemon/config/env_yaml_edit.hpp"

#include "daemon/config/words.hpp"
#include "daemon/core/text_template.hpp"

#include <algorithm>
#include <vector>

namespace zohosyncd {
namespace {

std::size_t indent_of(std::string_view line) {
    return std::min(line.find_first_not_of(' '), line.size());
}

bool is_blank_or_comment(std::string_view line) {
    const auto text = trim(line);
    return text.empty() || text.starts_with('#');
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::string text_of(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) {
        text += line + "\n";
    }
    return text;
}

/// Escaped as YAML and JSON have it in common.
std::string quoted(std::string_view text) {
    return '"' + escape_for_json(text) + '"';
}

std::string scalar_text(const Node& node) {
    if (node.is_null()) {
        return "null";
    }
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789_.-/@";
    const bool is_plain = !node.text.empty() && node.text.front() != '-' &&
                          node.text.front() != '@' && node.text.front() != '.' &&
                          node.text.find_first_not_of(plain) == std::string::npos &&
                          !equal_ignoring_case(node.text, "null");
    Node unquoted = node;
    unquoted.was_quoted = false;
    const bool is_text = scalar_type(unquoted) == ScalarType::string;
    const bool is_as_written = is_text ? is_plain : !node.was_quoted;
    return is_as_written ? node.text : quoted(node.text);
}

void append_value(const Node& node, std::size_t indent, std::vector<std::string>& lines);

/// `head` with its value behind or below it.
void append_entry(const std::string& head,
                  const Node& value,
                  std::size_t indent,
                  std::vector<std::string>& lines) {
    const std::string start = std::string(indent, ' ') + head;
    if (value.is_map() && value.entries.empty()) {
        lines.push_back(start + " {}");
    } else if (value.kind == Node::Kind::sequence && value.items.empty()) {
        lines.push_back(start + " []");
    } else if (value.is_map() || value.kind == Node::Kind::sequence) {
        lines.push_back(start);
        append_value(value, indent + 2, lines);
    } else {
        lines.push_back(start + " " + scalar_text(value));
    }
}

void append_value(const Node& node, std::size_t indent, std::vector<std::string>& lines) {
    for (const auto& entry : node.entries) {
        append_entry(scalar_text(make_scalar(entry.key, 0)) + ":", entry.value, indent, lines);
    }
    for (const auto& item : node.items) {
        append_entry("-", item, indent, lines);
    }
}

/// The tree that the edited document has to have.
Node wanted_tree(Node root, const std::string& name, const Node* properties) {
    root.kind = Node::Kind::map;
    auto found = std::ranges::find(root.entries, "connections", &Node::Entry::key);
    if (found == root.entries.end()) {
        if (properties == nullptr) {
            return root;
        }
        found = root.entries.insert(root.entries.end(), {"connections", 0, {}});
    }
    Node& connections = found->value;
    const auto is_it = [&](const Node::Entry& entry) {
        return equal_ignoring_case(entry.key, name);
    };
    if (properties == nullptr) {
        std::erase_if(connections.entries, is_it);
    } else if (const auto own = std::ranges::find_if(connections.entries, is_it);
               own != connections.entries.end()) {
        own->value = *properties;
    } else {
        connections.entries.push_back({name, 0, *properties});
    }
    connections.kind = connections.entries.empty() ? Node::Kind::null : Node::Kind::map;
    return root;
}

/// One past the last line of the entry that begins at `first`: deeper lines are its own, but not
/// what is said above its neighbour.
std::size_t
end_of_entry(const std::vector<std::string>& lines, std::size_t first, std::size_t indent) {
    std::size_t end = first + 1;
    for (std::size_t i = end; i < lines.size(); ++i) {
        if (!is_blank_or_comment(lines[i]) && indent_of(lines[i]) <= indent) {
            break;
        }
        if (!trim(lines[i]).empty() && indent_of(lines[i]) > indent) {
            end = i + 1;
        }
    }
    return end;
}

/// Changes the lines of one connection and no other.
class Editor {
public:
    /// `root` and `name` must outlive it.
    Editor(const std::string& text, const Node& root, const std::string& name)
        : lines_(lines_of(text)), root_(root), name_(name) {}

    /// Nothing where the connections are not written one below the other.
    std::optional<std::string> edit(const Node* properties) {
        const auto* connections = root_.find("connections");
        if (connections == nullptr) {
            if (properties != nullptr) {
                lines_.emplace_back("connections:");
                insert(lines_.size(), 2, name_, *properties);
            }
            return text_of(lines_);
        }
        const auto head = static_cast<std::size_t>(connections->line);
        if (head == 0 || head > lines_.size()) {
            return std::nullopt;
        }
        if (connections->value.entries.empty()) {
            return edit_empty(head, properties);
        }
        return edit_block(connections->value, head, properties);
    }

private:
    std::optional<std::string> edit_empty(std::size_t head, const Node* properties) {
        if (properties == nullptr) {
            return text_of(lines_);
        }
        std::string& line = lines_[head - 1];
        const auto colon = line.find(':');
        if (colon == std::string::npos) {
            return std::nullopt;
        }
        if (!is_blank_or_comment(std::string_view(line).substr(colon + 1))) {
            line.resize(colon + 1); // `{}`, `~` or null.
        }
        insert(head, 2, name_, *properties);
        return text_of(lines_);
    }

    std::optional<std::string>
    edit_block(const Node& connections, std::size_t head, const Node* properties) {
        const auto first = static_cast<std::size_t>(connections.entries.front().line);
        if (first <= head || first > lines_.size()) {
            return std::nullopt; // In braces.
        }
        const auto indent = indent_of(lines_[first - 1]);
        for (const auto& entry : connections.entries) {
            if (!equal_ignoring_case(entry.key, name_)) {
                continue;
            }
            const auto begin = static_cast<std::size_t>(entry.line);
            if (begin == 0 || begin > lines_.size()) {
                return std::nullopt;
            }
            const auto end = end_of_entry(lines_, begin - 1, indent);
            lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(begin) - 1,
                         lines_.begin() + static_cast<std::ptrdiff_t>(end));
            if (properties != nullptr) {
                insert(begin - 1, indent, entry.key, *properties);
            }
            return text_of(lines_);
        }
        if (properties != nullptr) {
            const auto last = static_cast<std::size_t>(connections.entries.back().line);
            insert(end_of_entry(lines_, last - 1, indent), indent, name_, *properties);
        }
        return text_of(lines_);
    }

    void
    insert(std::size_t at, std::size_t indent, const std::string& key, const Node& properties) {
        std::vector<std::string> block;
        append_entry(scalar_text(make_scalar(key, 0)) + ":", properties, indent, block);
        lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(at), block.begin(), block.end());
    }

    std::vector<std::string> lines_;
    const Node& root_;
    const std::string& name_;
};

/// A document in braces, unless somebody has written comments into it.
std::optional<std::string> written_anew(const std::string& text, const Node& tree) {
    if (!trim(text).starts_with('{') || text.find('#') != std::string::npos) {
        return std::nullopt;
    }
    std::vector<std::string> lines;
    append_value(tree, 0, lines);
    return text_of(lines);
}

} // namespace

bool is_same_tree(const Node& a, const Node& b) {
    if (a.kind != b.kind || a.text != b.text || a.items.size() != b.items.size() ||
        a.entries.size() != b.entries.size() ||
        (a.is_scalar() && scalar_type(a) != scalar_type(b))) {
        return false;
    }
    return std::ranges::equal(a.items, b.items, is_same_tree) &&
           std::ranges::equal(a.entries, b.entries, [](const auto& one, const auto& other) {
               return one.key == other.key && is_same_tree(one.value, other.value);
           });
}

std::optional<std::string> edit_env_yaml(const std::string& text,
                                         const std::string& file,
                                         const std::string& name,
                                         const Node* properties,
                                         Problems& problems) {
    auto root = parse_yaml(text, file, problems);
    if (!root) {
        return std::nullopt;
    }
    const auto* connections = root->find("connections");
    const bool has_wrong_shape =
        (!root->is_map() && !root->is_null()) ||
        (connections != nullptr && !connections->value.is_map() && !connections->value.is_null());
    if (has_wrong_shape) {
        problems.error(file, root->line, "", "expected a map with `connections`; left as it is");
        return std::nullopt;
    }
    const Node wanted = wanted_tree(*root, name, properties);
    auto edited = trim(text).starts_with('{') ? written_anew(text, wanted)
                                              : Editor(text, *root, name).edit(properties);
    Problems unheard;
    const auto read_back = edited ? parse_yaml(*edited, file, unheard) : std::nullopt;
    const bool is_both_empty = read_back && read_back->is_null() && wanted.entries.empty();
    if (!read_back || (!is_same_tree(*read_back, wanted) && !is_both_empty)) {
        problems.error(file,
                       connections != nullptr ? connections->line : 0,
                       "connections",
                       "this is written in a way that can not be edited without harm (braces, "
                       "anchors, keys that appear twice); left as it is: edit it by hand");
        return std::nullopt;
    }
    return edited;
}

} // namespace zohosyncd
