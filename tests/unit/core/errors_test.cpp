#include "daemon/core/errors.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

namespace zohosyncd {
namespace {

TEST_CASE("every kind of error has a name of its own") {
    std::set<std::string> names;
    const auto last = static_cast<int>(ErrorKind::internal);
    for (int kind = 0; kind <= last; ++kind) {
        names.insert(to_string(static_cast<ErrorKind>(kind)));
    }

    CHECK(names.size() == static_cast<std::size_t>(last) + 1);
}

TEST_CASE("what follows an error depends on its kind") {
    CHECK(reaction_to(ErrorKind::unreachable) == Reaction::pause_organisation);
    CHECK(reaction_to(ErrorKind::network) == Reaction::back_off_stream);
    CHECK(reaction_to(ErrorKind::rate_limited) == Reaction::pause_organisation);
    CHECK(reaction_to(ErrorKind::token_throttled) == Reaction::pause_organisation);
    CHECK(reaction_to(ErrorKind::bad_response) == Reaction::back_off_stream);
    CHECK(reaction_to(ErrorKind::sink_down) == Reaction::back_off_stream);
    CHECK(reaction_to(ErrorKind::denied) == Reaction::deny_stream);
    CHECK(reaction_to(ErrorKind::unknown_module) == Reaction::deny_stream);
    CHECK(reaction_to(ErrorKind::schema_conflict) == Reaction::block_stream);
    CHECK(reaction_to(ErrorKind::lease_lost) == Reaction::end_process);
}

TEST_CASE("an error carries what was added to it") {
    const auto error = SyncError(ErrorKind::rate_limited, "asked too often")
                           .with_retry_after(std::chrono::seconds(7))
                           .with_zoho_code("TOO_MANY_REQUESTS")
                           .with_http_status(429)
                           .with_sqlstate("40001");

    CHECK(std::string(error.what()) == "asked too often");
    CHECK(error.kind() == ErrorKind::rate_limited);
    CHECK(error.retry_after() == std::chrono::seconds(7));
    CHECK(error.zoho_code() == "TOO_MANY_REQUESTS");
    CHECK(error.http_status() == 429);
    CHECK(error.sqlstate() == "40001");
}

} // namespace
} // namespace zohosyncd
