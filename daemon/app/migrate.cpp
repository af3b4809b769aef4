#include "daemon/app/session.hpp"
#include "daemon/app/verbs.hpp"

#include <iostream>

namespace zohosyncd {

ExitCode migrate_verb(const Config& config) {
    const auto sink = make_sink(config.target, config.daemon.state_schema);
    const int applied = sink->migrate();
    std::cout << (applied == 0 ? std::string("the state tables are up to date")
                               : std::to_string(applied) + " migrations applied")
              << " in " << config.target.described << "\n";
    return ExitCode::ok;
}

} // namespace zohosyncd
