#pragma once

#include "daemon/app/engine.hpp"
#include "daemon/app/lease_keeper.hpp"
#include "daemon/app/progress.hpp"
#include "daemon/app/session.hpp"
#include "daemon/config/config.hpp"

#include <memory>
#include <optional>
#include <stop_token>

namespace zohosyncd {

/// The composition root of `run` and `sync`: makes every object once, in the order in which they
/// need each other, and lets them go in the opposite one.
class Replication {
public:
    Replication(const Config& config, Clock& clock);

    /// Applies pending migrations. Tries again for `patience` while the target can not be reached.
    void reach_target(std::optional<std::chrono::seconds> patience, const std::stop_token& stop);
    /// See LeaseKeeper::acquire.
    void take_lease(std::optional<std::chrono::seconds> patience, const std::stop_token& stop);
    /// Token, organisation, modules, and the credits spent in the last 24 hours; tries again while
    /// Zoho does not answer.
    void meet_zoho(std::optional<std::chrono::seconds> patience, const std::stop_token& stop);

    /// Runs the streams; see Engine::run.
    Engine::Outcome run(EngineMode mode, const std::stop_token& stop);

    /// Compares the streams with Zoho; the findings are on the board. Only to mend it needs the
    /// lease.
    Engine::Outcome verify(VerifyOptions options, const std::stop_token& stop);

    [[nodiscard]] const ProgressBoard& board() const { return *board_; }

    [[nodiscard]] const RequestGate& gate() { return session_.gate(); }

    [[nodiscard]] const Config& config() const { return config_; }

    /// As met.
    [[nodiscard]] const Organisation& organisation() const { return organisation_; }

    /// Of the lease; 0 before it was taken.
    [[nodiscard]] std::int64_t epoch() const { return lease_.epoch(); }

private:
    Engine::Outcome
    run_engine(const EngineParts& parts, EngineMode mode, const std::stop_token& stop);
    [[nodiscard]] EngineParts engine_parts();
    [[nodiscard]] std::unique_ptr<Sink> own_sink();
    void load_credits();
    void require_own_target();

    Config config_;
    Clock& clock_;
    ZohoSession session_;
    FieldCatalog fields_;
    Organisation organisation_;
    std::stop_source lost_lease_; // The keeper's thread uses it until that is gone.
    LeaseKeeper lease_;
    std::unique_ptr<ProgressBoard> board_;
};

} // namespace zohosyncd
