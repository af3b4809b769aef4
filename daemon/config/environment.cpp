#include "daemon/config/config.hpp"

#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <string_view>

namespace zohosyncd {

Environment process_environment() {
    Environment environment;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text(*variable);
        const auto equals = text.find('=');
        if (equals != std::string_view::npos) {
            environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    std::error_code error;
    if (const auto directory = std::filesystem::current_path(error); !error) {
        environment.working_directory = directory.string();
    }
    environment.now = std::chrono::sys_seconds(std::chrono::seconds(std::time(nullptr)));
    return environment;
}

} // namespace zohosyncd
