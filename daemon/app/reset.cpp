#include "daemon/app/session.hpp"
#include "daemon/app/verbs.hpp"

#include <iostream>

namespace zohosyncd {

ExitCode reset_verb(const Config& config, const std::vector<std::string>& streams) {
    const auto sink = make_sink(config.target, config.daemon.state_schema);
    int missing = 0;
    for (const auto& stream : streams) {
        const auto endpoint = find_endpoint(stream);
        const std::string name = endpoint ? endpoint->stream : stream;
        const int rows = sink->reset(config.source.name, name);
        if (rows == 0) {
            std::cerr << "zohosyncd: " << name << " has no state in " << config.target.described
                      << "; `zohosyncd status` lists the streams that have\n";
            ++missing;
        } else {
            std::cout
                << name
                << ": marks forgotten; the next run reads again from the anchor, the rows stay\n";
        }
    }
    return missing == 0 ? ExitCode::ok : ExitCode::bad_config;
}

} // namespace zohosyncd
