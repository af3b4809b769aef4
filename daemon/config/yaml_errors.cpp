#include "daemon/config/yaml_errors.hpp"

#include "daemon/config/words.hpp"
#include "daemon/core/text.hpp"

#include <algorithm>
#include <sstream>
#include <string_view>

namespace zohosyncd {
namespace {

struct Advice {
    std::string_view message; ///< As the parser has it.
    std::string_view text;
};

constexpr Advice advices[] = {
    {"illegal map value",
     "look at the indentation of this line and of the one above, for the space behind each `:`, "
     "and quote a text that has `: ` in it"},
    {"end of map not found",
     "look at the indentation, and quote a text that begins with `{` or `[`"},
    {"end of map flow not found",
     "a `{` is not closed, or a text with `: ` or `,` in it not quoted"},
    {"end of sequence not found", "look at the indentation, and at the space behind each `-`"},
    {"end of sequence flow not found", "a `[` is not closed"},
    {"illegal flow end", "a `}` or `]` closes what was not opened that way"},
};

/// Whether the value in a line of the form `key: value` begins with a brace and goes on behind it:
/// `{a}.{b}`, as is usual for objects.
bool has_open_template(std::string_view line) {
    const auto colon = line.find(": ");
    const auto value = colon == std::string_view::npos ? "" : trim(line.substr(colon + 2));
    const auto end = value.find('}');
    return value.starts_with('{') && end != std::string_view::npos && end + 1 < value.size() &&
           value.substr(1, end - 1).find(':') == std::string_view::npos;
}

std::string advice_for(std::string_view message, std::size_t column, std::string_view line) {
    const char at = column < line.size() ? line[column] : ' ';
    if (at == '*') {
        return "a text that begins with `*` must be quoted";
    }
    if (at == '@' || at == '`' || at == '%') {
        return std::string("a text that begins with `") + at + "` must be quoted";
    }
    if (line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos) {
        return "YAML is indented with spaces, not with tabs";
    }
    if (has_open_template(line)) {
        return "a text that begins with `{` must be quoted";
    }
    const auto* const found = std::ranges::find(advices, message, &Advice::message);
    return found != std::end(advices) ? std::string(found->text) : "";
}

std::optional<int> line_of_first(const std::string& text, bool (*is_wrong)(unsigned char)) {
    int line = 1;
    for (const char c : text) {
        if (is_wrong(static_cast<unsigned char>(c))) {
            return line;
        }
        line += c == '\n' ? 1 : 0;
    }
    return std::nullopt;
}

int number_of_lines(const std::string& text) {
    const auto lines = static_cast<int>(std::ranges::count(text, '\n'));
    return std::max(1, text.ends_with('\n') ? lines : lines + 1);
}

int line_of_bad_utf8(const std::string& text) {
    std::istringstream lines(text);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        std::string clean;
        if (append_clean_utf8(clean, line) > 0) {
            return number;
        }
    }
    return 1;
}

} // namespace

std::optional<TextMistake> not_a_text(const std::string& text) {
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
        return TextMistake{1, "the file is in UTF-16: save it in UTF-8"};
    }
    const auto is_control = [](unsigned char byte) {
        return (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') || byte == 0x7F;
    };
    if (const auto line = line_of_first(text, is_control)) {
        return TextMistake{*line, "not a text file: it holds a control character"};
    }
    std::string clean;
    if (append_clean_utf8(clean, text) > 0) {
        return TextMistake{line_of_bad_utf8(text), "not a text in UTF-8: save the file in UTF-8"};
    }
    return std::nullopt;
}

std::string yaml_line(const std::string& text, int number) {
    std::istringstream lines(text);
    std::string line;
    for (int i = 0; i <= number; ++i) {
        if (!std::getline(lines, line)) {
            return "";
        }
    }
    return line;
}

TextMistake explain_yaml(const ParserMessage& message, int last_line, const std::string& text) {
    // The rest of some is a piece of the text.
    const std::string own = message.text.substr(0, message.text.find(": "));
    if (own == "illegal EOF in scalar") {
        return {last_line, "Error parsing yaml content: a quote that begins here is never closed"};
    }
    const auto column = static_cast<std::size_t>(std::max(message.column, 0));
    const std::string advice = advice_for(own, column, yaml_line(text, message.line));
    return {std::min(message.line + 1, number_of_lines(text)),
            "Error parsing yaml content: " + own + (advice.empty() ? "" : "; " + advice)};
}

} // namespace zohosyncd
