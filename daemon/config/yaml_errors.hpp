#pragma once

#include <optional>
#include <string>

namespace zohosyncd {

struct TextMistake {
    int line; ///< From 1.
    std::string message;
};

/// Why the text is none that a YAML file could hold; the parser would take some of its bytes for
/// the end of the file.
std::optional<TextMistake> not_a_text(const std::string& text);

/// A line of the text, from 0; empty behind its end.
std::string yaml_line(const std::string& text, int number);

/// What the parser says, and where, from 0.
struct ParserMessage {
    std::string text;
    int line;
    int column;
};

/// The same for people: with what a user who made the usual mistakes has to change, and never with
/// a piece of the text, which may be a secret. `last_line`, from 1, is that of the last value that
/// was read whole.
TextMistake explain_yaml(const ParserMessage& message, int last_line, const std::string& text);

} // namespace zohosyncd
