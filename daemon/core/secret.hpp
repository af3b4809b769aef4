#pragma once

#include <string.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace zohosyncd {

/// A password, token or client secret. It has no formatter and no stream operator, so that it can
/// not be logged by accident; whoever needs the value says reveal(), which is easy to search for.
/// Every copy it owned is wiped, also the one that a move leaves behind in a short string.
class Secret {
public:
    Secret() = default;

    explicit Secret(std::string value) : value_(value) { wipe(value); }

    Secret(const Secret& other) = default;

    Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { wipe(other.value_); }

    Secret& operator=(const Secret& other) {
        if (this != &other) {
            wipe(value_);
            value_ = other.value_;
        }
        return *this;
    }

    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            wipe(value_);
            value_ = std::move(other.value_);
            wipe(other.value_);
        }
        return *this;
    }

    ~Secret() { wipe(value_); }

    /// The reference lives as long as this object keeps its value.
    [[nodiscard]] const std::string& reveal() const { return value_; }

    [[nodiscard]] bool empty() const { return value_.empty(); }

    /// Takes the same time wherever the first difference is, as bearer tokens need.
    [[nodiscard]] bool matches(std::string_view candidate) const {
        unsigned difference = candidate.size() == value_.size() ? 0U : 1U;
        for (std::size_t i = 0; i < candidate.size() && i < value_.size(); ++i) {
            difference |= static_cast<unsigned char>(candidate[i]) ^
                          static_cast<unsigned>(static_cast<unsigned char>(value_[i]));
        }
        return difference == 0;
    }

    friend bool operator==(const Secret& left, const Secret& right) {
        return left.matches(right.value_);
    }

private:
    static void wipe(std::string& value) noexcept {
        value.resize(value.capacity()); // Within its capacity a string neither moves nor throws.
        explicit_bzero(value.data(), value.size());
        value.clear();
    }

    std::string value_;
};

} // namespace zohosyncd
