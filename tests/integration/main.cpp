#define DOCTEST_CONFIG_IMPLEMENT
#include "tests/integration/pg_server.hpp"

#include <doctest/doctest.h>

// libpqxx 6.4 loses a result of some 2 KiB whenever a connection breaks under it.
extern "C" const char* __lsan_default_suppressions();

extern "C" const char* __lsan_default_suppressions() {
    return "leak:libpqxx";
}

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    const int failed = context.run();
    zohosyncd::tests::stop_server();
    return failed;
}
