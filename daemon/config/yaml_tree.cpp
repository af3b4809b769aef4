#include "daemon/config/yaml_tree.hpp"

#include "daemon/config/words.hpp"
#include "daemon/config/yaml_errors.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <set>
#include <sstream>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace zohosyncd {
namespace {

constexpr std::size_t most_nodes = 10'000; // Contract §4: aliases of aliases grow without bound.
constexpr std::size_t deepest = 64;        // Real files need six; the tree's walkers recurse.

// Private-use characters: legal in YAML, meaningless to it, and in nobody's configuration.
constexpr std::string_view mark_begin = "\xEE\x80\x80";
constexpr std::string_view mark_end = "\xEE\x80\x81";

constexpr std::size_t longest_variable = 255; // So that many braces do not cost a search each.

struct TreeError : std::runtime_error {
    TreeError(int at, const std::string& message) : std::runtime_error(message), line(at) {}

    int line;
};

std::size_t count_nodes(const Node& node) {
    std::size_t count = 1;
    for (const auto& item : node.items) {
        count += count_nodes(item);
    }
    for (const auto& entry : node.entries) {
        count += count_nodes(entry.value);
    }
    return count;
}

std::size_t depth_of(const Node& node) {
    std::size_t deepest_child = 0;
    for (const auto& item : node.items) {
        deepest_child = std::max(deepest_child, depth_of(item));
    }
    for (const auto& entry : node.entries) {
        deepest_child = std::max(deepest_child, depth_of(entry.value));
    }
    const bool is_leaf = node.kind == Node::Kind::null || node.kind == Node::Kind::scalar;
    return deepest_child + (is_leaf ? 0 : 1);
}

/// Only the first document of a text counts.
struct NextDocument {
    int line; ///< From 0.
};

/// Builds the tree from the parser's events, because its own document type loses repeated keys
/// and whether a scalar was quoted.
class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(const std::string& file, Problems& problems, const Substitutions& substitutions)
        : file_(file), problems_(problems), substitutions_(substitutions) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (has_begun_) {
            throw NextDocument{mark.line};
        }
        has_begun_ = true;
    }

    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add(make(Node::Kind::null, mark), anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) {
            throw TreeError(mark.line + 1, "an alias refers to the block that it stands in");
        }
        count(count_nodes(found->second), mark.line + 1);
        require_depth(frames_.size() + depth_of(found->second), mark.line + 1);
        add(found->second, 0);
    }

    void OnScalar(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  const std::string& value) override {
        Node node = make(Node::Kind::scalar, mark);
        node.text = substitutions_.fill(value);
        node.was_quoted = tag != "?";
        if (!node.was_quoted) {
            check_beginning(node);
        }
        if (!node.was_quoted && (node.text.empty() || node.text == "~" || node.text == "null")) {
            node.kind = Node::Kind::null; // A variable with nothing in it.
            node.text.clear();
        }
        add(std::move(node), anchor);
    }

    void OnSequenceStart(const YAML::Mark& mark,
                         const std::string& /*tag*/,
                         YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override {
        open(Node::Kind::sequence, mark, anchor);
    }

    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark,
                    const std::string& /*tag*/,
                    YAML::anchor_t anchor,
                    YAML::EmitterStyle::value /*style*/) override {
        open(Node::Kind::map, mark, anchor);
    }

    void OnMapEnd() override {
        frames_.back().node.entries = merge(std::move(frames_.back().pairs));
        close();
    }

    Node take() { return std::move(root_); }

    /// From 1: of what was read last.
    [[nodiscard]] int last_line() const { return last_line_; }

private:
    struct Pair {
        Node key;
        Node value;

        [[nodiscard]] bool is_merge() const { return key.text == "<<" && !key.was_quoted; }
    };

    struct Frame {
        Node node;
        YAML::anchor_t anchor = 0;
        std::optional<Node> key;
        std::vector<Pair> pairs;
    };

    Node make(Node::Kind kind, const YAML::Mark& mark) {
        count(1, mark.line + 1);
        last_line_ = mark.line + 1;
        Node node;
        node.kind = kind;
        node.line = mark.line + 1;
        node.column = mark.column + 1;
        return node;
    }

    /// Characters that look like what YAML knows, and are a part of the text for it.
    void check_beginning(const Node& scalar) {
        if (scalar.text.starts_with("\xC2\xA0")) {
            throw TreeError(scalar.line,
                            "a non-breaking space in front of the text: YAML is indented with "
                            "plain spaces");
        }
        for (const std::string_view quote :
             {"\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x9E", "\xE2\x80\x98", "\xE2\x80\x99"}) {
            if (scalar.text.starts_with(quote)) {
                problems_.warn(file_,
                               scalar.line,
                               path_of(""),
                               "begins with a typographic quote, which is taken as a part of the "
                               "text: write \" or '");
            }
        }
    }

    void count(std::size_t nodes, int line) {
        count_ += nodes;
        if (count_ > most_nodes) {
            throw TreeError(line, "too many nodes: more than 10000 with all aliases resolved");
        }
    }

    static void require_depth(std::size_t depth, int line) {
        if (depth > deepest) {
            throw TreeError(line, "nested too deeply: more than 64 levels");
        }
    }

    void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
        require_depth(frames_.size() + 1, mark.line + 1);
        frames_.push_back({make(kind, mark), anchor, std::nullopt, {}});
    }

    void close() {
        Frame frame = std::move(frames_.back());
        frames_.pop_back();
        add(std::move(frame.node), frame.anchor);
    }

    void add(Node node, YAML::anchor_t anchor) {
        if (anchor != 0) {
            anchors_[anchor] = node;
        }
        if (frames_.empty()) {
            root_ = std::move(node);
            return;
        }
        Frame& frame = frames_.back();
        if (frame.node.kind == Node::Kind::sequence) {
            frame.node.items.push_back(std::move(node));
        } else if (!frame.key) {
            if (!node.is_scalar()) {
                throw TreeError(node.line, "a key must be plain text");
            }
            frame.key = std::move(node);
        } else {
            if (node.is_null() || node.is_map()) {
                node.line = frame.key->line; // Where one looks for what is missing in it.
            }
            frame.pairs.push_back({std::move(*frame.key), std::move(node)});
            frame.key.reset();
        }
    }

    /// Resolves merge keys as YAML 1.1 does: what is written out wins, then the earlier merge.
    std::vector<Node::Entry> merge(std::vector<Pair> pairs) {
        std::set<std::string> written;
        for (const auto& pair : pairs) {
            if (!pair.is_merge()) {
                written.insert(pair.key.text);
            }
        }
        std::vector<Node::Entry> entries;
        std::unordered_map<std::string, std::size_t> places;
        const auto merge_map = [&](const Node& map) {
            if (!map.is_map()) {
                throw TreeError(map.line, "`<<` takes a map or a list of maps");
            }
            for (const auto& entry : map.entries) {
                if (!written.contains(entry.key) &&
                    places.emplace(entry.key, entries.size()).second) {
                    entries.push_back(entry);
                }
            }
        };
        for (auto& pair : pairs) {
            if (pair.is_merge() && pair.value.kind == Node::Kind::sequence) {
                std::ranges::for_each(pair.value.items, merge_map);
            } else if (pair.is_merge()) {
                merge_map(pair.value);
            } else {
                set(entries, places, std::move(pair));
            }
        }
        return entries;
    }

    /// The last of repeated keys wins, in the place of the first.
    void set(std::vector<Node::Entry>& entries,
             std::unordered_map<std::string, std::size_t>& places,
             Pair pair) {
        const auto [place, is_new] = places.emplace(pair.key.text, entries.size());
        Node::Entry entry{pair.key.text, pair.key.line, std::move(pair.value)};
        if (is_new) {
            entries.push_back(std::move(entry));
            return;
        }
        Node::Entry& first = entries[place->second];
        problems_.warn(file_,
                       entry.line,
                       path_of(entry.key),
                       "given twice, in lines " + std::to_string(first.line) + " and " +
                           std::to_string(entry.line) + "; the last one counts");
        first = std::move(entry);
    }

    [[nodiscard]] std::string path_of(const std::string& key) const {
        std::string path;
        for (const auto& frame : frames_) {
            if (frame.key) {
                path += frame.key->text + ".";
            }
        }
        path += key;
        if (path.ends_with('.')) {
            path.pop_back();
        }
        return path;
    }

    const std::string& file_;
    Problems& problems_;
    const Substitutions& substitutions_;
    Node root_;
    std::vector<Frame> frames_;
    std::unordered_map<YAML::anchor_t, Node> anchors_;
    std::size_t count_ = 0;
    int last_line_ = 1;
    bool has_begun_ = false;
};

/// Whatever follows a document without the mark of another one, the parser would leave out, as if
/// the file ended there.
void require_marker(const std::string& text, int line) {
    if (!yaml_line(text, line).starts_with("---")) {
        throw TreeError(line + 1,
                        "text behind the end of the document: a bracket is closed too early, or "
                        "this line is indented less than the first one");
    }
}

} // namespace

const Node::Entry* Node::find(std::string_view key) const {
    const Entry* similar = nullptr;
    for (const auto& entry : entries) {
        if (entry.key == key) {
            return &entry;
        }
        if (similar == nullptr && equal_ignoring_case(entry.key, key)) {
            similar = &entry;
        }
    }
    return similar;
}

Node make_scalar(std::string text, int line) {
    Node node;
    node.kind = Node::Kind::scalar;
    node.text = std::move(text);
    node.was_quoted = true;
    node.line = line;
    return node;
}

std::optional<bool> as_boolean(const Node& node) {
    if (!node.is_scalar() || node.was_quoted) {
        return std::nullopt;
    }
    const std::string word = lower(node.text);
    const std::string capital =
        upper(word.substr(0, 1)) + word.substr(std::min<std::size_t>(1, word.size()));
    if (node.text != word && node.text != upper(word) && node.text != capital) {
        return std::nullopt;
    }
    if (word == "y" || word == "yes" || word == "on" || word == "true") {
        return true;
    }
    if (word == "n" || word == "no" || word == "off" || word == "false") {
        return false;
    }
    return std::nullopt;
}

ScalarType scalar_type(const Node& scalar) {
    if (scalar.was_quoted) {
        return ScalarType::string;
    }
    if (as_boolean(scalar)) {
        return ScalarType::boolean;
    }
    std::string digits = scalar.text;
    std::erase(digits, '_');
    std::string_view rest = digits;
    if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
        rest.remove_prefix(1);
    }
    if (rest.starts_with("0x") || rest.starts_with("0b") || rest.starts_with("0o")) {
        std::uint64_t number = 0;
        const int base = rest[1] == 'x' ? 16 : rest[1] == 'b' ? 2 : 8;
        const auto [end, error] =
            std::from_chars(rest.data() + 2, rest.data() + rest.size(), number, base);
        return error == std::errc{} && end == rest.data() + rest.size() ? ScalarType::number
                                                                        : ScalarType::string;
    }
    double number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    const bool is_number = error != std::errc::invalid_argument &&
                           end == rest.data() + rest.size() &&
                           rest.find_first_of("0123456789") != std::string_view::npos;
    return is_number ? ScalarType::number : ScalarType::string;
}

std::string Substitutions::mark(std::string_view text,
                                std::string_view opening,
                                std::string_view closing,
                                const std::map<std::string, std::string>& values) {
    std::string result;
    while (!text.empty()) {
        const auto begin = text.find(opening);
        const auto name_begin = begin + opening.size();
        if (begin == std::string_view::npos) {
            break;
        }
        const auto near = text.substr(name_begin, longest_variable + closing.size());
        const auto length = std::min(near.find(closing), near.size());
        const auto end = name_begin + length;
        const auto found = values.find(std::string(near.substr(0, length)));
        const bool is_shell_form = opening == "{" && begin > 0 && text[begin - 1] == '$';
        const bool is_closed = length < near.size();
        // A shell variable without a value stays as it is written, also where its braces would be
        // read as a map.
        const bool is_literal = opening == "${" && is_plain_identifier(near.substr(0, length));
        if (!is_closed || is_shell_form || (found == values.end() && !is_literal)) {
            result += text.substr(0, name_begin);
            text.remove_prefix(name_begin);
            continue;
        }
        result += text.substr(0, begin);
        result += std::string(mark_begin) + std::to_string(values_.size()) + std::string(mark_end);
        values_.push_back(found != values.end()
                              ? found->second
                              : std::string(text.substr(begin, end + closing.size() - begin)));
        text.remove_prefix(end + closing.size());
    }
    return result + std::string(text);
}

std::string Substitutions::fill(std::string_view text) const {
    std::string result;
    for (auto begin = text.find(mark_begin); begin != std::string_view::npos;
         begin = text.find(mark_begin)) {
        const char* digits = text.data() + begin + mark_begin.size();
        std::size_t index = 0;
        const auto [end, error] = std::from_chars(digits, text.data() + text.size(), index);
        const auto after = static_cast<std::size_t>(end - text.data());
        if (error != std::errc{} || index >= values_.size() ||
            text.substr(after, mark_end.size()) != mark_end) {
            result += text.substr(0, begin + mark_begin.size()); // The user's own character.
            text.remove_prefix(begin + mark_begin.size());
            continue;
        }
        result += text.substr(0, begin);
        result += values_[index];
        text.remove_prefix(after + mark_end.size());
    }
    return result + std::string(text);
}

std::optional<Node> parse_yaml(const std::string& text,
                               const std::string& file,
                               Problems& problems,
                               const Substitutions& substitutions) {
    if (const auto mistake = not_a_text(text)) {
        problems.error(file, mistake->line, "", mistake->message);
        return std::nullopt;
    }
    TreeBuilder builder(file, problems, substitutions);
    try {
        // The comment, because a quote that is open at the begin of a line swallows the rest of the
        // file without an error.
        std::istringstream stream(text.ends_with('\n') ? text + "#" : text);
        YAML::Parser parser(stream);
        parser.HandleNextDocument(builder);
        try {
            parser.HandleNextDocument(builder);
        } catch (const NextDocument& next) {
            require_marker(text, next.line);
            problems.warn(
                file,
                next.line + 1,
                "",
                "only the first document of a file counts; what follows `---` is ignored");
        }
        return builder.take();
    } catch (const TreeError& error) {
        problems.error(file, error.line, "", error.what());
    } catch (const YAML::ParserException& error) {
        const auto mistake = explain_yaml(
            {error.msg, error.mark.line, error.mark.column}, builder.last_line(), text);
        problems.error(file, mistake.line, "", mistake.message);
    } catch (const YAML::Exception& error) {
        problems.error(file, 0, "", "Error parsing yaml content");
    }
    return std::nullopt;
}

void relocate(Node& node, int line) {
    node.line = line;
    for (auto& item : node.items) {
        relocate(item, line);
    }
    for (auto& entry : node.entries) {
        entry.line = line;
        relocate(entry.value, line);
    }
}

} // namespace zohosyncd
