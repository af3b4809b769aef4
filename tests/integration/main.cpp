#define DOCTEST_CONFIG_IMPLEMENT
#include "tests/integration/pg_server.hpp"

#include <doctest/doctest.h>

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    const int failed = context.run();
    zohosyncd::tests::stop_server();
    return failed;
}
