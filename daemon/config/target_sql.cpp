#include "daemon/config/target_sql.hpp"

#include "daemon/config/hook_variables.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace zohosyncd {
namespace {

// Statements that people write are pages, not books; a wrong path shall not fill the memory.
constexpr std::uintmax_t largest_file = std::uintmax_t{1024} * 1024;

std::string read_statements(const std::filesystem::path& path, std::string& reason) {
    std::error_code error;
    const auto size =
        std::filesystem::is_regular_file(path, error) ? std::filesystem::file_size(path, error) : 0;
    std::ifstream file(path, std::ios::binary);
    if (error || !file || !std::filesystem::is_regular_file(path, error)) {
        reason = path.string() + " can not be read: expected a file of SQL statements";
        return {};
    }
    if (size > largest_file) {
        reason = path.string() + " is larger than 1 MiB: expected a file of SQL statements";
        return {};
    }
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

} // namespace

TextTemplate read_target_sql(std::string_view written,
                             const std::string& working_directory,
                             const std::map<std::string, std::string>& env,
                             std::string& reason) {
    constexpr std::string_view scheme = "file://";
    const auto text = trim(written);
    const bool is_file = text.starts_with(scheme);
    const auto sql = is_file
                         ? read_statements(std::filesystem::path(working_directory) /
                                               std::filesystem::path(text.substr(scheme.size())),
                                           reason)
                         : std::string(text);
    if (is_file && reason.empty() && trim(sql).empty()) {
        reason = std::string(text.substr(scheme.size())) + " is empty: expected SQL statements";
    }
    TextTemplate result(trim(sql));
    const auto known = stream_hook_variables();
    for (const auto& name : result.variables()) {
        constexpr std::string_view prefix = "env.";
        const bool is_env = name.starts_with(prefix);
        const bool is_known = is_env ? env.contains(name.substr(prefix.size()))
                                     : std::ranges::find(known, name) != known.end();
        if (!is_known && reason.empty()) {
            reason = "there is no variable {" + name + "}" +
                     (is_env ? ": add it to `env`"
                             : "; braces around a word are always one, so write an array of "
                               "PostgreSQL as ARRAY['word']");
        }
    }
    return reason.empty() ? result : TextTemplate{};
}

} // namespace zohosyncd
