#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

namespace zohosyncd {

/// The wish to have the configuration read anew, from whoever gets the signal to whoever does it.
/// Wishes that come while one is open are one. Thread-safe.
class Reloads {
public:
    void request() {
        {
            const std::lock_guard lock(mutex_);
            is_wanted_ = true;
        }
        changed_.notify_all();
    }

    /// False when a stop came first.
    [[nodiscard]] bool wait(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        return changed_.wait(lock, stop, [this] { return is_wanted_; }) &&
               std::exchange(is_wanted_, false);
    }

private:
    std::mutex mutex_;
    std::condition_variable_any changed_;
    bool is_wanted_ = false;
};

} // namespace zohosyncd
