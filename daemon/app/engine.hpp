#pragma once

#include "daemon/app/credit_pressure.hpp"
#include "daemon/app/run_context.hpp"
#include "daemon/app/timetable.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <vector>

namespace zohosyncd {

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
    std::optional<VerifyOptions> verify = std::nullopt; ///< See RunContext.
    const Schedule* verify_schedule = nullptr;          ///< See RunContext.
    const Schedule* formulas_schedule = nullptr;        ///< See RunContext.
};

/// The scheduler thread and the pool of three fetchers. The scheduler hands due streams to free
/// fetchers, in the order in which they fell due; a stream is never run twice at once; a failing
/// stream backs off alone. What it decides is the Timetable's; here are the threads. Details, where
/// they are wanted, are read by a thread of their own beside them, or after them in one pass.
class Engine {
public:
    Engine(EngineParts parts, FetcherParts fetcher_parts, EngineMode mode);

    /// Runs until every stream is done (once) or `stop` is requested. Throws SyncError for what
    /// ends the process: a lost lease, a target of another organisation, a broken invariant.
    void run(const std::stop_token& stop);

    /// What a stream takes along into an engine of another configuration.
    struct StreamLuggage {
        StreamMemory memory;
        Timetable::Turn turn;
    };

    /// By stream and target.
    using Luggage = std::map<std::pair<std::string, std::string>, StreamLuggage>;

    /// After run(): everything that would be forgotten.
    [[nodiscard]] Luggage unpack();
    /// Before run(): streams that are in both go on where they were.
    void resume(Luggage luggage);

    struct Outcome {
        std::size_t succeeded = 0;
        std::size_t failed = 0;
    };

    /// After run().
    [[nodiscard]] Outcome outcome() const;

private:
    void schedule(const std::stop_token& stop);
    void fetch(const std::stop_token& stop);
    void fill_details(const std::stop_token& stop);
    void fill_details_once(const std::stop_token& stop);
    [[nodiscard]] std::unique_ptr<ApiClient> make_client(Sink& sink);
    [[nodiscard]] RunContext context_for(Sink& sink, ApiClient& client) const;
    [[nodiscard]] std::optional<std::size_t> take_ready(const std::stop_token& stop);
    RunResult
    attempt(std::size_t stream, Sink& sink, ApiClient& client, const std::stop_token& stop);
    void finished(std::size_t stream, const RunResult& result);
    [[nodiscard]] Luggage::key_type key_of(std::size_t stream) const;
    void show_next_runs();
    void end_with(std::exception_ptr error);

    EngineParts parts_;
    EngineMode mode_;
    FetcherParts fetcher_parts_;
    std::optional<CreditPressure> pressure_; ///< One pass does not spare: it was asked for.
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    Timetable timetable_;
    std::deque<std::size_t> ready_;
    std::vector<StreamMemory> memories_; ///< Each is its stream's, and used by one fetcher at once.
    std::minstd_rand jitter_;
    std::exception_ptr fatal_;
    std::size_t without_details_ = 0; ///< Streams that went well, but for their details.
    std::stop_source stop_source_;
};

} // namespace zohosyncd
