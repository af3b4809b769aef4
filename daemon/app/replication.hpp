#pragma once

#include "daemon/app/engine.hpp"
#include "daemon/app/lease_keeper.hpp"
#include "daemon/app/progress.hpp"
#include "daemon/app/session.hpp"
#include "daemon/config/config.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace zohosyncd {

/// The composition root of `run`, `sync` and `verify` for one configuration: makes every object
/// once, in the order in which they need each other, and lets them go in the opposite one.
class Replication {
public:
    /// `gate` and `clock` must outlive it.
    Replication(Config config, RequestGate& gate, Clock& clock);

    /// The same for another configuration. It shares what the change leaves as it is: the token,
    /// the lease; and it takes over the field lists and, when begin_after() is called, what is
    /// known of the streams. May be called, and tried out, while this one runs.
    [[nodiscard]] std::unique_ptr<Replication> successor(Config config) const;
    /// Whether a successor could work: asks the target and Zoho for what is new against
    /// `predecessor`, once. Throws SyncError.
    void try_out(const Replication& predecessor, const std::stop_token& stop);
    /// To be called when the predecessor has come to its end, before anything else.
    void begin_after(Replication& predecessor);

    /// `tell` is told each error that is waited out before the streams can run.
    void tell_of_waiting(std::function<void(const std::string&)> tell) { tell_ = std::move(tell); }

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

    [[nodiscard]] const Config& config() const { return config_; }

    [[nodiscard]] const ProgressBoard& board() const { return board_; }

    [[nodiscard]] const RequestGate& gate() const { return gate_; }

    /// Zoho has refused the credentials, and not accepted them since. Thread-safe.
    [[nodiscard]] bool are_credentials_refused() const {
        return session_->are_credentials_refused();
    }

    /// As met.
    [[nodiscard]] const Organisation& organisation() const { return organisation_; }

    /// Of the lease; 0 before it was taken.
    [[nodiscard]] std::int64_t epoch() const { return lease_->epoch(); }

private:
    Engine::Outcome
    run_engine(const EngineParts& parts, EngineMode mode, const std::stop_token& stop);
    [[nodiscard]] EngineParts engine_parts();
    [[nodiscard]] std::unique_ptr<Sink> own_sink();
    [[nodiscard]] bool has_same_lease(const Replication& other) const;
    void load_credits();
    void require_own_target();
    void persist(const char* waiting_for,
                 std::optional<std::chrono::seconds> patience,
                 const std::stop_token& stop,
                 const std::function<void()>& step);

    Config config_;
    RequestGate& gate_;
    Clock& clock_;
    // Shared with a successor, which is tried out while this one runs.
    std::shared_ptr<ZohoSession> session_;
    std::shared_ptr<LeaseKeeper> lease_;
    std::shared_ptr<FieldCatalog> fields_;
    Organisation organisation_;
    ProgressBoard board_;
    Engine::Luggage luggage_; ///< Of the streams, between two engines.
    std::function<void(const std::string&)> tell_;
};

} // namespace zohosyncd
