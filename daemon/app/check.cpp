#include "daemon/app/check_offline.hpp"
#include "daemon/app/check_report.hpp"
#include "daemon/app/verbs.hpp"

#include <iostream>

namespace zohosyncd {

ExitCode check_verb(const ConfigOverrides& overrides, CheckOptions options, Clock& clock) {
    CheckReport report;
    (void)check_offline(overrides, clock, report);
    std::cout << (options.as_json ? report.json() : report.text());
    return report.exit_code();
}

} // namespace zohosyncd
