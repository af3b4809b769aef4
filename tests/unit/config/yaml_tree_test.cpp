#include "daemon/config/yaml_tree.hpp"
#include "tests/unit/config/config_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

/// The tree on one line: quoted scalars in quotes, null as ~.
std::string show(const Node& node) {
    std::string text;
    switch (node.kind) {
    case Node::Kind::null:
        return "~";
    case Node::Kind::scalar:
        return node.was_quoted ? "'" + node.text + "'" : node.text;
    case Node::Kind::sequence:
        for (const auto& item : node.items) {
            text += (text.empty() ? "" : ",") + show(item);
        }
        return "[" + text + "]";
    case Node::Kind::map:
        for (const auto& entry : node.entries) {
            text += (text.empty() ? "" : ",") + entry.key + ":" + show(entry.value);
        }
        return "{" + text + "}";
    }
    return text;
}

struct Parsed {
    std::string tree;
    std::vector<std::string> problems;
};

Parsed parse(const std::string& text) {
    Problems problems;
    const auto node = parse_yaml(text, "f", problems);
    return {node ? show(*node) : "nothing", texts(problems)};
}

TEST_CASE("documents become plain trees") {
    struct Case {
        const char* name;
        const char* text;
        const char* want;
    };

    const Case cases[] = {
        {"order is kept", "b: 1\na: 2\n", "{b:1,a:2}"},
        {"quotes are remembered", "a: 'yes'\nb: yes\n", "{a:'yes',b:yes}"},
        {"three ways of nothing", "a:\nb: ~\nc: null\n", "{a:~,b:~,c:~}"},
        {"an empty quoted text is not nothing", "a: ''\n", "{a:''}"},
        {"a block text is a string", "a: |\n  on\n", "{a:'on\n'}"},
        {"a block text keeps its last line ends", "a: |+\n  on\n\n", "{a:'on\n\n'}"},
        {"the end of a document", "a: 1\n...\n# end\n", "{a:1}"},
        {"nothing at all", "", "~"},
        {"only a comment", "# a: 1\n", "~"},
        {"JSON", "{\n\t\"a\": [1, true],\n\t\"b\": {\"c\": null}\n}", "{a:[1,true],b:{c:~}}"},
        {"Windows line ends", "a: 1\r\nb:\r\n  c: 2\r\n", "{a:1,b:{c:2}}"},
        {"flow with empty values", "{leads: , contacts: }", "{leads:~,contacts:~}"},
        {"an alias", "a: &x {b: 1}\nc: *x\n", "{a:{b:1},c:{b:1}}"},
        {"an alias of a scalar as a key", "a: &x k\n*x : 1\n", "{a:k,k:1}"},
        {"a merge key", "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n", "{a:{b:1,c:2},d:{b:1,c:3}}"},
        {"a merge before the key it yields to", "d: {c: 3, <<: {c: 4, e: 5}}\n", "{d:{c:3,e:5}}"},
        {"of several merges the first wins", "d: {<<: [{a: 1}, {a: 2, b: 3}]}\n", "{d:{a:1,b:3}}"},
        {"a merge of a merge",
         "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}\n",
         "{a:{x:1},b:{x:1,y:2},c:{x:1,y:2}}"},
        {"a quoted << is a key like any other", "'<<': 1\n", "{<<:1}"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        const auto parsed = parse(c.text);
        CHECK(parsed.tree == c.want);
        CHECK(parsed.problems == std::vector<std::string>{});
    }
}

TEST_CASE("only the first document counts, and another one is told") {
    for (const char* text : {"a: 1\n---\nb: 2\n", "{a: 1}\n---\n}\n"}) {
        CAPTURE(text);
        const auto parsed = parse(text);
        CHECK(parsed.tree == "{a:1}");
        CHECK(parsed.problems ==
              std::vector<std::string>{"warning: f:2: only the first document of a file counts; "
                                       "what follows `---` is ignored"});
    }
}

TEST_CASE("a typographic quote is a part of the text, and told") {
    const auto parsed = parse("a:\n  b: \xE2\x80\x9C"
                              "c\xE2\x80\x9D\n");
    CHECK(parsed.problems ==
          std::vector<std::string>{"warning: f:2: a.b: begins with a typographic quote, which is "
                                   "taken as a part of the text: write \" or '"});
}

TEST_CASE("the last of repeated keys counts, with a warning that has both lines") {
    const auto parsed = parse("a:\n  b: 1\n  c: 2\n  b: 3\n");

    CHECK(parsed.tree == "{a:{b:3,c:2}}");
    CHECK(parsed.problems ==
          std::vector<std::string>{
              "warning: f:4: a.b: given twice, in lines 2 and 4; the last one counts"});
}

TEST_CASE("what is no YAML is an error with its line") {
    struct Case {
        const char* name;
        std::string text;
        const char* want;
    };

    std::string deep;
    std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 9; ++i) {
        const std::string last = "*a" + std::to_string(i - 1);
        const std::string name = "a" + std::to_string(i);
        bomb += name + ": &" + name + " [" + last;
        for (int j = 0; j < 9; ++j) {
            bomb += "," + last;
        }
        bomb += "]\n";
    }
    const Case cases[] = {
        {"two values",
         "a: 1\nb: c: d\n",
         "f:2: Error parsing yaml content: illegal map value; look at the indentation of this line "
         "and of the one above, for the space behind each `:`, and quote a text that has `: ` in "
         "it"},
        {"an open list",
         "a: [1\n",
         "f:1: Error parsing yaml content: end of sequence flow not found; a `[` is not closed"},
        {"tabs",
         "a:\n\tb:\n\t\tc: 1\n",
         "f:2: Error parsing yaml content: illegal map value; YAML is indented with spaces, not "
         "with "
         "tabs"},
        {"a pattern without quotes",
         "streams:\n  *s:\n",
         "f:2: Error parsing yaml content: the referenced anchor is not defined; a text that "
         "begins "
         "with `*` must be quoted"},
        {"a schedule without quotes",
         "a: @every 5m\n",
         "f:1: Error parsing yaml content: unknown token; a text that begins with `@` must be "
         "quoted"},
        {"an alias to itself",
         "a: &x\n  b: *x\n",
         "f:2: an alias refers to the block that it stands in"},
        {"text behind a bracket that closes too early",
         "{a: {\n  b: 1\n}}\n  c: 2\n}\n",
         "f:4: text behind the end of the document: a bracket is closed too early, or this line is "
         "indented less than the first one"},
        {"a line that is indented less than the first one",
         "  a: 1\nb: 2\n",
         "f:2: text behind the end of the document: a bracket is closed too early, or this line is "
         "indented less than the first one"},
        {"a list as a key", "? [a]\n: b\n", "f:1: a key must be plain text"},
        {"a merge of no map", "a: {<<: 1}\n", "f:1: `<<` takes a map or a list of maps"},
        {"aliases of aliases",
         bomb,
         "f:4: too many nodes: more than 10000 with all aliases resolved"},
        {"depth", std::string(65, '['), "f:1: nested too deeply: more than 64 levels"},
        {"depth by an alias",
         "a: &a " + std::string(40, '[') + std::string(40, ']') + "\nb: " + std::string(40, '[') +
             "*a" + std::string(40, ']') + "\n",
         "f:2: nested too deeply: more than 64 levels"},
        {"a NUL",
         std::string("a: 1\nb: \0c\n", 11),
         "f:2: not a text file: it holds a control character"},
        {"an end-of-file character",
         "a: 1\n\x04",
         "f:2: not a text file: it holds a control character"},
        {"a quote that is never closed",
         "a: 1\nb: \"c\nd: e\n",
         "f:2: Error parsing yaml content: a quote that begins here is never closed"},
        {"a single quote that is never closed",
         "a: 'b",
         "f:1: Error parsing yaml content: a quote that begins here is never closed"},
        {"a text that begins with a brace",
         "a: {b}.{c}\n",
         "f:1: Error parsing yaml content: end of map not found; a text that begins with `{` must "
         "be quoted"},
        {"a non-breaking space",
         "a:\n\xC2\xA0 b: 1\n",
         "f:2: a non-breaking space in front of the text: YAML is indented with plain spaces"},
        {"UTF-16", "\xFF\xFE", "f:1: the file is in UTF-16: save it in UTF-8"},
        {"Latin-1", "a: M\xFCller\n", "f:1: not a text in UTF-8: save the file in UTF-8"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        const auto parsed = parse(c.text);
        CHECK(parsed.tree == "nothing");
        CHECK(parsed.problems == std::vector<std::string>{c.want});
    }
}

TEST_CASE("YAML 1.1 says what an unquoted word is") {
    struct Case {
        const char* text;
        ScalarType type;
        std::optional<bool> boolean;
    };

    const Case cases[] = {
        {"y", ScalarType::boolean, true},     {"Yes", ScalarType::boolean, true},
        {"ON", ScalarType::boolean, true},    {"true", ScalarType::boolean, true},
        {"N", ScalarType::boolean, false},    {"no", ScalarType::boolean, false},
        {"Off", ScalarType::boolean, false},  {"FALSE", ScalarType::boolean, false},
        {"'on'", ScalarType::string, {}},     {"oN", ScalarType::string, {}},
        {"!!str on", ScalarType::string, {}}, {"5", ScalarType::number, {}},
        {"-1.5e3", ScalarType::number, {}},   {"1_000", ScalarType::number, {}},
        {"0x1F", ScalarType::number, {}},     {"010", ScalarType::number, {}},
        {"5m", ScalarType::string, {}},       {"2024-01-01", ScalarType::string, {}},
        {"1.2.3", ScalarType::string, {}},    {"0x", ScalarType::string, {}},
        {"0xyz", ScalarType::string, {}},     {"nan", ScalarType::string, {}},
        {"infinity", ScalarType::string, {}}, {"-", ScalarType::string, {}},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        Problems problems;
        const auto node = parse_yaml(std::string("[") + c.text + "]", "f", problems);
        REQUIRE(node);
        CHECK(scalar_type(node->items.at(0)) == c.type);
        CHECK(as_boolean(node->items.at(0)) == c.boolean);
    }
}

TEST_CASE("values that are put in can not change the structure") {
    struct Case {
        const char* name;
        const char* text;
        const char* value;
        const char* want;
    };

    const Case cases[] = {
        {"in the middle", "a: x${V}y\n", "1", "{a:x1y}"},
        {"inside a flow map", "{a: ${V}, b: 2}", "1", "{a:1,b:2}"},
        {"a comment sign", "a: ${V}\nb: 1\n", "p #q", "{a:p #q,b:1}"},
        {"new lines and colons", "a: ${V}\n", "x\nb: 2", "{a:x\nb: 2}"},
        {"quotes", "a: \"${V}\"\n", "x\"\\", "{a:'x\"\\'}"},
        {"a key", "${V}: 1\n", "k", "{k:1}"},
        {"nothing in it", "a: ${V}\n", "", "{a:~}"},
        {"no such variable", "a: x-${W}\n", "1", "{a:x-${W}}"},
        {"the mark's own characters", "a: \xEE\x80\x80 ${V}\n", "1", "{a:\xEE\x80\x80 1}"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        Problems problems;
        Substitutions substitutions;
        const auto marked = substitutions.mark(c.text, "${", "}", {{"V", c.value}});
        const auto node = parse_yaml(marked, "f", problems, substitutions);
        REQUIRE(node);
        CHECK(show(*node) == c.want);
    }
}

} // namespace
} // namespace zohosyncd
