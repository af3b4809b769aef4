#include "daemon/app/status_reporter.hpp"

#include "daemon/app/scan_json.hpp"
#include "daemon/app/session.hpp"
#include "daemon/app/timetable.hpp"
#include "daemon/core/errors.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr auto between_looks = 1s;
constexpr auto between_reports = 10s;
// Counting may read whole tables: at most a hundredth of the time goes into it.
constexpr auto between_counts = 10s;
constexpr int share_of_counting = 100;
// The first moments of a scan say little about the rest.
constexpr double telling_share = 0.01;

std::vector<StreamSetup>
plans_of(const Config& config, double stretch, std::chrono::sys_seconds now) {
    std::vector<StreamSetup> plans;
    for (const auto& stream : config.streams) {
        StreamSetup plan;
        plan.stream = stream.endpoint.stream;
        plan.target = stream.target.text();
        plan.mode = to_string(stream.mode);
        plan.mode_reason = stream.mode_reason;
        plan.schedule = stream.schedule.text();
        if (!stream.schedule.is_manual() && reads_everything(stream)) {
            const auto next = stream.schedule.next_after(now);
            const auto asked =
                stream.schedule.interval().value_or(stream.schedule.next_after(next) - next);
            plan.interval =
                std::chrono::ceil<seconds>(std::chrono::duration<double>(asked) * stretch);
        }
        plans.push_back(std::move(plan));
    }
    return plans;
}

StreamNow now_of(const StreamProgress& line) {
    StreamNow now;
    now.activity = to_string(line.activity);
    now.is_running = line.activity == StreamActivity::reading;
    now.pages = line.pages;
    now.requests = line.requests;
    now.rows_read = line.rows_read;
    now.written = line.written + line.deleted;
    now.error = line.error;
    now.started = line.started;
    now.next_run = line.next_run;
    return now;
}

LiveView known_of(const Config& config, const RequestGate& gate, std::chrono::sys_seconds now) {
    LiveView known;
    known.plans = plans_of(config, 1, now);
    known.file = config.file;
    known.source = config.source.name;
    known.target = config.target.described;
    known.requests_per_second = gate.limits().per_second;
    known.concurrency = gate.limits().in_flight;
    return known;
}

} // namespace

std::optional<ScanPace> ScanWatch::look(const std::string& scan, Clock::TimePoint now) {
    const auto stored = stored_scan_from(scan);
    if (!stored || !stored->progress.first_date ||
        *stored->progress.first_date <= stored->progress.start) {
        began_as_.clear();
        return std::nullopt;
    }
    const auto& progress = stored->progress;
    const auto whole = std::chrono::duration<double>(*progress.first_date - progress.start);
    const double share =
        std::clamp(std::chrono::duration<double>(progress.at - progress.start) / whole, 0.0, 1.0);
    const auto name = std::to_string(progress.start.time_since_epoch().count()) + " " +
                      std::to_string(progress.first_date->time_since_epoch().count());
    if (name != began_as_) {
        began_as_ = name;
        first_share_ = share;
        first_seen_ = now;
    }
    ScanPace pace{share, std::nullopt};
    if (share - first_share_ >= telling_share) {
        const auto left = (now - first_seen_) * ((1 - share) / (share - first_share_));
        pace.done_at = now + std::chrono::duration_cast<Clock::Duration>(left);
    }
    return pace;
}

StatusReporter::StatusReporter(StatusStore& store,
                               const Config& config,
                               const RequestGate& gate,
                               Clock& clock,
                               AskMore ask_more)
    : store_(store), target_(config.target), state_schema_(config.daemon.state_schema),
      connection_(config.source.name), gate_(gate), clock_(clock), ask_more_(std::move(ask_more)),
      known_(known_of(config, gate, clock.wall_seconds())), next_report_(clock.now()),
      next_count_(clock.now()), source_(store, [this] { return live_view(); }) {
    // Without anybody to tell there is nothing to look at.
    if (config.daemon.listen != "off") {
        thread_ = std::jthread([this](const std::stop_token& stop) { collect(stop); });
    }
}

StatusReporter::~StatusReporter() = default;

void StatusReporter::show_lease(std::int64_t epoch) {
    const std::lock_guard lock(mutex_);
    known_.epoch = epoch;
}

void StatusReporter::show(const Config& config,
                          const Organisation& organisation,
                          const ProgressBoard& board) {
    const auto now = clock_.wall_seconds();
    const double stretch = stretch_within_credits(config, organisation.credits_allowed, now);
    auto plans = plans_of(config, stretch, now);
    const std::lock_guard lock(mutex_);
    known_.plans = std::move(plans);
    known_.stretch = stretch;
    known_.organisation = organisation.id;
    known_.credits_allowed = organisation.credits_allowed;
    board_ = &board;
}

LiveView StatusReporter::live_view() const {
    LiveView view;
    const ProgressBoard* board = nullptr;
    {
        const std::lock_guard lock(mutex_);
        view = known_;
        board = board_;
    }
    if (board != nullptr) {
        for (const auto& line : board->lines()) {
            view.now[line.stream] = now_of(line);
        }
    }
    const auto gate = gate_.snapshot();
    view.requests_sent = gate.sent;
    view.in_flight = gate.in_flight;
    view.waiting = gate.waiting;
    view.paused_until = gate.paused_until;
    view.credits_left = gate.credits_left;
    view.clock_skew = gate.clock_skew;
    if (ask_more_) {
        ask_more_(view);
    }
    return view;
}

void StatusReporter::collect(const std::stop_token& stop) {
    const auto sink = make_sink(target_, state_schema_);
    do {
        try {
            look(*sink);
        } catch (const SyncError& error) {
            store_.publish_error(error.what());
        }
    } while (clock_.sleep_for(between_looks, stop));
}

void StatusReporter::look(Sink& sink) {
    TargetView view;
    // Taken before the target is asked: what it then says is at least as old.
    view.read_at = clock_.now();
    view.read_wall = clock_.wall_seconds();
    view.states = sink.states(connection_);
    for (const auto& state : view.states) {
        if (const auto pace = scans_[state.key.stream].look(state.scan, view.read_at)) {
            view.scans[state.key.stream] = *pace;
        }
    }
    if (!view.states.empty()) {
        look_at_report(sink, view);
        count_rows(sink, view);
    }
    view.report = report_;
    view.rows = rows_;
    store_.publish(std::move(view));
}

void StatusReporter::look_at_report(Sink& sink, TargetView& view) {
    if (view.read_at >= next_report_) {
        report_ = sink.report(connection_);
        next_report_ = view.read_at + between_reports;
    }
}

/// A table that somebody has changed, or that we may not read, must not hide the others.
void StatusReporter::count_rows_of(Sink& sink, const TableName& table) {
    try {
        rows_[table.text()] = sink.about_rows(table);
    } catch (const SyncError& error) {
        if (reaction_to(error.kind()) != Reaction::block_stream) {
            throw;
        }
    }
}

void StatusReporter::count_rows(Sink& sink, TargetView& view) {
    if (clock_.now() < next_count_) {
        return;
    }
    const auto begun = clock_.now();
    rows_.clear();
    for (const auto& state : view.states) {
        count_rows_of(sink, state.key.target);
    }
    const auto took = clock_.now() - begun;
    next_count_ =
        clock_.now() + std::max<Clock::Duration>(between_counts, took * share_of_counting);
}

} // namespace zohosyncd
