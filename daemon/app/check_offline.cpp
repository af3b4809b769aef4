#include "daemon/app/check_offline.hpp"

#include "daemon/app/session.hpp"
#include "daemon/app/timetable.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

namespace zohosyncd {
namespace {

constexpr mode_t anybody_else = 077;
constexpr mode_t others_write = 022;

void report_problems(const Problems& problems, CheckReport& report) {
    for (const auto& problem : problems.all()) {
        switch (problem.level) {
        case Problem::Level::warning:
            report.warn("configuration", problem.text());
            break;
        case Problem::Level::error:
            report.fail_with(ExitCode::bad_config, "configuration", problem.text());
            break;
        case Problem::Level::unsafe_file:
            report.fail_with(ExitCode::unsafe_file, "file modes", problem.text());
            break;
        }
    }
}

/// The nearest directory above that exists.
std::filesystem::path existing_parent(std::filesystem::path path) {
    std::error_code ignored;
    while (path.has_relative_path() && !std::filesystem::exists(path, ignored)) {
        path = path.parent_path();
    }
    return path.empty() ? std::filesystem::path(".") : path;
}

void check_token_file(const std::string& path, CheckReport& report) {
    struct stat status{};
    if (lstat(path.c_str(), &status) != 0) {
        return;
    }
    if (!S_ISREG(status.st_mode)) {
        report.fail("token file", path + " is no regular file: delete it");
    } else if ((status.st_mode & anybody_else) != 0) {
        report.fail_with(ExitCode::unsafe_file,
                         "token file",
                         path + " can be read by others: chmod 600 it, or delete it");
    } else if (access(path.c_str(), R_OK) != 0) {
        report.fail("token file", path + " belongs to another user: delete it, or chown it");
    } else {
        report.ok("token file", path);
    }
}

void check_state_dir(const Config& config, CheckReport& report) {
    const std::string& directory = config.daemon.state_dir;
    const std::string place = config.lines.place("daemon.state_dir");
    struct stat status{};
    if (stat(directory.c_str(), &status) != 0) {
        const auto parent = existing_parent(directory);
        if (access(parent.c_str(), W_OK | X_OK) == 0) {
            report.ok("state directory", directory + " does not exist yet; it will be made");
        } else {
            report.warn("state directory",
                        directory + " does not exist and can not be made below " + parent.string() +
                            ": make it, or no token outlives a restart",
                        place);
        }
        return;
    }
    if (!S_ISDIR(status.st_mode)) {
        report.fail("state directory", directory + " is no directory: name another", place);
        return;
    }
    if (access(directory.c_str(), W_OK | X_OK) != 0) {
        report.warn("state directory",
                    directory + " can not be written by this user: chown it, or no token outlives "
                                "a restart, and Zoho gives ten in ten minutes",
                    place);
    } else if ((status.st_mode & others_write) != 0) {
        report.warn("state directory",
                    directory +
                        " can be written by others, who could replace the token: chmod 700 " +
                        directory,
                    place);
    } else {
        report.ok("state directory", directory);
    }
    check_token_file(zoho_settings(config.source, config.daemon).token_file, report);
}

void check_sqlite_file(const Config& config, CheckReport& report) {
    const auto& target = config.target;
    if (target.kind != TargetKind::sqlite) {
        return;
    }
    const std::string place = target.lines.place("instance");
    const auto directory = std::filesystem::path(target.path).parent_path();
    if (access(directory.c_str(), W_OK | X_OK) != 0) {
        report.fail("target file",
                    "the directory " + directory.string() +
                        " does not exist or can not be written by this user: SQLite keeps its "
                        "journal there; make or chown it",
                    place);
    } else if (access(target.path.c_str(), F_OK) == 0 &&
               access(target.path.c_str(), R_OK | W_OK) != 0) {
        report.fail(
            "target file", target.path + " can not be written by this user: chown it", place);
    } else {
        report.ok("target file", target.path);
    }
}

/// Only where the file says how many there are; else the edition tells.
void check_pace(const Config& config, const Clock& clock, CheckReport& report) {
    if (!config.daemon.credits.daily || config.streams.empty()) {
        return;
    }
    const auto allowed = allowed_credits(config.daemon.credits, {});
    const auto now = std::chrono::floor<std::chrono::seconds>(clock.wall_now());
    const double stretch = stretch_within_credits(config, allowed, now);
    if (stretch > 1.0) {
        report.warn("schedules",
                    fmt::format("polling at these intervals needs more than the {} credits a day "
                                "that are allowed: they will be {:.1f} times as long; poll less "
                                "often, or raise daemon.credits",
                                allowed,
                                stretch),
                    config.lines.place("daemon.credits"));
    } else {
        report.ok("schedules", fmt::format("fit into {} credits a day", allowed));
    }
}

} // namespace

std::optional<Config>
check_offline(const ConfigOverrides& overrides, const Clock& clock, CheckReport& report) {
    Problems problems;
    Config config = load_config(overrides, process_environment(), problems);
    report_problems(problems, report);
    if (problems.has_errors()) {
        return std::nullopt;
    }
    report.ok("configuration",
              fmt::format("{}: {} to {}, {} streams{}",
                          config.file,
                          config.source.name,
                          config.target.described,
                          config.streams.size(),
                          config.every_module ? " and every module" : ""));
    check_state_dir(config, report);
    check_sqlite_file(config, report);
    check_pace(config, clock, report);
    return config;
}

} // namespace zohosyncd
