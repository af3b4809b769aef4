#include "daemon/core/text_template.hpp"

#include <algorithm>
#include <cstdio>

namespace zohosyncd {

bool is_variable_name(std::string_view text) {
    const auto is_letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, [&](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '.';
    });
}

TextTemplate::TextTemplate(std::string_view text) {
    std::string plain;
    while (!text.empty()) {
        const auto end = text.front() == '{' ? text.find('}') : std::string_view::npos;
        const bool is_variable =
            end != std::string_view::npos && is_variable_name(text.substr(1, end - 1));
        if (!is_variable) {
            plain += text.front();
            text.remove_prefix(1);
            continue;
        }
        if (!plain.empty()) {
            pieces_.push_back({false, std::move(plain)});
            plain.clear();
        }
        pieces_.push_back({true, std::string(text.substr(1, end - 1))});
        text.remove_prefix(end + 1);
    }
    if (!plain.empty()) {
        pieces_.push_back({false, std::move(plain)});
    }
}

std::vector<std::string> TextTemplate::variables() const {
    std::vector<std::string> names;
    for (const auto& piece : pieces_) {
        if (piece.is_variable) {
            names.push_back(piece.text);
        }
    }
    return names;
}

std::string TextTemplate::render(const Variables& values,
                                 const std::function<std::string(std::string_view)>& escape) const {
    std::string text;
    for (const auto& piece : pieces_) {
        if (!piece.is_variable) {
            text += piece.text;
        } else if (const auto found = values.find(piece.text); found != values.end()) {
            text += escape ? escape(found->second) : found->second;
        }
    }
    return text;
}

std::string escape_for_json(std::string_view value) {
    std::string result;
    for (const char c : value) {
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char code[8];
            std::snprintf(code, sizeof(code), "\\u%04x", static_cast<unsigned>(c));
            result += code;
        } else {
            result += c;
        }
    }
    return result;
}

std::string escape_for_sql(std::string_view value) {
    std::string result;
    for (const char c : value) {
        result += c == '\'' ? "''" : std::string(1, c);
    }
    return result;
}

} // namespace zohosyncd
