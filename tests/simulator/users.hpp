#pragma once

#include "tests/simulator/clock.hpp"
#include "tests/simulator/values.hpp"

#include <nlohmann/json.hpp>

#include <mutex>
#include <string>
#include <vector>

namespace zohosim {

/// The organisation's users, whole JSON objects; the first is the token's user. Thread-safe.
class Users {
public:
    Users(std::size_t count, const TimeZone& zone, Seconds now);

    [[nodiscard]] std::vector<UserRef> references() const;

    /// All users of a `type`; nothing for an unknown type.
    std::optional<std::vector<nlohmann::json>> of_type(const std::string& type);

    /// Changes one user's data, stamps it, and returns its id.
    std::string edit(std::size_t index, const nlohmann::json& fields, const std::string& now);

    /// Adds one and returns its id.
    std::string create(const std::string& now);

    /// Takes a user away altogether.
    bool erase(const std::string& id);

private:
    static nlohmann::json make(std::size_t index, const std::string& time);

    mutable std::mutex mutex_;
    std::vector<nlohmann::json> users_;
    std::size_t created_ = 0;
};

} // namespace zohosim
