#pragma once

#include "tests/simulation/daemon_model.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace zohosyncd::simulation {

/// The models of one history, wired to each other.
struct World {
    World(std::uint64_t seed, Manners manners, Habits habits);

    /// The daemon's clock when Zoho's shows that.
    [[nodiscard]] Moment daemon_time(Moment zoho_time) const {
        return zoho_time - zoho.manners.skew;
    }

    Dice dice;
    Verdict verdict;
    VirtualClock clock;
    OrganisationModel organisation;
    ZohoModel zoho;
    DatabaseModel database;
    DaemonModel daemon;
};

/// 2026-01-05 00:00:00 UTC, when every history begins.
constexpr Moment the_beginning{std::chrono::seconds(1'767'571'200)};

/// Compares the target with the organisation, record by record: lost, stale, extra and resurrected
/// rows. The organisation must be at rest.
void compare(World& world);

/// Ends all troubles and all changes, and lets the daemon run until every stream has come round
/// twice. What takes too long is a violation too.
void settle(World& world, std::chrono::milliseconds patience);

/// What a history was like, for people.
struct Story {
    std::uint64_t seed = 0;
    Verdict verdict;
    std::chrono::milliseconds simulated{0};
    std::uint64_t requests = 0;
    std::uint64_t runs = 0;
    std::uint64_t lives = 0;
    std::uint64_t records = 0;
    std::uint64_t changes = 0;
    std::uint64_t fingerprint = 0; ///< The same for the same history.
    std::string plan;
};

/// One seed is one history: the same organisation, habits, faults and crashes, each time.
Story tell(std::uint64_t seed);

} // namespace zohosyncd::simulation
