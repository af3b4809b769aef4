#include "daemon/app/check_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace zohosyncd {
namespace {

std::size_t count_of(const std::vector<CheckLine>& lines, CheckLine::Level level) {
    return static_cast<std::size_t>(
        std::count_if(lines.begin(), lines.end(), [level](const CheckLine& line) {
            return line.level == level;
        }));
}

} // namespace

const char* to_string(CheckLine::Level level) {
    switch (level) {
    case CheckLine::Level::ok:
        return "ok";
    case CheckLine::Level::warn:
        return "warn";
    case CheckLine::Level::fail:
        break;
    }
    return "FAIL";
}

void CheckReport::ok(std::string check, std::string text) {
    add({CheckLine::Level::ok, std::move(check), std::move(text)});
}

void CheckReport::warn(std::string check, std::string text, std::string place) {
    add({CheckLine::Level::warn, std::move(check), std::move(text), std::move(place)});
}

void CheckReport::fail(std::string check, std::string text, std::string place) {
    add({CheckLine::Level::fail, std::move(check), std::move(text), std::move(place)});
}

void CheckReport::fail_with(ExitCode code, std::string check, std::string text, std::string place) {
    // A secret that others can read is told first: contract §10.
    code_ = code_ == ExitCode::unsafe_file ? code_ : code;
    fail(std::move(check), std::move(text), std::move(place));
}

void CheckReport::add(CheckLine line) {
    lines_.push_back(std::move(line));
}

std::size_t CheckReport::failures() const {
    return count_of(lines_, CheckLine::Level::fail);
}

std::size_t CheckReport::warnings() const {
    return count_of(lines_, CheckLine::Level::warn);
}

ExitCode CheckReport::exit_code() const {
    if (code_ != ExitCode::ok) {
        return code_;
    }
    return failures() == 0 ? ExitCode::ok : ExitCode::failure;
}

std::string CheckReport::text() const {
    std::size_t width = 0;
    for (const auto& line : lines_) {
        width = std::max(width, line.check.size());
    }
    std::string text;
    for (const auto& line : lines_) {
        text += fmt::format("{:<5} {:<{}}  {}{}\n",
                            to_string(line.level),
                            line.check,
                            width,
                            line.place.empty() ? "" : line.place + ": ",
                            line.text);
    }
    return text + fmt::format(
                      "{} checks: {} failed, {} warnings\n", lines_.size(), failures(), warnings());
}

std::string CheckReport::json() const {
    nlohmann::json checks = nlohmann::json::array();
    for (const auto& line : lines_) {
        checks.push_back(
            {{"check", line.check},
             {"level", to_string(line.level)},
             {"text", line.text},
             {"place", line.place.empty() ? nlohmann::json() : nlohmann::json(line.place)}});
    }
    return nlohmann::json{{"ok", failures() == 0},
                          {"failures", failures()},
                          {"warnings", warnings()},
                          {"checks", checks}}
               .dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
           "\n";
}

} // namespace zohosyncd
