#include "daemon/config/files.hpp"

#include "daemon/config/words.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace zohosyncd {
namespace {

constexpr std::size_t largest_secret = 64 * 1024; // A private key with room to spare.

class Descriptor {
public:
    explicit Descriptor(const std::string& path)
        // O_NONBLOCK: opening a named pipe would wait for its writer.
        : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}

    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    ~Descriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }

    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

std::string error_text(int number) {
    return std::error_code(number, std::generic_category()).message();
}

bool read_all(int fd, std::size_t limit, std::string& text, std::string& reason) {
    std::array<char, 16384> buffer{};
    for (;;) {
        const auto size = ::read(fd, buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0) {
            reason = error_text(errno);
            return false;
        }
        if (size == 0) {
            return true;
        }
        text.append(buffer.data(), static_cast<std::size_t>(size));
        if (text.size() > limit) {
            reason = "larger than " + std::to_string(limit / 1024) + " KiB";
            return false;
        }
    }
}

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto size = ::write(fd, text.data(), text.size());
        if (size < 0 && errno != EINTR) {
            return false;
        }
        text.remove_prefix(size < 0 ? 0 : static_cast<std::size_t>(size));
    }
    return true;
}

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Walks over the lines of an env file.
class EnvFileParser {
public:
    EnvFileParser(std::string_view text, const std::string& file, Problems& problems)
        : rest_(text), file_(file), problems_(problems) {}

    std::map<std::string, std::string> parse() {
        while (!rest_.empty()) {
            const int line = line_;
            const auto text = trim(take_line());
            if (!text.empty() && text.front() != '#') {
                read_pair(text, line);
            }
        }
        return std::move(values_);
    }

private:
    std::string_view take_line() {
        const auto end = std::min(rest_.find('\n'), rest_.size());
        const auto line = rest_.substr(0, end);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        ++line_;
        return line;
    }

    void read_pair(std::string_view text, int line) {
        const auto equals = text.find('=');
        const auto key = trim(text.substr(0, equals));
        if (equals == std::string_view::npos || !is_plain_identifier(key)) {
            problems_.warn(file_, line, "", "not a line of the form KEY=VALUE; it is ignored");
            return;
        }
        auto value = trim(text.substr(equals + 1));
        if (!value.empty() && (value.front() == '"' || value.front() == '\'')) {
            read_quoted(std::string(key), value, line);
            return;
        }
        if (const auto comment = value.find(" #");
            comment != std::string_view::npos && value.front() != '{') {
            value = trim(value.substr(0, comment));
        }
        values_[std::string(key)] = value;
    }

    void read_quoted(const std::string& key, std::string_view first, int line) {
        const char quote = first.front();
        std::string value;
        std::string_view part = first.substr(1);
        while (!append_until_quote(part, quote, value)) {
            if (rest_.empty()) {
                problems_.error(file_, line, key, "the quote is not closed");
                return;
            }
            value += '\n';
            part = take_line();
            if (part.ends_with('\r')) {
                part.remove_suffix(1);
            }
        }
        values_[key] = value;
    }

    /// True when the quote was closed; what follows it is a comment at most.
    static bool append_until_quote(std::string_view part, char quote, std::string& value) {
        for (std::size_t i = 0; i < part.size(); ++i) {
            const char next = i + 1 < part.size() ? part[i + 1] : '\0';
            if (part[i] == quote) {
                return true;
            }
            if (quote == '"' && part[i] == '\\' && (next == '"' || next == '\\' || next == 'n')) {
                value += next == 'n' ? '\n' : next;
                ++i;
            } else {
                value += part[i];
            }
        }
        return false;
    }

    std::string_view rest_;
    const std::string& file_;
    Problems& problems_;
    int line_ = 1;
    std::map<std::string, std::string> values_;
};

} // namespace

std::optional<FileText> read_file(const std::string& path, std::size_t limit, std::string& reason) {
    const Descriptor descriptor(path);
    struct stat status{};
    if (descriptor.get() < 0 || ::fstat(descriptor.get(), &status) != 0) {
        reason = error_text(errno);
        return std::nullopt;
    }
    if (!S_ISREG(status.st_mode)) {
        reason = "not a regular file";
        return std::nullopt;
    }
    FileText file;
    file.is_group_readable = (status.st_mode & S_IRGRP) != 0;
    file.is_world_readable = (status.st_mode & S_IROTH) != 0;
    if (!read_all(descriptor.get(), limit, file.text, reason)) {
        return std::nullopt;
    }
    if (file.text.starts_with("\xEF\xBB\xBF")) {
        file.text.erase(0, 3);
    }
    return file;
}

std::string replace_file(const std::string& path, const std::string& text) {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::path target = fs::exists(path, error) ? fs::canonical(path, error) : fs::path(path);
    if (error) {
        return error.message();
    }
    if (!target.parent_path().empty() && !fs::exists(target.parent_path(), error)) {
        fs::create_directories(target.parent_path(), error);
        if (error) {
            return error.message();
        }
        fs::permissions(target.parent_path(), fs::perms::owner_all, error);
    }
    struct stat before{};
    const bool is_new = ::stat(target.c_str(), &before) != 0;
    std::string draft = target.string() + ".XXXXXX";
    const int fd = ::mkostemp(draft.data(), O_CLOEXEC); // Readable by its owner alone.
    if (fd < 0) {
        return error_text(errno);
    }
    bool is_done = write_all(fd, text);
    if (is_done && !is_new) {
        const mode_t group = (before.st_mode & S_IROTH) == 0 ? before.st_mode & S_IRGRP : 0;
        // Only root can and has to; whoever edits a file of his own is its owner already.
        is_done = (::fchown(fd, before.st_uid, before.st_gid) == 0 || ::geteuid() != 0) &&
                  ::fchmod(fd, S_IRUSR | S_IWUSR | group) == 0;
    }
    is_done = is_done && ::fsync(fd) == 0;
    int reason = errno;
    is_done = ::close(fd) == 0 && is_done;
    if (is_done && ::rename(draft.c_str(), target.c_str()) != 0) {
        is_done = false;
        reason = errno;
    }
    if (!is_done) {
        ::unlink(draft.c_str());
        return error_text(reason);
    }
    return {};
}

bool file_exists(const std::string& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
}

std::string absolute_path(const std::string& path, const std::string& directory) {
    const std::filesystem::path given(path);
    return given.is_absolute()
               ? path
               : (std::filesystem::path(directory) / given).lexically_normal().string();
}

std::map<std::string, std::string>
parse_env_file(std::string_view text, const std::string& file, Problems& problems) {
    return EnvFileParser(text, file, problems).parse();
}

std::string expand_variables(std::string_view text,
                             const std::map<std::string, std::string>& variables,
                             std::vector<std::string>& missing) {
    std::string result;
    for (std::size_t i = 0; i < text.size();) {
        const bool has_brace = text.substr(i).starts_with("${");
        const std::size_t begin = i + (has_brace ? 2 : 1);
        std::size_t end = begin;
        while (text[i] == '$' && end < text.size() && is_name_char(text[end])) {
            ++end;
        }
        const bool is_closed = !has_brace || (end < text.size() && text[end] == '}');
        if (text[i] != '$' || end == begin || !is_closed) {
            result += text[i++];
            continue;
        }
        const std::string name(text.substr(begin, end - begin));
        if (const auto found = variables.find(name); found != variables.end()) {
            result += found->second;
        } else {
            missing.push_back(name);
        }
        i = end + (has_brace ? 1 : 0);
    }
    return result;
}

std::optional<std::string> resolve_secret(const std::string& value,
                                          const std::string& file,
                                          int line,
                                          const std::string& key,
                                          const Environment& environment,
                                          Problems& problems) {
    constexpr std::string_view file_prefix = "file:";
    constexpr std::string_view credential_prefix = "credential:";
    std::string path;
    const bool is_credential = value.starts_with(credential_prefix);
    if (value.starts_with(file_prefix)) {
        path = absolute_path(value.substr(file_prefix.size()), environment.working_directory);
    } else if (is_credential) {
        const std::string name = value.substr(credential_prefix.size());
        const auto directory = environment.variables.find("CREDENTIALS_DIRECTORY");
        if (name.empty() || name.find('/') != std::string::npos || name == "..") {
            problems.error(file, line, key, "`credential:` takes the name of a systemd credential");
            return std::nullopt;
        }
        if (directory == environment.variables.end()) {
            problems.error(file,
                           line,
                           key,
                           "credential:" + name +
                               " needs $CREDENTIALS_DIRECTORY, which systemd "
                               "sets for LoadCredential=");
            return std::nullopt;
        }
        path = directory->second + "/" + name;
    } else {
        return value;
    }
    std::string reason;
    const auto secret = read_file(path, largest_secret, reason);
    if (!secret) {
        problems.error(file, line, key, "could not read " + path + ": " + reason);
        return std::nullopt;
    }
    // systemd guards its credentials itself; their mode bits do not tell who can get at them.
    if (!is_credential && (secret->is_group_readable || secret->is_world_readable)) {
        problems.unsafe(path, key, "others may read this secret; chmod 600 " + path);
    }
    std::string text = secret->text;
    while (text.ends_with('\n') || text.ends_with('\r')) {
        text.pop_back();
    }
    if (text.empty()) {
        problems.error(file, line, key, path + " is empty");
        return std::nullopt;
    }
    return text;
}

} // namespace zohosyncd
