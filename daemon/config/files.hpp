#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/problems.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace zohosyncd {

inline constexpr std::size_t largest_config_file = 1024 * 1024; // Real ones have a few KiB.

struct FileText {
    std::string text;
    bool is_group_readable = false;
    bool is_world_readable = false;
};

/// Reads a regular file of at most `limit` bytes without its byte order mark. Nothing, and the
/// reason, for everything else; never waits for a pipe or a device.
std::optional<FileText> read_file(const std::string& path, std::size_t limit, std::string& reason);

/// Puts a file with this text in the place of `path`: the old one or the new one is there, whole,
/// at any instant. Only its owner may read it, and its group where that alone could before; owner
/// and group stay. Follows a link; makes the directory. An empty text says that it is done, else
/// why not.
std::string replace_file(const std::string& path, const std::string& text);

bool file_exists(const std::string& path);

/// `path` itself when it is absolute, else below `directory`.
std::string absolute_path(const std::string& path, const std::string& directory);

/// The lines of `.env.sling`: KEY=VALUE, `#` comments, values in single or double quotes that may
/// span lines. What is none of these is a warning.
std::map<std::string, std::string>
parse_env_file(std::string_view text, const std::string& file, Problems& problems);

/// `$NAME` and `${NAME}` replaced, by nothing where there is no such variable; those are added to
/// `missing`.
std::string expand_variables(std::string_view text,
                             const std::map<std::string, std::string>& variables,
                             std::vector<std::string>& missing);

/// The value itself, or what `file:/path` or `credential:NAME` stands for. Reports, without any
/// content, what can not be read, and a file that others may read.
std::optional<std::string> resolve_secret(const std::string& value,
                                          const std::string& file,
                                          int line,
                                          const std::string& key,
                                          const Environment& environment,
                                          Problems& problems);

} // namespace zohosyncd
