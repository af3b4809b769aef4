#include "daemon/core/batch.hpp"

#include <doctest/doctest.h>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::sys_seconds noon{1'700'000'000s};

TEST_CASE("of each id the greatest version is written, of equal ones the last read, sorted by id") {
    Batch batch(1);
    batch.end_row(5, noon + 1s);
    batch.end_row(3, noon + 9s);
    batch.end_row(5, noon + 4s);
    batch.end_row(3, noon + 2s);
    batch.end_row(5, noon + 4s);
    batch.end_row(-1, std::chrono::sys_seconds::min());

    CHECK(batch.rows_to_write() == std::vector<std::uint32_t>{5, 1, 4});
}

TEST_CASE("truncating forgets rows and half-written values") {
    Batch batch(3);
    for (int row = 0; row < 3; ++row) {
        batch.column(1).append("value");
        batch.column(2).append_null();
        batch.end_row(row, noon);
    }
    batch.column(1).append("half a row");
    batch.column(2).open() += "half a value";

    batch.truncate(2);
    batch.column(1).append("next");
    batch.column(2).append("x");
    batch.end_row(9, noon);

    CHECK(batch.rows() == 3);
    CHECK(batch.column(1).value(1) == "value");
    CHECK(batch.column(1).value(2) == "next");
    CHECK(batch.column(2).is_null(1));
    CHECK(batch.column(2).value(2) == "x");
    CHECK(batch.column(1).size() == 3);
}

TEST_CASE("a value written in place can be taken back as NULL") {
    ColumnData column;
    column.append("a");
    column.open() += "bcd";
    column.close(true);
    column.open() += "e";
    column.close(false);

    CHECK(column.is_null(1));
    CHECK(column.value(2) == "e");
    CHECK(column.bytes() == 2);
}

TEST_CASE("clearing a batch forgets everything") {
    Batch batch(2);
    batch.column(1).append("a");
    batch.end_row(1, noon);
    batch.quarantined().push_back({1, "r", "b"});
    batch.replaced_characters = 3;

    batch.clear();

    CHECK(batch.rows() == 0);
    CHECK(batch.bytes() == 0);
    CHECK(batch.quarantined().empty());
    CHECK(batch.replaced_characters == 0);
}

} // namespace
} // namespace zohosyncd
