#pragma once

#include "daemon/app/findings.hpp"
#include "daemon/config/config.hpp"
#include "daemon/runtime/log.hpp"

#include <optional>
#include <string>
#include <vector>

namespace zohosyncd {

enum class Verb {
    run,
    sync,
    check,
    plan,
    discover,
    status,
    reset,
    migrate,
    verify,
    conns_list,
    conns_test,
    conns_discover,
    conns_set,
    conns_unset,
    healthcheck ///< `--healthcheck`: no verb in the command line.
};

struct CheckOptions {
    bool is_offline = false; ///< Stops before the network.
    bool as_json = false;
};

/// The command line, read and checked for form.
struct CommandLine {
    Verb verb = Verb::run;
    ConfigOverrides overrides;
    std::vector<std::string> names;       ///< Streams of reset; the connection of conns.
    std::vector<std::string> assignments; ///< Of conns set: key=value.
    std::string pattern;                  ///< Of conns discover: streams to show; empty: all.
    std::string output;                   ///< Of conns discover: text, csv or json.
    bool as_json = false;
    bool counts_rows = false;
    bool is_offline = false;
    VerifyOptions verify;
    std::optional<log::Level> log_level;
    log::Format log_format = log::Format::text;
};

/// What came of reading it: a command line, or an exit code because help was asked for or something
/// is wrong (then it has been printed).
struct ParsedCommandLine {
    std::optional<CommandLine> command;
    int exit_code = 0;
};

/// Of this program, such as "0.1.0".
const char* program_version();

ParsedCommandLine parse_command_line(int argc, const char* const* argv);

} // namespace zohosyncd
