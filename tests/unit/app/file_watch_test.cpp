#include "daemon/app/file_watch.hpp"

#include <doctest/doctest.h>

namespace zohosyncd {
namespace {

TEST_CASE("a file that says the same is no change") {
    FileWatch watch("a");
    CHECK_FALSE(watch.has_changed("a"));
    CHECK_FALSE(watch.has_changed("a"));
}

TEST_CASE("a new text is told once, when it has settled") {
    FileWatch watch("a");
    CHECK_FALSE(watch.has_changed("a"));
    CHECK_FALSE(watch.has_changed("ab")); // Half written.
    CHECK_FALSE(watch.has_changed("abc"));
    CHECK(watch.has_changed("abc"));
    CHECK_FALSE(watch.has_changed("abc"));
}

TEST_CASE("a text that came back before it settled is no change") {
    FileWatch watch("a");
    CHECK_FALSE(watch.has_changed("b"));
    CHECK_FALSE(watch.has_changed("a"));
    CHECK_FALSE(watch.has_changed("a"));
}

TEST_CASE("a file that goes away and comes back is told twice") {
    FileWatch watch("a");
    CHECK_FALSE(watch.has_changed(std::nullopt));
    CHECK(watch.has_changed(std::nullopt));
    CHECK_FALSE(watch.has_changed(std::nullopt));
    CHECK_FALSE(watch.has_changed("a"));
    CHECK(watch.has_changed("a"));
}

TEST_CASE("what was read for a signal is not told once more") {
    FileWatch watch("a");
    CHECK_FALSE(watch.has_changed("b"));
    watch.consider("b");
    CHECK_FALSE(watch.has_changed("b"));
}

} // namespace
} // namespace zohosyncd
