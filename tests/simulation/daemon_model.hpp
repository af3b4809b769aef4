#pragma once

#include "daemon/app/replication.hpp"
#include "daemon/app/stream_run.hpp"
#include "tests/simulation/database_model.hpp"
#include "tests/simulation/zoho_model.hpp"

#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace zohosyncd::simulation {

/// A directory for the token file, best in memory; gone with the object.
class StateDirectory {
public:
    StateDirectory();
    StateDirectory(const StateDirectory&) = delete;
    StateDirectory& operator=(const StateDirectory&) = delete;
    ~StateDirectory();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// Everything of the daemon but its threads: its own objects, wired as Replication wires them, on
/// one thread. It lives many lives; each begins with an empty memory, a token file and a database.
class DaemonModel {
public:
    DaemonModel(ZohoModel& zoho, DatabaseModel& database, VirtualClock& clock, Dice& dice);

    Config config;
    bool rests_after_crash = true; ///< A supervisor may take its time.
    double overlaps = 0.2;         ///< How often another stream runs while a request is under way.

    /// A stream for a module of the organisation.
    StreamConfig& add_stream(ModuleModel& module, const std::string& schedule);

    [[nodiscard]] std::string stream_of(const ModuleModel& module) const;

    /// Runs until then. After a crash a new life begins at once or a little later.
    void run_until(Moment end);

    /// The process is gone, until run_until() is called again.
    void kill();

    /// Ends in good order, as after SIGTERM: what is under way is aborted.
    void stop_soon();

    [[nodiscard]] std::uint64_t lives() const { return lives_; }

    [[nodiscard]] std::uint64_t runs() const { return runs_; }

    /// By how much intervals are longer than asked for, in this life.
    [[nodiscard]] double stretch() const {
        return life_ && life_->pressure ? life_->pressure->stretch() : 1.0;
    }

private:
    /// One waits for its reply while the other works. With a third, one that meets a pause would
    /// have to wait for another's reply, and there is but one thread.
    static constexpr std::size_t fetchers = 2;

    /// What is gone when the process is.
    struct Life {
        Life(DaemonModel& daemon, unsigned jitter);

        ZohoSettings settings;
        RequestGate gate;
        TokenProvider tokens;
        FieldCatalog fields;
        Organisation organisation;
        ProgressBoard board;
        std::stop_source stop;
        std::vector<std::unique_ptr<ApiClient>> clients;
        std::vector<std::unique_ptr<Sink>> sinks;
        std::optional<Timetable> timetable;
        std::deque<std::size_t> ready;
        std::vector<StreamMemory> memories;
        std::minstd_rand jitter;
        std::optional<CreditPressure> pressure;
    };

    void live(Moment end);
    void leave();
    void start();
    void collect_due();
    void run_next();
    void run_another();
    [[nodiscard]] std::vector<std::string> stream_names() const;

    ZohoModel& zoho_;
    DatabaseModel& database_;
    VirtualClock& clock_;
    Dice& dice_;
    StateDirectory directory_;
    std::unique_ptr<Life> life_;
    std::size_t running_ = 0;
    std::uint64_t lives_ = 0;
    std::uint64_t runs_ = 0;
};

} // namespace zohosyncd::simulation
