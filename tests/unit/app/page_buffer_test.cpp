#include "daemon/app/page_buffer.hpp"
#include "tests/fakes/manual_clock.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace zohosyncd;
using namespace std::chrono_literals;

namespace {

void add_rows(Batch& batch, int count, const std::string& text = "x") {
    for (; count > 0; --count) {
        batch.column(1).append(text);
        batch.end_row(count, std::chrono::sys_seconds{});
    }
}

struct Buffer {
    fakes::ManualClock clock;
    PageBuffer pages{2, clock};
};

} // namespace

TEST_CASE("pages that come quickly share a commit") {
    Buffer buffer;

    for (int page = 0; page < 4; ++page) {
        add_rows(buffer.pages.listed(), 200);
        CHECK_FALSE(buffer.pages.is_due());
        buffer.clock.advance(60ms);
    }
    add_rows(buffer.pages.listed(), 200);

    CHECK(buffer.pages.is_due());
    CHECK(buffer.pages.rows() == 1000);
}

TEST_CASE("a page waits a quarter of a second at most") {
    Buffer buffer;
    add_rows(buffer.pages.listed(), 1);
    CHECK_FALSE(buffer.pages.is_due());

    buffer.clock.advance(249ms);
    CHECK_FALSE(buffer.pages.is_due());
    buffer.clock.advance(1ms);
    CHECK(buffer.pages.is_due());
}

TEST_CASE("wide rows are committed before there are many of them") {
    Buffer buffer;
    add_rows(buffer.pages.listed(), 1, std::string(512 * 1024, 'x'));
    CHECK_FALSE(buffer.pages.is_due());

    add_rows(buffer.pages.listed(), 1, std::string(256 * 1024, 'x'));

    CHECK(buffer.pages.is_due());
}

TEST_CASE("a record that was read singly is not kept until a later page lists it") {
    Buffer buffer;

    add_rows(buffer.pages.authoritative(), 1);

    CHECK(buffer.pages.is_due());
}

TEST_CASE("a cleared buffer begins anew") {
    Buffer buffer;
    add_rows(buffer.pages.listed(), 1000);
    add_rows(buffer.pages.authoritative(), 1);
    CHECK(buffer.pages.is_due());

    buffer.pages.clear();

    CHECK(buffer.pages.is_empty());
    buffer.clock.advance(1h);
    CHECK_FALSE(buffer.pages.is_due()); // Its first page has not waited at all.
}

TEST_CASE("a buffer with nothing but quarantined records is not empty") {
    Buffer buffer;
    CHECK(buffer.pages.is_empty());

    buffer.pages.authoritative().quarantined().push_back({1, "id", "{}"});

    CHECK_FALSE(buffer.pages.is_empty());
    CHECK(buffer.pages.rows() == 0);
    buffer.pages.clear();
    CHECK(buffer.pages.is_empty());
}

TEST_CASE("the buffer hands out both batches") {
    Buffer buffer;
    add_rows(buffer.pages.listed(), 2);
    add_rows(buffer.pages.authoritative(), 1);

    const auto contents = buffer.pages.contents();

    CHECK(contents.listed->rows() == 2);
    CHECK(contents.authoritative->rows() == 1);
}
