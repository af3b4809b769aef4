#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace zohosyncd::fuzz {

/// A directory of this process for files that the code under test reads; in memory where the system
/// has such a place.
class WorkDirectory {
public:
    WorkDirectory() {
        const bool has_memory = std::filesystem::is_directory("/dev/shm");
        std::string pattern = has_memory ? "/dev/shm/fuzz-XXXXXX" : "/tmp/fuzz-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) {
            std::abort();
        }
        path_ = pattern;
    }

    WorkDirectory(const WorkDirectory&) = delete;
    WorkDirectory& operator=(const WorkDirectory&) = delete;

    ~WorkDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::string& path() const { return path_; }

    [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

    void write(const std::string& name, std::string_view text) const {
        std::ofstream(path(name), std::ios::binary) << text;
        ::chmod(path(name).c_str(), 0600);
    }

    void remove(const std::string& name) const {
        std::error_code ignored;
        std::filesystem::remove(path(name), ignored);
    }

    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream file(path(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

private:
    std::string path_;
};

} // namespace zohosyncd::fuzz
