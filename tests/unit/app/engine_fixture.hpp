#pragma once

#include "daemon/app/engine.hpp"
#include "tests/unit/app/run_fixture.hpp"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zohosyncd::fixture {

using Reply = fakes::Script::Reply;

/// A Zoho that answers by what it is asked for, because several threads ask in any order.
class AnsweringTransport final : public HttpTransport {
public:
    using Answer = std::function<Reply(const std::string& path, const std::stop_token& stop)>;

    explicit AnsweringTransport(Answer answer) : answer_(std::move(answer)) {}

    void send(const HttpRequest& request, HttpResponse& response, std::stop_token stop) override {
        if (stop.stop_requested()) {
            throw SyncError(ErrorKind::stopped, "stopped before a request");
        }
        const auto begin = request.url.find("/crm/v6/");
        Reply reply{200, R"({"access_token":"t","expires_in":3600})", {}, {}};
        if (begin != std::string::npos) {
            const auto path = request.url.substr(begin + 8);
            reply = answer_(path.substr(0, path.find('?')), stop);
        }
        if (reply.failure) {
            throw SyncError(*reply.failure, "as the test says");
        }
        response.status = reply.status;
        response.body = reply.body;
        response.headers = reply.headers;
    }

private:
    Answer answer_;
};

/// Counts how many are in a place at once, and lets them wait for each other.
class Meeting {
public:
    void enter() {
        const std::lock_guard lock(mutex_);
        most_ = std::max(most_, ++inside_);
        ++entered_;
        changed_.notify_all();
    }

    void leave() {
        const std::lock_guard lock(mutex_);
        --inside_;
    }

    /// Until so many have entered in all. The limit is for a broken program only.
    bool wait_for(int entered) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 20s, [&] { return entered_ >= entered; });
    }

    [[nodiscard]] int most() const { return most_; }

    [[nodiscard]] int entered() const {
        const std::lock_guard lock(mutex_);
        return entered_;
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    int inside_ = 0;
    int most_ = 0;
    int entered_ = 0;
};

/// An engine in front of a Zoho whose modules are all empty, unless `answer` says otherwise.
struct EngineFixture {
    EngineFixture() {
        config.source.name = "ZOHO_CRM";
        organisation.id = "42";
        organisation.first_contact = noon;
        organisation.credits_allowed = 1'000'000'000;
    }

    void add(const std::string& name, const std::string& schedule = "@every 1m") {
        StreamConfig stream;
        stream.endpoint = find_endpoint(name).value();
        stream.mode = StreamMode::incremental;
        stream.target = {"zoho_crm", name};
        stream.schedule = Schedule::parse(schedule);
        config.streams.push_back(stream);
    }

    Engine::Outcome run(EngineMode mode) {
        std::vector<std::string> names;
        for (const auto& stream : config.streams) {
            names.push_back(stream.endpoint.stream);
        }
        board = std::make_unique<ProgressBoard>(names);
        Engine engine({config, organisation, fields, gate, clock, *board},
                      {[this] { return make_sink(); },
                       [this] {
                           return std::make_unique<ApiClient>(
                               settings,
                               tokens,
                               gate,
                               clock,
                               std::make_unique<AnsweringTransport>(
                                   [this](const std::string& path, const std::stop_token& token) {
                                       return note_and_answer(path, token);
                                   }));
                       }},
                      mode);
        engine.run(stop.get_token());
        return engine.outcome();
    }

    std::optional<ErrorKind> run_fails(EngineMode mode) {
        try {
            (void)run(mode);
        } catch (const SyncError& error) {
            return error.kind();
        }
        return std::nullopt;
    }

    Reply note_and_answer(const std::string& path, const std::stop_token& token) {
        {
            const std::lock_guard lock(mutex);
            asked.emplace_back(path, clock.now());
            if (asked.size() == most_requests) {
                stop.request_stop();
            }
        }
        if (answer) {
            if (auto reply = answer(path, token)) {
                return *reply;
            }
        }
        return path == "settings/fields" ? Reply{200, lead_fields, {}, {}} : Reply{204, "", {}, {}};
    }

    /// When that path was asked for.
    std::vector<Clock::TimePoint> times_of(const std::string& path) {
        const std::lock_guard lock(mutex);
        std::vector<Clock::TimePoint> times;
        for (const auto& [asked_path, time] : asked) {
            if (asked_path == path) {
                times.push_back(time);
            }
        }
        return times;
    }

    [[nodiscard]] StreamState state(const std::string& stream) const {
        return target.state({"ZOHO_CRM", stream, {"zoho_crm", stream}});
    }

    [[nodiscard]] StreamActivity activity(std::size_t line) const {
        return board->lines().at(line).activity;
    }

    ZohoSettings settings = fakes::zoho_settings();
    fakes::ManualClock clock;
    RequestGate gate{{5, 3}, clock};
    TokenProvider tokens{settings, gate, clock};
    Config config;
    Organisation organisation;
    FieldCatalog fields{clock, std::chrono::hours(24 * 365 * 100)};
    std::unique_ptr<ProgressBoard> board;
    fakes::RecordingTarget target;
    std::function<std::unique_ptr<Sink>()> make_sink = [this] {
        return std::make_unique<fakes::RecordingSink>(target);
    };
    std::function<std::optional<Reply>(const std::string&, const std::stop_token&)> answer;
    std::stop_source stop;
    std::mutex mutex;
    std::vector<std::pair<std::string, Clock::TimePoint>> asked;
    std::size_t most_requests = 100'000; ///< A run that should end and does not is stopped.
};

inline Reply refusal(long status, const std::string& code, const std::string& retry_after = "") {
    Reply reply{status, R"({"code":")" + code + R"(","message":"m","status":"error"})", {}, {}};
    if (!retry_after.empty()) {
        reply.headers["retry-after"] = retry_after;
    }
    return reply;
}

} // namespace zohosyncd::fixture
