#pragma once

#include <string>
#include <utility>
#include <vector>

namespace zohosyncd::simulation {

/// What was found wrong in a history.
class Verdict {
public:
    void fail(std::string what) {
        ++count_;
        if (violations_.size() < enough_to_read) {
            violations_.push_back(std::move(what));
        }
    }

    [[nodiscard]] bool is_good() const { return count_ == 0; }

    [[nodiscard]] std::size_t count() const { return count_; }

    [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

private:
    static constexpr std::size_t enough_to_read = 12;

    std::vector<std::string> violations_;
    std::size_t count_ = 0;
};

} // namespace zohosyncd::simulation
