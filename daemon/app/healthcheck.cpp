#include "daemon/app/verbs.hpp"
#include "daemon/status/http_exchange.hpp"

#include <iostream>

namespace zohosyncd {

ExitCode healthcheck_verb(const Config& config) {
    const auto answer = ask_status(config.daemon.listen, "/livez", config.daemon.status_token);
    if (answer.code == 200) {
        return ExitCode::ok;
    }
    std::cerr << "not alive: " << answer.text << (answer.text.ends_with('\n') ? "" : "\n");
    return ExitCode::failure;
}

} // namespace zohosyncd
