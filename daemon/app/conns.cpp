#include "daemon/app/session.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/zoho/metadata.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <iostream>

namespace zohosyncd {

namespace {

void print_list_as_json(const std::vector<ConnectionInfo>& connections) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const auto& connection : connections) {
        rows.push_back({connection.name, connection.type, connection.source});
    }
    nlohmann::ordered_json document;
    document["fields"] = {"Conn Name", "Conn Type", "Source"};
    document["rows"] = std::move(rows);
    std::cout << document.dump() << "\n";
}

} // namespace

/// The same borders as Sling's, because scripts read them.
ExitCode conns_list_verb(const std::vector<ConnectionInfo>& connections, bool as_json) {
    if (as_json) {
        print_list_as_json(connections);
        return ExitCode::ok;
    }
    const std::array<std::string, 3> titles{"CONN NAME", "CONN TYPE", "SOURCE"};
    std::array<std::size_t, 3> widths{titles[0].size(), titles[1].size(), titles[2].size()};
    for (const auto& connection : connections) {
        widths[0] = std::max(widths[0], connection.name.size());
        widths[1] = std::max(widths[1], connection.type.size());
        widths[2] = std::max(widths[2], connection.source.size());
    }
    const auto line = [&](const std::array<std::string, 3>& cells) {
        return fmt::format("| {:<{}} | {:<{}} | {:<{}} |\n",
                           cells[0],
                           widths[0],
                           cells[1],
                           widths[1],
                           cells[2],
                           widths[2]);
    };
    const std::string border = "+" + std::string(widths[0] + 2, '-') + "+" +
                               std::string(widths[1] + 2, '-') + "+" +
                               std::string(widths[2] + 2, '-') + "+\n";
    std::cout << border << line(titles) << border;
    for (const auto& connection : connections) {
        std::cout << line({connection.name, connection.type, connection.source});
    }
    std::cout << border;
    return ExitCode::ok;
}

void print_test_result(const std::string& error) {
    nlohmann::ordered_json document;
    document["success"] = error.empty();
    if (!error.empty()) {
        document["error"] = error;
    }
    // A message may quote what a server said in an encoding of its own.
    std::cout << document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
              << "\n";
}

ExitCode conns_test_verb(const std::optional<ZohoConnection>& source,
                         const std::optional<TargetConnection>& target,
                         const DaemonConfig& daemon,
                         bool as_json,
                         Clock& clock,
                         const std::stop_token& stop) {
    if (source) {
        RequestGate gate(gate_limits(*source), clock);
        ZohoSession session(*source, daemon, gate, clock);
        const auto client = session.make_client();
        Organisation organisation;
        meet_organisation(*client, *source, daemon, clock, organisation, stop);
    }
    if (target) {
        (void)make_sink(*target, daemon.state_schema)->states("");
    }
    if (as_json) {
        print_test_result({});
    } else {
        std::cout << "success!\n";
    }
    return ExitCode::ok;
}

} // namespace zohosyncd
