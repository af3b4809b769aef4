#include "daemon/app/engine.hpp"

#include "daemon/app/details_filler.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/app/stream_run.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/pulse.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::kv;
using log::Level;

// Three are enough to use five requests a second at Zoho's latency, and its limit of calls at once
// is 5 in the smallest edition (contract §9).
constexpr std::size_t fetchers = 3;

} // namespace

Engine::Engine(EngineParts parts, FetcherParts fetcher_parts, EngineMode mode)
    : parts_(parts), mode_(mode), fetcher_parts_(std::move(fetcher_parts)),
      timetable_(parts_.config.streams, mode, 1.0, parts_.clock.now()),
      memories_(parts_.config.streams.size()), jitter_(std::random_device{}()) {
    if (mode == EngineMode::forever) {
        pressure_.emplace(
            parts_.config, parts_.organisation.credits_allowed, parts_.gate, parts_.clock);
    }
}

void Engine::run(const std::stop_token& stop) {
    const std::stop_callback forward(stop, [this] { stop_source_.request_stop(); });
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < fetchers; ++i) {
            threads.emplace_back([this] { fetch(stop_source_.get_token()); });
        }
        if (mode_ == EngineMode::forever && !parts_.verify && wants_details(parts_.config)) {
            threads.emplace_back([this] { fill_details(stop_source_.get_token()); });
        }
        threads.emplace_back([this] { schedule(stop_source_.get_token()); });
    } // Joined here, before anything they use goes away.
    if (!fatal_ && mode_ == EngineMode::once && !parts_.verify && wants_details(parts_.config)) {
        fill_details_once(stop);
    }
    if (fatal_) {
        std::rethrow_exception(fatal_);
    }
}

Engine::Outcome Engine::outcome() const {
    const std::lock_guard lock(mutex_);
    const auto succeeded = timetable_.succeeded() - without_details_;
    return {succeeded, parts_.config.streams.size() - succeeded};
}

Engine::Luggage::key_type Engine::key_of(std::size_t stream) const {
    const auto& config = parts_.config.streams[stream];
    return {config.endpoint.stream, config.target.text()};
}

Engine::Luggage Engine::unpack() {
    const std::lock_guard lock(mutex_);
    Luggage luggage;
    for (std::size_t stream = 0; stream < memories_.size(); ++stream) {
        luggage.emplace(key_of(stream),
                        StreamLuggage{std::move(memories_[stream]), timetable_.turn(stream)});
    }
    return luggage;
}

void Engine::resume(Luggage luggage) {
    const std::lock_guard lock(mutex_);
    for (std::size_t stream = 0; stream < memories_.size(); ++stream) {
        const auto found = luggage.find(key_of(stream));
        if (found != luggage.end()) {
            memories_[stream] = std::move(found->second.memory);
            timetable_.resume(stream, found->second.turn);
        }
    }
}

/// The scheduler: moves streams that have fallen due to the ready list.
void Engine::schedule(const std::stop_token& stop) {
    const pulse::Worker worker;
    // No clock inside condition variables: sleeping is the clock's business, so that tests own it.
    while (!stop.stop_requested()) {
        std::optional<Clock::TimePoint> due;
        {
            const std::lock_guard lock(mutex_);
            if (pressure_ && pressure_->adapt(timetable_)) {
                show_next_runs();
            }
            if (timetable_.is_all_done()) {
                stop_source_.request_stop();
                return;
            }
            for (const auto stream : timetable_.take_due(parts_.clock.now())) {
                ready_.push_back(stream);
                changed_.notify_one();
            }
            due = timetable_.next_due();
        }
        // A run that ends meanwhile may fall due earlier than what is known now.
        constexpr auto glance = 50ms;
        const auto soon = parts_.clock.now() + glance;
        parts_.clock.sleep_until(std::min(due.value_or(soon), soon), stop);
    }
}

/// Of those that wait; the others' change when they end.
void Engine::show_next_runs() {
    for (std::size_t stream = 0; stream < parts_.config.streams.size(); ++stream) {
        if (const auto due = timetable_.due(stream)) {
            parts_.board.update(parts_.config.streams[stream].endpoint.stream,
                                [&](StreamProgress& line) { line.next_run = due; });
        }
    }
}

std::optional<std::size_t> Engine::take_ready(const std::stop_token& stop) {
    const pulse::Rest rest;
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !ready_.empty(); })) {
        return std::nullopt;
    }
    const auto stream = ready_.front();
    ready_.pop_front();
    return stream;
}

/// What it spends is counted in time.
std::unique_ptr<ApiClient> Engine::make_client(Sink& sink) {
    auto client = fetcher_parts_.make_client();
    client->before_each([this, &sink] {
        settle_credits_in_time(
            sink, parts_.gate, parts_.config.source.name, parts_.organisation.credits_allowed);
    });
    return client;
}

void Engine::fetch(const std::stop_token& stop) {
    const pulse::Worker worker;
    try {
        const auto sink = fetcher_parts_.make_sink();
        const auto client = make_client(*sink);
        while (const auto stream = take_ready(stop)) {
            finished(*stream, attempt(*stream, *sink, *client, stop));
        }
    } catch (...) {
        end_with(std::current_exception());
    }
}

void Engine::end_with(std::exception_ptr error) {
    {
        const std::lock_guard lock(mutex_);
        if (!fatal_) {
            fatal_ = std::move(error);
        }
    }
    stop_source_.request_stop();
}

RunContext Engine::context_for(Sink& sink, ApiClient& client) const {
    return {parts_.config,
            parts_.organisation,
            parts_.fields,
            parts_.gate,
            parts_.clock,
            parts_.board,
            client,
            sink,
            parts_.verify,
            parts_.verify_schedule,
            pressure_ ? &*pressure_ : nullptr,
            parts_.formulas_schedule};
}

void Engine::fill_details(const std::stop_token& stop) {
    try {
        const auto sink = fetcher_parts_.make_sink();
        const auto client = make_client(*sink);
        DetailsFiller(context_for(*sink, *client)).run_until_stopped(stop);
    } catch (...) {
        end_with(std::current_exception());
    }
}

/// After the streams: nothing else is sent meanwhile.
void Engine::fill_details_once(const std::stop_token& stop) {
    const auto sink = fetcher_parts_.make_sink();
    const auto client = make_client(*sink);
    for (const auto stream : DetailsFiller(context_for(*sink, *client)).run_once(stop)) {
        parts_.board.update(parts_.config.streams[stream].endpoint.stream,
                            [&](StreamProgress& line) {
                                if (line.activity == StreamActivity::done) {
                                    line.activity = StreamActivity::failed;
                                    line.error = "its details could not be read; see the log";
                                    ++without_details_;
                                }
                            });
    }
}

RunResult
Engine::attempt(std::size_t stream, Sink& sink, ApiClient& client, const std::stop_token& stop) {
    const auto context = context_for(sink, client);
    if (pressure_) {
        pressure_->look(sink);
    }
    int attempts = 0;
    {
        const std::lock_guard lock(mutex_);
        attempts = timetable_.attempts(stream);
    }
    return attempt_stream(
        context, parts_.config.streams[stream], memories_[stream], attempts + 1, stop);
}

void Engine::finished(std::size_t stream, const RunResult& result) {
    const std::lock_guard lock(mutex_);
    std::uniform_real_distribution<double> share(0.0, 1.0);
    const bool goes_on = timetable_.finished(
        stream, result, share(jitter_), {parts_.clock.now(), parts_.clock.wall_seconds()});
    parts_.board.update(parts_.config.streams[stream].endpoint.stream, [&](StreamProgress& line) {
        line.next_run = timetable_.due(stream);
        if (!goes_on && line.activity == StreamActivity::backing_off) {
            line.activity = StreamActivity::failed;
        }
    });
}

} // namespace zohosyncd
