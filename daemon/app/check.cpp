#include "daemon/app/check_offline.hpp"
#include "daemon/app/check_report.hpp"
#include "daemon/app/check_target.hpp"
#include "daemon/app/check_zoho.hpp"
#include "daemon/app/verbs.hpp"

#include <iostream>

namespace zohosyncd {

ExitCode check_verb(const ConfigOverrides& overrides,
                    CheckOptions options,
                    Clock& clock,
                    const std::stop_token& stop) {
    CheckReport report;
    const auto config = check_offline(overrides, clock, report);
    if (config && !options.is_offline) {
        const auto target = check_target(*config, report);
        check_zoho(*config, target, clock, report, stop);
    }
    std::cout << (options.as_json ? report.json() : report.text());
    return report.exit_code();
}

} // namespace zohosyncd
