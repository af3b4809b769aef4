#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace zohosim {

struct Options {
    int port = 0;
    std::uint64_t seed = 42;
    std::map<std::string, std::size_t> records; ///< by module API name
    std::map<std::string, std::size_t> fields;  ///< modules widened to so many list fields
    std::map<std::string, std::size_t> ties;
    std::map<std::string, std::size_t> bench;         ///< modules in bench mode, by record count
    nlohmann::json modules = nlohmann::json::array(); ///< descriptions of further ones
    double scale = 1;
    double per_second = 3;
    std::int64_t days = 300;
    std::size_t users = 12;
    std::string client_id = "sim-client";
    std::string client_secret = "sim-secret";
    std::string soid = "ZohoCRM.808232144";
    std::string refresh_token = "sim-refresh";
    std::string api_domain; ///< empty: our own address
    std::string time_zone = "America/New_York";
    std::string paid_type = "enterprise";
    int users_licence = 10;
    int token_life = 3600;
    int token_limit = 10;
    int token_window = 600;
    int throttle_status = 400;
    std::size_t threads = 64;
    bool gzip = true;
};

/// Throws std::invalid_argument with a message for people.
Options parse_options(const std::vector<std::string>& arguments);

/// `leads` and `meetings` are Sling's names for `Leads` and `Events`; anything else stays.
std::string module_name_of(const std::string& name);

std::string usage();

} // namespace zohosim
