#include "daemon/app/persist.hpp"

#include "daemon/core/backoff.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::kv;
using log::Level;

constexpr Backoff::Policy start_backoff{500ms, 15s};
// A target costs nothing to look for, and shall not wait when it is back.
constexpr std::chrono::milliseconds longest_look{1s};

bool may_pass_by_itself(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::unreachable:
    case ErrorKind::token_failed:
    case ErrorKind::network:
    case ErrorKind::server_error:
    case ErrorKind::bad_response:
    case ErrorKind::rate_limited:
    case ErrorKind::sink_down:
    case ErrorKind::sink_conflict:
    case ErrorKind::sink_full:
        return true;
    default:
        return false;
    }
}

} // namespace

void persist(Clock& clock,
             std::optional<std::chrono::seconds> patience,
             const char* waiting_for,
             const std::stop_token& stop,
             const std::function<void()>& step,
             unsigned jitter) {
    Backoff backoff(start_backoff);
    std::minstd_rand generator(jitter);
    std::uniform_real_distribution<double> share(0.0, 1.0);
    const auto begun = clock.now();
    while (true) {
        try {
            step();
            return;
        } catch (const SyncError& error) {
            const bool is_hopeless =
                error.kind() == ErrorKind::stopped || error.kind() == ErrorKind::wrong_org ||
                error.kind() == ErrorKind::bad_config || error.kind() == ErrorKind::unsafe_file ||
                error.kind() == ErrorKind::internal;
            const bool is_patient =
                patience ? may_pass_by_itself(error.kind()) && clock.now() - begun < *patience
                         : true;
            if (is_hopeless || !is_patient) {
                throw;
            }
            auto wait = std::max(backoff.next(share(generator)), error.retry_after());
            if (error.kind() == ErrorKind::sink_down) {
                wait = std::min(wait, longest_look);
            }
            log::event(Level::warn,
                       "waiting",
                       {kv("for", waiting_for),
                        kv("kind", to_string(error.kind())),
                        kv("wait", wait),
                        kv("error", error.what())});
            if (!clock.sleep_for(wait, stop)) {
                throw SyncError(ErrorKind::stopped, "stopped while waiting");
            }
        }
    }
}

} // namespace zohosyncd
