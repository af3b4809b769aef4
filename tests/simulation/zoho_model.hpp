#pragma once

#include "daemon/net/http_transport.hpp"
#include "tests/simulation/organisation_model.hpp"
#include "tests/simulation/verdict.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zohosyncd::simulation {

/// What a page token turns out to be.
enum class TokenKind {
    offset,       ///< A position in the list as it is now.
    keyset,       ///< The last row's (Modified_Time, id).
    snapshot,     ///< The list as it was, with the rows' old content.
    snapshot_live ///< The order as it was; each row shows what it is now.
};

/// How a Zoho answers; none of it is written anywhere.
struct Manners {
    TokenKind token = TokenKind::offset;
    bool inclusive = true;
    bool sends_date = true;
    bool single_reads_truth = true; ///< A single record is shown as it is, not as lists show it.
    bool empty_is_304 = true;
    std::chrono::seconds skew{0};    ///< By how much its clock is ahead of the daemon's.
    std::uint64_t daily_credits = 0; ///< Of a Free edition, 5,000; 0: those of a large one.
};

/// What goes wrong on the way, by the share of requests.
struct Troubles {
    double server_error = 0;
    double network = 0;
    double unreachable = 0;
    double too_many = 0;
    double retry_after = 0; ///< Of those, with a Retry-After.
    double bad_body = 0;
    double token_revoked = 0;
    double token_fails = 0;
    double page_token_expires = 0;
    double denied = 0;
    double stir = 0;  ///< Something happens in the organisation around a request.
    double crash = 0; ///< The process dies before the request or with the reply.
};

/// The end of the process, with everything in its memory. Not an std::exception: nothing of the
/// daemon's may catch it.
struct Crash {};

/// A Zoho over the model of an organisation: real URLs in, real JSON out, with the limits of the
/// real one. It watches that the daemon keeps its own. One instance for all transports.
class ZohoModel {
public:
    ZohoModel(OrganisationModel& organisation, VirtualClock& clock, Dice& dice, Verdict& verdict);

    Manners manners;
    Troubles troubles;

    /// Another process sends from now on; the rate is each one's own.
    void begin_process() { sent_.clear(); }

    /// Runs while a request is under way.
    std::function<void()> meanwhile;

    void send(const HttpRequest& request, HttpResponse& response, const std::stop_token& stop);

    /// What was asked for, without token requests; by the path below /crm/v6.
    [[nodiscard]] std::uint64_t requests() const { return requests_; }

    [[nodiscard]] std::uint64_t token_requests() const { return token_requests_; }

    /// When API requests arrived; of the last 24 hours.
    [[nodiscard]] const std::deque<Moment>& recent() const { return recent_; }

    /// Called with each path that is asked for.
    std::function<void(const std::string& path)> on_request;

    static constexpr const char* accounts_url = "https://accounts.zoho.com";
    static constexpr const char* api_domain = "https://www.zohoapis.com";
    static constexpr const char* organisation_id = "42";
    static constexpr std::size_t page_size = 200;

private:
    struct Query {
        std::string path;
        std::map<std::string, std::string> parameters;
        std::optional<Instant> since;
        std::string shape; ///< Everything but the page token,
        std::string bound; ///< to which that is bound.

        [[nodiscard]] std::string get(const std::string& name) const;
    };

    struct Row {
        std::int64_t id;
        Version version;
    };

    void watch_rate();
    void crash_perhaps();
    bool fail_perhaps(HttpResponse& response);
    void answer_token(HttpResponse& response);
    void answer(const HttpRequest& request, HttpResponse& response);
    void answer_fields(const Query& query, HttpResponse& response);
    void answer_list(ModuleModel& module, const Query& query, HttpResponse& response);
    void answer_deletions(const ModuleModel& module, const Query& query, HttpResponse& response);
    void answer_record(const ModuleModel& module, const std::string& id, HttpResponse& response);
    void nothing(HttpResponse& response) const;
    static void
    refuse(HttpResponse& response, long status, const char* code, const char* message = "m");
    [[nodiscard]] std::vector<Row>
    rows_of(ModuleModel& module, const Query& query, std::size_t& from, std::size_t& snapshot);
    [[nodiscard]] std::vector<Row> sorted(const ModuleModel& module, const Query& query) const;
    static void
    append_record(std::string& body, const Row& row, const std::vector<std::size_t>& slices);
    [[nodiscard]] const std::vector<std::size_t>& slices_in(const std::string& fields);
    [[nodiscard]] static Query parse(const HttpRequest& request);

    OrganisationModel& organisation_;
    VirtualClock& clock_;
    Dice& dice_;
    Verdict& verdict_;
    std::deque<Moment> sent_; ///< The last instants of sending, token calls included.
    std::deque<Moment> recent_;
    std::deque<Moment> tokens_asked_;
    std::map<std::string, Moment> tokens_; ///< Valid ones and when they were given.
    std::uint64_t requests_ = 0;
    std::uint64_t token_requests_ = 0;

    struct Snapshot {
        std::size_t number;
        std::vector<Row> rows;
    };

    std::deque<Snapshot> snapshots_;
    std::size_t snapshots_taken_ = 0;
    std::map<std::string, std::vector<std::size_t>> known_fields_;
};

/// The daemon's side of it.
class ModelTransport final : public HttpTransport {
public:
    explicit ModelTransport(ZohoModel& zoho) : zoho_(zoho) {}

    void send(const HttpRequest& request, HttpResponse& response, std::stop_token stop) override {
        zoho_.send(request, response, stop);
    }

private:
    ZohoModel& zoho_;
};

/// Fields per slice beside `id` and Modified_Time, and the one of them that holds a value.
constexpr std::size_t fields_per_slice = 48;
std::string field_name(std::size_t index);
std::string marker_field(std::size_t slice);
std::string marker(std::int64_t id, std::uint64_t edit);

} // namespace zohosyncd::simulation
