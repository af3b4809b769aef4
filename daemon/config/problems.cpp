#include "daemon/config/problems.hpp"

#include <algorithm>
#include <utility>

namespace zohosyncd {

std::string Problem::text() const {
    std::string text = file;
    if (!file.empty() && line > 0) {
        text += ":" + std::to_string(line);
    }
    // A message that quotes the key already need not be led by it.
    if (!key.empty() && message.find("`" + key + "`") == std::string::npos) {
        text += (text.empty() ? "" : ": ") + key;
    }
    return text + (text.empty() ? "" : ": ") + message;
}

void Problems::warn(std::string file, int line, std::string key, std::string message) {
    problems_.push_back(
        {Problem::Level::warning, std::move(file), line, std::move(key), std::move(message)});
}

void Problems::error(std::string file, int line, std::string key, std::string message) {
    problems_.push_back(
        {Problem::Level::error, std::move(file), line, std::move(key), std::move(message)});
}

void Problems::unsafe(std::string file, std::string key, std::string message) {
    problems_.push_back(
        {Problem::Level::unsafe_file, std::move(file), 0, std::move(key), std::move(message)});
}

void Problems::append(const Problems& others) {
    problems_.insert(problems_.end(), others.problems_.begin(), others.problems_.end());
}

bool Problems::has_errors() const {
    return std::ranges::any_of(
        problems_, [](const Problem& problem) { return problem.level != Problem::Level::warning; });
}

bool Problems::has_unsafe_file() const {
    return std::ranges::any_of(problems_, [](const Problem& problem) {
        return problem.level == Problem::Level::unsafe_file;
    });
}

} // namespace zohosyncd
