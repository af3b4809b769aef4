#pragma once

#include <mutex>
#include <optional>
#include <string>

namespace zohosyncd {

/// Whether a file says something else than what was last taken up. It is compared by its text, so
/// that a touch or a copy of the same is no change, and a rename, a link that is turned or an edit
/// in place are all seen. Thread-safe.
class FileWatch {
public:
    using Text = std::optional<std::string>; ///< Nothing: there is none that can be read.

    explicit FileWatch(Text in_use) : considered_(in_use), last_look_(std::move(in_use)) {}

    /// What is read for a reload by other means need not be found once more.
    void consider(Text text) {
        const std::lock_guard lock(mutex_);
        considered_ = std::move(text);
    }

    /// One look. True once for each new text, at the second look that finds it: the first may have
    /// come in the middle of its writing.
    [[nodiscard]] bool has_changed(Text now) {
        const std::lock_guard lock(mutex_);
        const bool is_settled = now == last_look_;
        last_look_ = std::move(now);
        if (!is_settled || last_look_ == considered_) {
            return false;
        }
        considered_ = last_look_;
        return true;
    }

private:
    std::mutex mutex_;
    Text considered_;
    Text last_look_;
};

} // namespace zohosyncd
