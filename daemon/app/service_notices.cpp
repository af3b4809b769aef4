#include "daemon/app/service_notices.hpp"

#include "daemon/runtime/clock.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/sd_notify.hpp"

#include <utility>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

// reliability.md §5: a boot that starts us before the database must not fail us.
constexpr auto longest_start = 30s;
// One request may take two minutes, the merge of a very large stage some more; a thread that has
// come no further for a quarter of an hour never will.
constexpr std::chrono::milliseconds longest_work = 15min;
// systemd's advice: twice within its time.
constexpr int signs_in_time = 2;
// How late a change is told at most.
constexpr auto glance = 500ms;

} // namespace

ServiceNotices::ServiceNotices(TimePoint started, std::optional<std::chrono::microseconds> watchdog)
    : started_(started), watchdog_(watchdog) {}

std::string ServiceNotices::next(const Sight& sight, TimePoint now) {
    std::string message;
    const auto say = [&message](const std::string& line) {
        message += (message.empty() ? "" : "\n") + line;
    };
    if (!is_ready_ && (sight.state.has_reached_target || now - started_ >= longest_start)) {
        is_ready_ = true;
        say("READY=1");
    }
    if (sight.status != status_) {
        status_ = sight.status;
        say("STATUS=" + status_);
    }
    const bool is_alive = sight.silence < failpoint::deadline(longest_work);
    if (watchdog_ && is_alive && (!fed_at_ || now - *fed_at_ >= *watchdog_ / signs_in_time)) {
        fed_at_ = now;
        say("WATCHDOG=1");
    }
    return message;
}

ServiceNotifier::ServiceNotifier(std::function<ServiceNotices::Sight()> look)
    : look_(std::move(look)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void ServiceNotifier::run(const std::stop_token& stop) {
    SystemClock clock;
    ServiceNotices notices(clock.now(), watchdog_interval());
    do {
        const auto message = notices.next(look_(), clock.now());
        if (!message.empty()) {
            sd_notify(message);
        }
    } while (clock.sleep_for(glance, stop));
}

} // namespace zohosyncd
