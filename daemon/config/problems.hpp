#pragma once

#include <string>
#include <vector>

namespace zohosyncd {

/// One thing wrong, or worth a warning, in the configuration.
struct Problem {
    enum class Level { warning, error, unsafe_file };

    Level level = Level::error;
    std::string file;
    int line = 0;    ///< From 1; 0 when the problem has no line.
    std::string key; ///< Full path, such as "streams.leads.mode"; may be empty.
    std::string message;

    /// "replication.yaml:7: streams.leads.mode: …"
    [[nodiscard]] std::string text() const;

    bool operator==(const Problem&) const = default;
};

/// All of them, in the order in which they were found.
class Problems {
public:
    void warn(std::string file, int line, std::string key, std::string message);
    void error(std::string file, int line, std::string key, std::string message);
    /// A secret's file is readable by others: exit code 77.
    void unsafe(std::string file, std::string key, std::string message);

    void append(const Problems& others);

    [[nodiscard]] bool has_errors() const;
    [[nodiscard]] bool has_unsafe_file() const;

    [[nodiscard]] const std::vector<Problem>& all() const { return problems_; }

private:
    std::vector<Problem> problems_;
};

} // namespace zohosyncd
