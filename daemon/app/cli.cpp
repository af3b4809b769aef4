#include "daemon/app/cli.hpp"

#include "daemon/app/exit_code.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

#ifndef ZOHOSYNCD_VERSION
#define ZOHOSYNCD_VERSION "unknown"
#endif

namespace zohosyncd {
namespace {

struct RawOptions {
    CommandLine command;
    std::string log_level;
    std::string log_format = "text";
    std::string connection;
    bool is_healthcheck = false;
};

void add_common(CLI::App& verb, RawOptions& raw) {
    auto& overrides = raw.command.overrides;
    verb.add_option(
        "-r,--replication",
        overrides.replication_file,
        "File to read (default: replication.yaml, then /etc/zohosyncd/replication.yaml)");
    verb.add_option("--env-file",
                    overrides.env_file,
                    "Connections (default: $SLING_HOME_DIR/env.yaml, ~/.sling/env.yaml, "
                    "/etc/zohosyncd/env.yaml)");
    verb.add_option("--target", overrides.target, "Target connection or URL; beats the file's");
    verb.add_option("--log-level", raw.log_level, "trace, debug, info, warn, error or off");
    verb.add_option("--log-format", raw.log_format, "text or json");
}

void add_selection(CLI::App& verb, RawOptions& raw) {
    auto& overrides = raw.command.overrides;
    verb.add_option(
        "--streams", overrides.streams, "Only these: a,b,tag:x,-tag:y; * and ? are patterns");
    verb.add_option("--mode",
                    overrides.mode,
                    "incremental, full-refresh, truncate, backfill or definition-only; beats the "
                    "file's");
    verb.add_option(
        "--range", overrides.range, "Start,end: read only records modified in it; move no mark");
    verb.add_option("--primary-key", overrides.primary_key, "Can only be id");
    verb.add_option("--update-key", overrides.update_key, "Can only be Modified_Time");
    verb.add_option(
        "--limit", overrides.limit, "Stop each stream after this many records (trials)");
}

CLI::App* add_verb(
    CLI::App& app, RawOptions& raw, Verb verb, const std::string& name, const std::string& help) {
    CLI::App* command = app.add_subcommand(name, help);
    add_common(*command, raw);
    command->callback([&raw, verb] { raw.command.verb = verb; });
    return command;
}

void add_conns(CLI::App& app, RawOptions& raw) {
    CLI::App* conns = app.add_subcommand("conns", "Connections: list, test, discover, set, unset");
    conns->require_subcommand(1);
    add_verb(
        *conns, raw, Verb::conns_list, "list", "Lists the connections that are defined, and where");
    const auto add = [&](Verb verb, const char* name, const char* help) {
        CLI::App* command = add_verb(*conns, raw, verb, name, help);
        command->add_option("NAME", raw.connection, "The connection's name")->required();
        return command;
    };
    add(Verb::conns_test, "test", "Connects once and says whether it works");
    CLI::App* discover =
        add(Verb::conns_discover, "discover", "Lists a Zoho connection's endpoints and modules");
    discover->add_option("-p,--pattern", raw.command.pattern, "Only these; * and ? are patterns");
    discover->add_option("-o,--output", raw.command.output, "text, csv or json")
        ->check(CLI::IsMember({"text", "csv", "json"}));
    add(Verb::conns_set, "set", "Writes a connection into env.yaml, or over the one of that name")
        ->add_option(
            "PROPERTY", raw.command.assignments, "key=value, such as type=postgres host=db.local")
        ->required();
    add(Verb::conns_unset, "unset", "Takes a connection out of env.yaml");
}

/// Not a verb: a container's health check names the program and a flag.
void add_healthcheck(CLI::App& app, RawOptions& raw) {
    app.add_flag("--healthcheck",
                 raw.is_healthcheck,
                 "Asks the daemon that runs here (at daemon.listen) whether it is alive: exit 0 or "
                 "1. Takes -r and --env-file");
    auto& overrides = raw.command.overrides;
    app.add_option("-r,--replication", overrides.replication_file)->group("");
    app.add_option("--env-file", overrides.env_file)->group("");
}

void describe(CLI::App& app, RawOptions& raw) {
    app.set_version_flag("--version", std::string("zohosyncd ") + ZOHOSYNCD_VERSION);
    app.require_subcommand(0, 1);
    add_healthcheck(app, raw);
    add_selection(
        *add_verb(app, raw, Verb::run, "run", "Keeps the target equal to Zoho until SIGTERM"), raw);
    add_selection(*add_verb(app, raw, Verb::sync, "sync", "One pass over the streams, then exit"),
                  raw);
    CLI::App* plan = add_verb(
        app, raw, Verb::plan, "plan", "Tells what a sync would do and cost, without doing it");
    add_selection(*plan, raw);
    plan->add_flag("--json", raw.command.as_json, "As JSON");
    CLI::App* check = add_verb(
        app, raw, Verb::check, "check", "Looks for what is wrong, and says what to change");
    check->add_flag("--offline", raw.command.is_offline, "Stops before the network");
    check->add_flag("--json", raw.command.as_json, "As JSON");
    add_verb(
        app, raw, Verb::discover, "discover", "Lists every endpoint and module of the organisation")
        ->add_flag("--json", raw.command.as_json, "As JSON");
    CLI::App* status =
        add_verb(app, raw, Verb::status, "status", "Shows per stream how fresh the target is");
    status->add_flag("--json", raw.command.as_json, "As JSON");
    status->add_flag(
        "--rows", raw.command.counts_rows, "Also counts the live rows (reads the whole tables)");
    add_verb(app,
             raw,
             Verb::reset,
             "reset",
             "Forgets the marks of streams: the next run reads from the anchor")
        ->add_option("STREAM", raw.command.names, "Streams to reset")
        ->required();
    CLI::App* verify = add_verb(
        app, raw, Verb::verify, "verify", "Compares the target with Zoho, record by record");
    verify->add_option("--streams",
                       raw.command.overrides.streams,
                       "Only these: a,b,tag:x,-tag:y; * and ? are patterns");
    verify->add_flag("--repair", raw.command.verify.repairs, "Mends what differs");
    verify->add_flag("--full",
                     raw.command.verify.compares_every_field,
                     "Compares every field, not only id and Modified_Time");
    add_verb(app, raw, Verb::migrate, "migrate", "Brings the state tables up to date");
    add_conns(app, raw);
}

ParsedCommandLine finished(RawOptions& raw) {
    try {
        if (!raw.log_level.empty()) {
            raw.command.log_level = log::level_from(raw.log_level);
        }
    } catch (const std::invalid_argument& error) {
        std::cerr << "zohosyncd: --log-level: " << error.what() << ", not \"" << raw.log_level
                  << "\"\n";
        return {std::nullopt, static_cast<int>(ExitCode::bad_usage)};
    }
    try {
        raw.command.log_format = log::format_from(raw.log_format);
    } catch (const std::invalid_argument& error) {
        std::cerr << "zohosyncd: --log-format: " << error.what() << ", not \"" << raw.log_format
                  << "\"\n";
        return {std::nullopt, static_cast<int>(ExitCode::bad_usage)};
    }
    if (!raw.connection.empty()) {
        raw.command.names = {raw.connection};
    }
    return {std::move(raw.command), 0};
}

} // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
    RawOptions raw;
    CLI::App app("Keeps a PostgreSQL database or a SQLite file equal to a Zoho CRM organisation.",
                 "zohosyncd");
    describe(app, raw);
    try {
        app.parse(argc, argv);
        if (app.get_subcommands().empty() && !raw.is_healthcheck) {
            throw CLI::RequiredError::Subcommand(1);
        }
    } catch (const CLI::ParseError& error) {
        // CLI11 has exit codes of its own; ours are in the contract.
        const bool is_help = app.exit(error, std::cout, std::cerr) == 0;
        return {std::nullopt, is_help ? 0 : static_cast<int>(ExitCode::bad_usage)};
    }
    if (raw.is_healthcheck) {
        raw.command.verb = Verb::healthcheck;
    }
    return finished(raw);
}

const char* program_version() {
    return ZOHOSYNCD_VERSION;
}

} // namespace zohosyncd
