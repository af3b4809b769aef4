#include "sinks/common/migration.hpp"

namespace zohosyncd {

std::string state_is_newer(const std::string& state, std::int64_t version, std::int64_t newest) {
    return state + ": version " + std::to_string(version) + ", but this program knows " +
           std::to_string(newest) + ": install a newer zohosyncd";
}

std::string state_is_older(const std::string& state, std::int64_t version, std::int64_t newest) {
    return state + ": version " + std::to_string(version) + ", but this program needs " +
           std::to_string(newest) +
           ": run `zohosyncd migrate` (`run`, `sync` and `verify` do it by themselves)";
}

} // namespace zohosyncd
