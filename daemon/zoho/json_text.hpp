#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace zohosyncd {

/// The text under `key`; empty when it is missing or no string. Requires an object.
inline std::string text_at(const nlohmann::json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

} // namespace zohosyncd
