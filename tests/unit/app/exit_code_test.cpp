#include "daemon/app/exit_code.hpp"

#include <doctest/doctest.h>

using namespace zohosyncd;

TEST_CASE("the exit codes are the manual's") {
    struct Case {
        const char* name;
        ErrorKind kind;
        int want;
    };

    const Case cases[] = {
        {"credentials refused", ErrorKind::auth_refused, 69},
        {"wrong data centre", ErrorKind::wrong_data_center, 69},
        {"target down", ErrorKind::sink_down, 69},
        {"target refuses us", ErrorKind::sink_refused, 69},
        {"bad usage", ErrorKind::bad_usage, 64},
        {"bad configuration", ErrorKind::bad_config, 65},
        {"broken invariant", ErrorKind::internal, 70},
        {"lease held", ErrorKind::lease_held, 75},
        {"lease lost", ErrorKind::lease_lost, 75},
        {"secret readable by others", ErrorKind::unsafe_file, 77},
        {"another organisation's target", ErrorKind::wrong_org, 78},
        {"Zoho does not answer", ErrorKind::network, 1},
        {"no permission", ErrorKind::denied, 1},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        CHECK(static_cast<int>(exit_code_for(c.kind)) == c.want);
    }
}
