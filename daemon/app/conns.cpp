#include "daemon/app/session.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/zoho/metadata.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iostream>

namespace zohosyncd {

/// The same borders as Sling's, because scripts read them.
ExitCode conns_list_verb(const std::vector<ConnectionInfo>& connections) {
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

ExitCode conns_test_verb(const std::optional<ZohoConnection>& source,
                         const std::optional<TargetConnection>& target,
                         const DaemonConfig& daemon,
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
    std::cout << "success!\n";
    return ExitCode::ok;
}

} // namespace zohosyncd
