#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>

namespace zohosyncd::simulation {

/// All chance of one history. Only the generator is the library's: its distributions differ between
/// implementations, and a seed is to mean the same everywhere.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : generator_(seed * 0x9E3779B97F4A7C15ULL + 1) {}

    /// Below `limit`, which is not 0.
    std::uint64_t below(std::uint64_t limit) { return generator_() % limit; }

    /// From `least` to `most`.
    std::uint64_t between(std::uint64_t least, std::uint64_t most) {
        return least + below(most - least + 1);
    }

    double share() { return static_cast<double>(generator_() >> 11U) * 0x1.0p-53; }

    bool happens(double probability) { return share() < probability; }

    /// Exponential: how long until the next of events that come by chance.
    std::chrono::milliseconds wait(std::chrono::milliseconds mean) {
        const double drawn = -std::log(1.0 - share()) * static_cast<double>(mean.count());
        return std::chrono::milliseconds(static_cast<std::int64_t>(drawn) + 1);
    }

    std::chrono::milliseconds between(std::chrono::milliseconds least,
                                      std::chrono::milliseconds most) {
        return std::chrono::milliseconds(between(static_cast<std::uint64_t>(least.count()),
                                                 static_cast<std::uint64_t>(most.count())));
    }

private:
    std::mt19937_64 generator_;
};

} // namespace zohosyncd::simulation
