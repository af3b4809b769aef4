#include "daemon/app/lease_keeper.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/metrics.hpp"
#include "daemon/runtime/pulse.hpp"

#include <unistd.h>

#include <array>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::kv;
using log::Level;

constexpr int beats_until_expiry = 4;
constexpr auto ask_interval = 1s; // So that a standby takes over within seconds.

} // namespace

std::string this_process() {
    std::array<char, 256> host{};
    gethostname(host.data(), host.size() - 1);
    return std::string(host.data()) + " pid " + std::to_string(getpid());
}

LeaseKeeper::LeaseKeeper(std::unique_ptr<Sink> sink, std::string connection, Clock& clock)
    : sink_(std::move(sink)), connection_(std::move(connection)), clock_(clock) {}

LeaseKeeper::~LeaseKeeper() {
    if (thread_.joinable()) {
        thread_.request_stop();
        thread_.join();
    }
    if (!is_held_) {
        return;
    }
    try {
        ZOHOSYNCD_FAILPOINT("lease.release");
        sink_->release_lease(connection_, epoch_);
        ZOHOSYNCD_FAILPOINT("lease.released");
    } catch (const SyncError& error) {
        // It runs out by itself.
        log::event(Level::warn, "lease_not_released", {kv("error", error.what())});
    }
}

void LeaseKeeper::acquire(std::optional<std::chrono::seconds> patience,
                          const std::stop_token& stop) {
    const auto deadline = patience ? std::optional(clock_.now() + *patience) : std::nullopt;
    bool is_announced = false;
    while (true) {
        ZOHOSYNCD_FAILPOINT("lease.ask");
        const Lease lease = sink_->try_acquire_lease(connection_, this_process());
        if (lease.acquired) {
            ZOHOSYNCD_FAILPOINT("lease.acquired");
            epoch_ = lease.epoch;
            was_abandoned_ = lease.was_abandoned;
            is_held_ = true;
            if (lease.ended_sessions > 0) {
                log::event(
                    Level::warn, "stuck_sessions_ended", {kv("sessions", lease.ended_sessions)});
            }
            metrics::mark(metrics::Metric::lock_age_seconds);
            return;
        }
        if (deadline && clock_.now() >= *deadline) {
            throw SyncError(ErrorKind::lease_held,
                            "the lease of " + connection_ + " is held by " + lease.holder +
                                "; stop that process, or wait until it is done");
        }
        if (!is_announced) {
            log::event(Level::info, "standing_by", {kv("holder", lease.holder)});
            is_announced = true;
        }
        if (!clock_.sleep_for(ask_interval, stop)) {
            throw SyncError(ErrorKind::stopped, "stopped while waiting for the lease");
        }
    }
}

void LeaseKeeper::keep() {
    thread_ = std::jthread([this](const std::stop_token& stop) { beat(stop); });
}

void LeaseKeeper::beat(const std::stop_token& stop) {
    const pulse::Worker worker;
    while (clock_.sleep_for(failpoint::deadline(lease_expiry) / beats_until_expiry, stop)) {
        try {
            ZOHOSYNCD_FAILPOINT("lease.beat");
            sink_->heartbeat(connection_, epoch_);
            metrics::mark(metrics::Metric::lock_age_seconds);
        } catch (const SyncError& error) {
            if (error.kind() == ErrorKind::lease_lost) {
                is_held_ = false;
                lost_.request_stop();
                return;
            }
            // The writers' own transactions tell soon enough whether the target is back or the
            // lease gone.
            log::event(Level::warn, "heartbeat_failed", {kv("error", error.what())});
        }
    }
}

} // namespace zohosyncd
