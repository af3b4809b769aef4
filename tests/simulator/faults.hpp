#pragma once

#include "tests/simulator/api.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <regex>
#include <string>
#include <vector>

namespace zohosim {

/// One planted fault: which requests it hits and what it does to them.
struct FaultRule {
    std::regex path; ///< searched in path and query
    std::string path_text;
    std::size_t nth = 0;   ///< only the nth match, from 1
    std::size_t every = 0; ///< every so many matches
    std::size_t after = 0; ///< only matches beyond so many
    double probability = 1;
    long times = -1; ///< hits left; negative: no end
    nlohmann::json action;
    std::size_t matches = 0;
    std::size_t hits = 0;
};

/// The list of rules; the first that fires decides. Thread-safe.
class Faults {
public:
    explicit Faults(std::uint64_t seed) : random_(seed ^ 0xfa171ULL) {}

    /// Throws on a malformed rule.
    void add(const nlohmann::json& rule);
    void clear();

    /// The action for this request, if any rule fires.
    std::optional<nlohmann::json> action_for(const std::string& target);

    nlohmann::json describe();

private:
    std::mutex mutex_;
    std::vector<FaultRule> rules_;
    std::mt19937_64 random_;
};

/// Applies an action. `answer` computes the undisturbed reply and is called at most once.
Reply disturb(const nlohmann::json& action, const std::function<Reply()>& answer);

/// Gzip by zlib; `level` 1 keeps the simulator cheap.
std::string gzip(const std::string& text, int level = 1);

} // namespace zohosim
