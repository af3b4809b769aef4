#include "daemon/net/http_transport.hpp"

#include <doctest/doctest.h>

namespace zohosyncd {
namespace {

TEST_CASE("header lines are read without the white space around their values") {
    struct Case {
        std::string line;
        std::string name;
        std::string want;
    };

    const Case cases[] = {
        {"Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n", "date", "Tue, 14 Nov 2023 22:13:20 GMT"},
        {"RETRY-AFTER:7", "retry-after", "7"},
        {"Retry-After: \t7 \t\r\n", "retry-after", "7"},
        {"X-Empty:\r\n", "x-empty", ""},
        {"X-Blank:  \r\n", "x-blank", ""},
        {"no colon\r\n", "no colon", ""},
        {"", "", ""}};
    for (const auto& c : cases) {
        CAPTURE(c.line);
        HttpResponse response;

        add_header_line(response, c.line);

        CHECK(response.header(c.name) == c.want);
    }
}

TEST_CASE("a status line begins another reply") {
    HttpResponse response;
    add_header_line(response, "X-Proxy: yes\r\n");

    add_header_line(response, "HTTP/1.1 200 OK\r\n");

    CHECK(response.headers.empty());
}

} // namespace
} // namespace zohosyncd
