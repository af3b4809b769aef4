#include "daemon/core/secret.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <concepts>
#include <iterator>
#include <memory>
#include <new>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace zohosyncd {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

static_assert(!Printable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret>);

constexpr std::string_view short_value = "hunter2hunter2"; // Fits into the string object itself.

bool holds(const unsigned char* begin, std::size_t size, std::string_view needle) {
    return std::search(begin, begin + size, needle.begin(), needle.end()) != begin + size;
}

TEST_CASE("a secret reveals what it was given") {
    const std::string long_value(1000, 'x');

    CHECK(Secret{std::string{short_value}}.reveal() == short_value);
    CHECK(Secret{long_value}.reveal() == long_value);
    CHECK(Secret{}.empty());
    CHECK_FALSE(Secret{long_value}.empty());
}

TEST_CASE("secrets are copied, moved and compared as values") {
    Secret first{"one"};
    Secret copy = first;
    const Secret moved = std::move(first);

    CHECK(bool(copy == moved));
    CHECK(copy.reveal() == "one");
    copy = Secret{"two"};
    CHECK(copy.reveal() == "two");
    CHECK_FALSE(bool(copy == moved));
    copy = moved;
    CHECK(copy.reveal() == "one");
    const auto& itself = copy;
    copy = itself;
    CHECK(copy.reveal() == "one");
}

TEST_CASE("a candidate matches only as a whole") {
    const Secret secret{"token"};

    CHECK(secret.matches("token"));
    CHECK_FALSE(secret.matches("tokem"));
    CHECK_FALSE(secret.matches("toke"));
    CHECK_FALSE(secret.matches("tokens"));
    CHECK_FALSE(secret.matches(""));
    CHECK(Secret{}.matches(""));
}

TEST_CASE("a moved secret leaves nothing behind") {
    alignas(Secret) unsigned char memory[sizeof(Secret)] = {};
    auto* secret = new (memory) Secret{std::string{short_value}};
    REQUIRE(holds(memory, sizeof memory, short_value));

    const Secret taken = std::move(*secret);

    CHECK_FALSE(holds(memory, sizeof memory, short_value.substr(0, 4)));
    CHECK(taken.reveal() == short_value);
    std::destroy_at(secret);
}

TEST_CASE("a destroyed secret leaves nothing behind") {
    alignas(Secret) unsigned char memory[sizeof(Secret)] = {};
    auto* secret = new (memory) Secret{std::string{short_value}};

    std::destroy_at(secret);

    CHECK_FALSE(holds(memory, sizeof memory, short_value.substr(0, 4)));
}

} // namespace
} // namespace zohosyncd
