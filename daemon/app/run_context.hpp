#pragma once

#include "daemon/app/credit_pressure.hpp"
#include "daemon/app/findings.hpp"
#include "daemon/app/progress.hpp"
#include "daemon/config/config.hpp"
#include "daemon/core/schedule.hpp"
#include "daemon/runtime/clock.hpp"
#include "daemon/zoho/api_client.hpp"
#include "daemon/zoho/metadata.hpp"
#include "daemon/zoho/request_gate.hpp"
#include "sinks/sink.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace zohosyncd {

/// What is known of the organisation while the process runs. Shared by the fetchers.
struct Organisation {
    std::string id;                         ///< zgid.
    std::string edition;                    ///< "enterprise"; empty when Zoho did not say.
    std::chrono::sys_seconds first_contact; ///< Zoho's clock.
    std::uint64_t credits_allowed = 0;  ///< In any 24 hours, with the reserve already taken off.
    std::uint64_t credits_reserved = 0; ///< That reserve: left to the company's other integrations.

    /// How If-Modified-Since compares, as soon as one scan has seen it: -1 not known, 0 exclusive,
    /// 1 inclusive.
    std::atomic<int> inclusive{-1};

    /// Where reading begins unless it is configured: a year before the first contact.
    [[nodiscard]] std::chrono::sys_seconds default_anchor() const {
        return first_contact - std::chrono::days(365);
    }
};

/// A refresh of formula fields under way.
struct FormulaMemory {
    std::optional<Scan> scan; ///< Unset before it began.
    std::string mapping_hash; ///< Of what it reads; other fields begin another refresh.
    FormulaRefresh found;
};

/// What is remembered of a stream between its runs in one process.
struct StreamMemory {
    /// When a record was gone that its id was asked for.
    struct Gone {
        Clock::TimePoint first;
        Clock::TimePoint last;
    };

    /// Soft-deleted records that vanished from the delete list and were gone when asked for. Asked
    /// again until one that was asked for after the overlap is still gone: a restore may show late.
    std::map<std::int64_t, Gone> gone;
    bool has_progressed = false; ///< A scan has come further since the last failure.
    std::optional<Clock::TimePoint> deletes_checked_at;
    std::optional<VerifyMemory> verification; ///< The one under way.
    /// From when on the next scheduled verification counts; unset before it was looked up.
    std::optional<std::chrono::sys_seconds> verified_at;
    std::string window_read;            ///< The range that was read to its end in this process,
    std::int64_t window_generation = 0; ///< and under which generation.
    bool is_put_off = false;            ///< Its old records wait for credits, and that was said.
    bool is_verification_put_off = false;
    std::optional<FormulaMemory> formulas; ///< The refresh under way.
    /// From when on the next scheduled refresh counts; unset before it was looked up.
    std::optional<std::chrono::sys_seconds> formulas_at;
    bool is_refresh_put_off = false;
    bool is_selection_checked = false; ///< That each item of `select` matches a field.
    std::string left_out;              ///< What log_left_out said last.
    std::set<std::string> absent; ///< Fields that Zoho names, and that its lists do not deliver,
    std::string absent_under;     ///< as long as the mapping is this one.
    Confirmation vanished;        ///< That its module is no more.
    bool owes_post_sql = false;   ///< Rows were written, and `post_sql` did not run since.
    bool is_rest_checked = false; ///< That the last snapshot of an earlier process is old.
    bool said_whole = false;      ///< Why the list is read whole at each run.
    bool said_empty = false;      ///< The last list was answered as that of an empty module.
    /// Zoho's time up to which deletions were read while the mark has to stay behind a gap.
    std::optional<std::chrono::sys_seconds> deletes_read_until;
};

class TargetSql;

/// What one run of a stream works with. Everything but the organisation belongs to the fetcher.
struct RunContext {
    const Config& config;
    Organisation& organisation;
    FieldCatalog& fields;
    RequestGate& gate;
    Clock& clock;
    ProgressBoard& board;
    ApiClient& client;
    Sink& sink;
    /// Set: streams are compared with Zoho instead of being synced.
    std::optional<VerifyOptions> verify = std::nullopt;
    /// Set: streams are also compared, and mended, whenever this says so.
    const Schedule* verify_schedule = nullptr;
    /// Set: what is old waits while credits are short.
    const CreditPressure* pressure = nullptr;
    /// Set: formula fields are read again whenever this says so.
    const Schedule* formulas_schedule = nullptr;
    /// Set: what goes before a write, and after the last one.
    TargetSql* sql = nullptr;
};

/// Whose row of state it is.
inline StreamKey stream_key(const RunContext& context, const StreamConfig& stream) {
    return {context.config.source.name, stream.endpoint.stream, stream.target};
}

} // namespace zohosyncd
