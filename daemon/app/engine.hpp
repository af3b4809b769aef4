#pragma once

#include "daemon/app/run_context.hpp"
#include "daemon/core/backoff.hpp"
#include "daemon/core/errors.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace zohosyncd {

/// How the streams are to be run.
enum class EngineMode {
    once,    ///< Each stream once, with a few retries; ends when all are done.
    forever, ///< Each stream on its schedule until stopped.
};

/// Makes what a fetcher owns. Called on the fetcher's own thread.
struct FetcherParts {
    std::function<std::unique_ptr<Sink>()> make_sink;
    std::function<std::unique_ptr<ApiClient>()> make_client;
};

/// What the engine's threads share.
struct EngineParts {
    const Config& config;
    Organisation& organisation;
    FieldCatalog& fields;
    RequestGate& gate;
    Clock& clock;
    ProgressBoard& board;
};

/// The scheduler thread and the pool of three fetchers. The scheduler hands due streams to free
/// fetchers, in the order in which they fell due; a stream is never run twice at once; a failing
/// stream backs off alone.
class Engine {
public:
    Engine(EngineParts parts, FetcherParts fetcher_parts, EngineMode mode);

    /// Runs until every stream is done (once) or `stop` is requested. Throws SyncError for what
    /// ends the process: a lost lease, a target of another organisation, a broken invariant.
    void run(const std::stop_token& stop);

    struct Outcome {
        std::size_t succeeded = 0;
        std::size_t failed = 0;
    };

    /// After run().
    [[nodiscard]] Outcome outcome() const;

private:
    /// One stream as the scheduler sees it.
    struct Slot {
        const StreamConfig* config = nullptr;
        std::optional<Clock::TimePoint> due; ///< Unset: not again.
        bool is_running = false;
        bool has_succeeded = false;
        int attempts = 0;
        Backoff backoff;
        StreamMemory memory;
    };

    /// What became of a run.
    struct RunResult {
        std::optional<ErrorKind> error;
        std::chrono::milliseconds retry_after{0};
    };

    void schedule(const std::stop_token& stop);
    void fetch(const std::stop_token& stop);
    Slot* take_ready(const std::stop_token& stop);
    RunResult run_slot(Slot& slot, Sink& sink, ApiClient& client, const std::stop_token& stop);
    RunResult failed_run(const Slot& slot, Sink& sink, const SyncError& error) const;
    void look_for_credits(Sink& sink) const;
    void finished(Slot& slot, const RunResult& result);
    void retry_later(Slot& slot, const RunResult& result, Reaction reaction);
    void end_with(std::exception_ptr error);
    [[nodiscard]] std::optional<Clock::TimePoint> next_due() const;
    [[nodiscard]] Clock::TimePoint after_success(const Slot& slot) const;
    [[nodiscard]] bool is_all_done() const;
    [[nodiscard]] double stretch() const;

    EngineParts parts_;
    FetcherParts fetcher_parts_;
    EngineMode mode_;
    double
        stretch_; ///< By how much intervals are longer than asked for, to stay within the credits.
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::vector<Slot> slots_;
    std::vector<Slot*> ready_;
    std::minstd_rand jitter_;
    std::exception_ptr fatal_;
    std::stop_source stop_source_;
};

} // namespace zohosyncd
