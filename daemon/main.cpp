#include "daemon/app/cli.hpp"
#include "daemon/app/exit_code.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/clock.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/stop_signals.hpp"

#include <poll.h>
#include <strings.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <future>
#include <iostream>
#include <string_view>
#include <thread>

namespace {

using namespace zohosyncd;

// Contract §8.9: what still hangs this long after a stop is abandoned; the last commit counts.
constexpr std::chrono::seconds patience_after_stop{4};

/// Prints what is wrong with the configuration and returns the exit code, 0 when only warnings were
/// found.
ExitCode report(const Problems& problems) {
    for (const auto& problem : problems.all()) {
        const bool is_warning = problem.level == Problem::Level::warning;
        std::cerr << (is_warning ? "warning: " : "error: ") << problem.text() << "\n";
    }
    if (problems.has_unsafe_file()) {
        return ExitCode::unsafe_file;
    }
    return problems.has_errors() ? ExitCode::bad_config : ExitCode::ok;
}

std::string first_error(const Problems& problems) {
    for (const auto& problem : problems.all()) {
        if (problem.level != Problem::Level::warning) {
            return problem.text();
        }
    }
    return {};
}

bool runs_streams(Verb verb) {
    return verb == Verb::run || verb == Verb::sync || verb == Verb::verify;
}

ExitCode with_config(const CommandLine& command,
                     Reloads& reloads,
                     Clock& clock,
                     const std::stop_token& stop) {
    Problems problems;
    const auto read = [&command](Problems& found) {
        return load_config(command.overrides, process_environment(), found);
    };
    const Config config = read(problems);
    if (const ExitCode code = report(problems); code != ExitCode::ok) {
        return code;
    }
    if (config.no_stream_selected && runs_streams(command.verb)) {
        log::event(log::Level::warn,
                   "no_stream_matched",
                   {log::kv("error", "Did not match any streams. Exiting.")});
        return ExitCode::ok;
    }
    switch (command.verb) {
    case Verb::run:
        return run_verb(config, read, reloads, clock, stop);
    case Verb::sync:
        return sync_verb(config, clock, stop);
    case Verb::plan:
        return plan_verb(config, command.as_json, clock, stop);
    case Verb::discover:
        return discover_verb(
            config.source,
            config.daemon,
            &config,
            {command.as_json ? DiscoverOptions::Format::json : DiscoverOptions::Format::table},
            clock,
            stop);
    case Verb::status:
        return status_verb(config, command.as_json, command.counts_rows, clock);
    case Verb::reset:
        return reset_verb(config, command.names);
    case Verb::verify:
        return verify_verb(config, command.verify, clock, stop);
    case Verb::migrate:
        return migrate_verb(config);
    case Verb::healthcheck:
        return healthcheck_verb(config);
    case Verb::check:
    case Verb::conns_list:
    case Verb::conns_test:
    case Verb::conns_discover:
    case Verb::conns_set:
    case Verb::conns_unset:
        break;
    }
    return ExitCode::internal;
}

std::optional<std::string> type_of_connection(const std::vector<ConnectionInfo>& connections,
                                              const std::string& name) {
    for (const auto& connection : connections) {
        if (strcasecmp(connection.name.c_str(), name.c_str()) == 0) {
            return connection.type;
        }
    }
    return std::nullopt;
}

DaemonConfig default_daemon() {
    DaemonConfig daemon;
    const char* home = std::getenv("HOME");
    const char* state = std::getenv("STATE_DIRECTORY");
    if (state != nullptr) {
        daemon.state_dir = std::string(state).substr(0, std::string_view(state).find(':'));
    } else if (home != nullptr) {
        daemon.state_dir = std::string(home) + "/.local/state/zohosyncd";
    }
    return daemon;
}

/// Sling's way to ask every `conns` verb for JSON.
bool wants_json() {
    const char* output = std::getenv("SLING_OUTPUT");
    return output != nullptr && strcasecmp(output, "json") == 0;
}

DiscoverOptions discover_options(const CommandLine& command) {
    using enum DiscoverOptions::Format;
    const auto format = command.output == "csv"                    ? csv
                        : command.output == "text"                 ? table
                        : command.output == "json" || wants_json() ? rows_json
                                                                   : table;
    return {format, command.pattern};
}

ExitCode edit_connections(const CommandLine& command) {
    const Environment environment = process_environment();
    const std::string& name = command.names.front();
    const bool sets = command.verb == Verb::conns_set;
    Problems problems;
    const auto path =
        sets ? set_connection(name, command.assignments, command.overrides, environment, problems)
             : unset_connection(name, command.overrides, environment, problems);
    const ExitCode code = report(problems);
    if (path) {
        std::cout << "connection " << name << " has been "
                  << (sets ? "set in " + *path + ". Please test with `zohosyncd conns test " +
                                 name + "`"
                           : "removed from " + *path)
                  << "\n";
    }
    return code;
}

ExitCode test_connection(const std::optional<ZohoConnection>& source,
                         const std::optional<TargetConnection>& target,
                         Clock& clock,
                         const std::stop_token& stop) {
    try {
        return conns_test_verb(source, target, default_daemon(), wants_json(), clock, stop);
    } catch (const SyncError& error) {
        if (wants_json()) {
            print_test_result(error.what()); // Scripts read stdout; people and exit codes follow.
        }
        throw;
    }
}

ExitCode conns(const CommandLine& command, Clock& clock, const std::stop_token& stop) {
    if (command.verb == Verb::conns_set || command.verb == Verb::conns_unset) {
        return edit_connections(command);
    }
    const Environment environment = process_environment();
    Problems problems;
    const auto connections = list_connections(command.overrides, environment, problems);
    if (command.verb == Verb::conns_list) {
        const ExitCode code = report(problems);
        return code == ExitCode::ok ? conns_list_verb(connections, wants_json()) : code;
    }
    const std::string& name = command.names.front();
    const auto type = type_of_connection(connections, name);
    const bool tests_as_json = command.verb == Verb::conns_test && wants_json();
    if (!type) {
        const std::string error = "Invalid Connection name: " + name + ". Make sure it is created";
        if (tests_as_json) {
            print_test_result(error);
        }
        std::cerr << "error: " << error << "; `zohosyncd conns list` shows what there is\n";
        return ExitCode::failure;
    }
    problems = {};
    std::optional<ZohoConnection> source;
    std::optional<TargetConnection> target;
    if (type->starts_with("API")) {
        source = load_zoho_connection(name, command.overrides, environment, problems);
    } else {
        target = load_target_connection(name, command.overrides, environment, problems);
    }
    if (const ExitCode code = report(problems); code != ExitCode::ok) {
        if (tests_as_json) {
            print_test_result(first_error(problems));
        }
        return code;
    }
    if (command.verb == Verb::conns_test) {
        return test_connection(source, target, clock, stop);
    }
    if (!source) {
        std::cerr << "error: conns discover: " << name
                  << " is a database; name a Zoho connection\n";
        return ExitCode::bad_usage;
    }
    return discover_verb(
        *source, default_daemon(), nullptr, discover_options(command), clock, stop);
}

/// What the whole work comes to. The only place where a verb's exceptions end.
ExitCode work(const CommandLine& command, Reloads& reloads, const std::stop_token& stop) {
    try {
        SystemClock clock;
        if (command.verb == Verb::check) {
            return check_verb(
                command.overrides, {command.is_offline, command.as_json}, clock, stop);
        }
        const bool is_conns = command.verb == Verb::conns_list ||
                              command.verb == Verb::conns_test ||
                              command.verb == Verb::conns_discover ||
                              command.verb == Verb::conns_set || command.verb == Verb::conns_unset;
        return is_conns ? conns(command, clock, stop) : with_config(command, reloads, clock, stop);
    } catch (const SyncError& error) {
        if (error.kind() == ErrorKind::stopped) {
            return ExitCode::terminated; // main knows which signal it was.
        }
        std::cerr << "error: " << error.what() << "\n";
        return exit_code_for(error.kind());
    } catch (const std::exception& error) {
        std::cerr << "error: internal: " << error.what() << "\n";
        return ExitCode::internal;
    }
}

/// How much is logged unless --log-level says: little where the output is the answer.
log::Level usual_level(Verb verb) {
    if (verb == Verb::check || verb == Verb::plan) {
        return log::Level::off;
    }
    const bool shows_progress =
        (verb == Verb::sync || verb == Verb::verify) && isatty(STDERR_FILENO) == 1;
    return shows_progress ? log::Level::warn : log::Level::info;
}

/// Not through the log: whoever hangs may hold its lock, and stderr may be what hangs.
void say_abandoned() {
    constexpr std::string_view line = "zohosyncd: abandoned what still hung 4 s after the stop\n";
    pollfd target{STDERR_FILENO, POLLOUT, 0};
    if (poll(&target, 1, 0) == 1 && (target.revents & POLLOUT) != 0) {
        (void)!write(STDERR_FILENO, line.data(), line.size());
    }
}

ExitCode code_after_stop(const CommandLine& command, int signal) {
    if (command.verb == Verb::run) {
        return ExitCode::ok;
    }
    return signal == SIGINT ? ExitCode::interrupted : ExitCode::terminated;
}

/// Waits for a signal or the end of the work, whichever comes first. Returns the stop signal, 0
/// without one.
int wait_for_end(const StopSignals& signals,
                 const std::future<ExitCode>& result,
                 Reloads& reloads) {
    while (true) {
        const int signal = signals.wait();
        if (signal == SIGINT || signal == SIGTERM) {
            return signal;
        }
        if (result.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
            return 0;
        }
        if (signal == SIGHUP) {
            reloads.request(); // Only `run` takes it up; the other verbs end soon.
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    const auto parsed = parse_command_line(argc, argv);
    if (!parsed.command) {
        return parsed.exit_code;
    }
    const CommandLine& command = *parsed.command;
    log::configure(command.log_level.value_or(usual_level(command.verb)), command.log_format);
    const StopSignals signals;
    Reloads reloads;
    std::stop_source stop;
    std::packaged_task<ExitCode()> task([&] { return work(command, reloads, stop.get_token()); });
    std::future<ExitCode> result = task.get_future();
    std::thread worker([&task] {
        task();
        StopSignals::wake();
    });
    const int signal = wait_for_end(signals, result, reloads);
    if (signal != 0) {
        signals.let_through();
        stop.request_stop();
        if (result.wait_for(patience_after_stop) != std::future_status::ready) {
            say_abandoned();
            std::_Exit(static_cast<int>(code_after_stop(command, signal)));
        }
    }
    worker.join();
    const ExitCode code = result.get();
    const bool was_stopped = signal != 0 && (code == ExitCode::terminated || code == ExitCode::ok);
    return static_cast<int>(was_stopped ? code_after_stop(command, signal) : code);
}
