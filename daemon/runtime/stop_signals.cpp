#include "daemon/runtime/stop_signals.hpp"

#include <unistd.h>

namespace zohosyncd {
namespace {

// Sent by ourselves only; it has no meaning outside.
constexpr int work_has_ended = SIGUSR2;

} // namespace

StopSignals::StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGHUP);
    sigaddset(&signals_, work_has_ended);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

int StopSignals::wait() const {
    int signal = 0;
    while (sigwait(&signals_, &signal) != 0) {
    }
    return signal;
}

void StopSignals::let_through() const {
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    // A default action would end the process without flushing, which is what a second signal asks
    // for.
    pthread_sigmask(SIG_UNBLOCK, &stops, nullptr);
}

void StopSignals::wake() {
    kill(getpid(), work_has_ended);
}

} // namespace zohosyncd
