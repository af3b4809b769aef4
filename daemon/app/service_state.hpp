#pragma once

#include "daemon/app/progress.hpp"
#include "daemon/status/status_store.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace zohosyncd {

/// What the daemon as a whole is doing. Outlives the configurations that it runs under.
/// Thread-safe.
class ServiceState {
public:
    struct Snapshot {
        Phase phase = Phase::waiting_for_target;
        bool has_reached_target = false; ///< Once, under any configuration.
        std::uint64_t generation = 1;    ///< Configurations so far; grows with each reload.
        std::string reload_error; ///< Why the last reload was refused; empty when it was not.
    };

    void set_phase(Phase phase) {
        const std::lock_guard lock(mutex_);
        if (state_.phase == Phase::stopping) {
            return; // There is no way back.
        }
        state_.phase = phase;
        state_.has_reached_target |= phase != Phase::waiting_for_target;
    }

    void reload_refused(std::string error) {
        const std::lock_guard lock(mutex_);
        state_.reload_error = std::move(error);
    }

    void reloaded() {
        const std::lock_guard lock(mutex_);
        ++state_.generation;
        state_.reload_error.clear();
    }

    [[nodiscard]] Snapshot snapshot() const {
        const std::lock_guard lock(mutex_);
        return state_;
    }

private:
    mutable std::mutex mutex_;
    Snapshot state_;
};

/// One line that says it to people: "syncing: 12 of 14 streams in step; backing off: deals".
/// `lines` are those of the streams; only while syncing they count.
std::string describe(const ServiceState::Snapshot& state, const std::vector<StreamProgress>& lines);

} // namespace zohosyncd
