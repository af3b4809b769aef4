#include "daemon/app/service.hpp"

#include "daemon/app/cli.hpp"
#include "daemon/app/service_notices.hpp"
#include "daemon/config/files.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/pulse.hpp"
#include "daemon/runtime/sd_notify.hpp"

#include <thread>
#include <utility>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::kv;
using log::Level;

// A secret that was rotated on disk is looked for this often while Zoho refuses the old one
// (reliability.md A9).
constexpr auto between_looks_for_secrets = 1min;

// Each takes the streams off their work; signals that come meanwhile are one.
constexpr auto between_reloads = 1s;

// Sling's users edit a file and expect the next run to go by it. Reading a few KiB costs nothing.
constexpr auto between_looks_at_file = 2s;

bool has_same_secrets(const ZohoConnection& a, const ZohoConnection& b) {
    return a.client_id == b.client_id && a.client_secret == b.client_secret &&
           a.refresh_token == b.refresh_token && a.soid == b.soid;
}

void notify_reloading(Clock::TimePoint now) {
    const auto since_boot =
        std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
    sd_notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(since_boot.count()));
}

} // namespace

Service::Service(Config config, ConfigReader read, Reloads& reloads, Clock& clock)
    : read_(std::move(read)), reloads_(reloads), clock_(clock), file_(config.file),
      watch_(text_of_file()), gate_(gate_limits(config.source), clock), store_(clock),
      server_(store_, clock, program_version()),
      current_(std::make_unique<Replication>(std::move(config), gate_, clock)) {}

void Service::run(const std::stop_token& stop) {
    const ServiceNotifier notifier([this] {
        const auto state = state_.snapshot();
        return ServiceNotices::Sight{state, describe(state, lines()), pulse::longest_silence()};
    });
    // Joined before anything they use goes away, also when what ends the process is thrown.
    const std::jthread reloader([this](const std::stop_token& end) { watch_for_reloads(end); });
    const std::jthread watcher([this](const std::stop_token& end) { watch_credentials(end); });
    const std::jthread looker([this](const std::stop_token& end) { watch_file(end); });
    const std::stop_callback on_stop(stop, [this] {
        enter(Phase::stopping);
        sd_notify("STOPPING=1");
    });
    while (serve(stop)) {
    }
}

/// True when another configuration takes over.
bool Service::serve(const std::stop_token& stop) {
    const std::stop_token replaced = take_over();
    std::stop_source either;
    const std::stop_callback on_stop(stop, [&either] { either.request_stop(); });
    const std::stop_callback on_replaced(replaced, [&either] { either.request_stop(); });
    try {
        go_through_phases(either.get_token());
    } catch (const SyncError& error) {
        if (error.kind() != ErrorKind::stopped) {
            throw;
        }
    }
    const std::lock_guard lock(mutex_);
    return next_ != nullptr && !stop.stop_requested();
}

/// Lets the next configuration take over, if there is one. Returns what ends the one in use.
std::stop_token Service::take_over() {
    std::shared_ptr<Replication> old; // It may have to wait for the target; not under the lock.
    const std::lock_guard lock(mutex_);
    if (next_) {
        next_->begin_after(*current_);
        old = std::exchange(current_, std::move(next_));
        replaced_ = {};
    }
    return replaced_.get_token();
}

void Service::go_through_phases(const std::stop_token& stop) {
    const auto& daemon = current_->config().daemon;
    server_.serve({daemon.listen, daemon.status_token});
    StatusReporter reporter(
        store_, current_->config(), gate_, clock_, [this](LiveView& view) { add_own(view); });
    current_->tell_of_waiting([this](const std::string& error) { store_.set_waiting_for(error); });
    enter(Phase::waiting_for_target);
    current_->reach_target(std::nullopt, stop);
    enter(Phase::standing_by);
    current_->take_lease(std::nullopt, stop);
    reporter.show_lease(current_->epoch());
    enter(Phase::waiting_for_zoho);
    current_->meet_zoho(std::nullopt, stop);
    reporter.show(current_->config(), current_->organisation(), current_->board());
    enter(Phase::syncing);
    (void)current_->run(EngineMode::forever, stop);
}

void Service::enter(Phase phase) {
    state_.set_phase(phase);
    store_.set_phase(state_.snapshot().phase);
}

/// What of the live view is the process's own.
void Service::add_own(LiveView& view) const {
    const auto state = state_.snapshot();
    view.silence = pulse::longest_silence();
    view.config_generation = state.generation;
    view.reload_error = state.reload_error;
}

std::vector<StreamProgress> Service::lines() const {
    return in_use()->board().lines();
}

std::shared_ptr<Replication> Service::in_use() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

void Service::watch_for_reloads(const std::stop_token& stop) {
    while (reloads_.wait(stop)) {
        const auto before = state_.snapshot().generation;
        reload(stop);
        if (state_.snapshot().generation != before) {
            clock_.sleep_for(between_reloads, stop);
        }
    }
}

void Service::watch_credentials(const std::stop_token& stop) {
    while (clock_.sleep_for(between_looks_for_secrets, stop)) {
        const auto current = in_use();
        if (!current->are_credentials_refused()) {
            continue;
        }
        Problems problems;
        const Config config = read_(problems);
        if (!problems.has_errors() && !has_same_secrets(config.source, current->config().source)) {
            log::event(Level::info, "secrets_changed", {kv("source", config.source.name)});
            reloads_.request();
        }
    }
}

/// The replication file alone: env.yaml is written by others, a secret at a time, and is read
/// anew on a signal, or when credentials are refused.
void Service::watch_file(const std::stop_token& stop) {
    while (clock_.sleep_for(between_looks_at_file, stop)) {
        if (watch_.has_changed(text_of_file())) {
            log::event(Level::info, "file_changed", {kv("file", file_)});
            reloads_.request();
        }
    }
}

FileWatch::Text Service::text_of_file() const {
    std::string reason;
    auto file = read_file(file_, largest_config_file, reason);
    return file ? FileWatch::Text(std::move(file->text)) : std::nullopt;
}

void Service::refuse(const std::string& error) {
    log::event(Level::error,
               "reload_refused",
               {kv("error", error), kv("hint", "the old configuration stays in use")});
    state_.reload_refused(error);
}

void Service::reload(const std::stop_token& stop) {
    log::event(Level::info, "reloading", {});
    log::answers("reload_refused");
    notify_reloading(clock_.now());
    reload_or_refuse(stop);
    sd_notify("READY=1");
}

void Service::reload_or_refuse(const std::stop_token& stop) {
    watch_.consider(text_of_file()); // Before it is read: what comes later is another change.
    Problems problems;
    Config config = read_(problems);
    if (config.no_stream_selected) {
        return refuse("Did not match any streams.");
    }
    if (problems.has_errors()) {
        for (const auto& problem : problems.all()) {
            if (problem.level == Problem::Level::error) {
                refuse(problem.text());
            }
        }
        return;
    }
    try {
        const auto current = in_use();
        auto next = current->successor(std::move(config));
        // Before the first sync there is nothing to protect, and what is waited for may be what the
        // change is to mend.
        if (state_.snapshot().phase == Phase::syncing) {
            next->try_out(*current, stop);
        }
        hand_over(std::move(next));
    } catch (const SyncError& error) {
        if (error.kind() != ErrorKind::stopped) {
            refuse(error.what());
        }
    }
}

void Service::hand_over(std::unique_ptr<Replication> next) {
    log::event(Level::info,
               "reloaded",
               {kv("file", next->config().file),
                kv("source", next->config().source.name),
                kv("target", next->config().target.described),
                kv("streams", next->config().streams.size())});
    state_.reloaded();
    const std::lock_guard lock(mutex_);
    next_ = std::move(next);
    replaced_.request_stop();
}

} // namespace zohosyncd
