#pragma once

#include "tests/simulator/api.hpp"
#include "tests/simulator/faults.hpp"
#include "tests/simulator/oauth.hpp"
#include "tests/simulator/options.hpp"
#include "tests/simulator/record_table.hpp"
#include "tests/simulator/request_log.hpp"
#include "tests/simulator/schema.hpp"
#include "tests/simulator/users.hpp"

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace zohosim {

enum class TokenMode { offset, keyset, snapshot };

/// What POST /_sim/mode switches. Copied per request, so that one answer sees one mode.
struct Modes {
    TokenMode token_mode = TokenMode::keyset;
    bool since_exclusive = false;
    bool bad_since_is_error = true;
    int latency_ms = 0;
    std::string date_header = "normal"; ///< or absent, malformed
    Seconds date_skew = 0;
    bool credits_header = true;
    std::size_t page_row_limit = 2'000;
    std::size_t token_row_limit = 100'000;
    std::size_t deleted_row_limit = 0; ///< 0: none
    Seconds page_token_life = 86'400;
    std::size_t fields_max_length = 1'024; ///< 0: none
    int concurrency_limit = 0;
    int sub_concurrency_limit = 0;
    int rate_limit = 0; ///< requests per second, 0: none
    int deleted_empty_status = 304;
    int missing_record_status = 204; ///< or 404
    bool notes_allowed = true;
    bool auth_path = false; ///< also answer /oauth/v2/auth
    bool noisy = false;     ///< unrequested `$` keys in lists
    std::set<std::string> hidden_modules;
    std::string unknown_fields = "ignored"; ///< or null, error: names in `fields` that are none
    std::string single_rich_text = "whole"; ///< or cut, left_out
};

/// Changes that happen by themselves.
struct Churn {
    double edits = 0;
    double deletes = 0;
    double restores = 0;
    double creates = 0;
    double unstamped_edits = 0; ///< edits that leave Modified_Time alone

    [[nodiscard]] bool any() const {
        return edits + deletes + restores + creates + unstamped_edits > 0;
    }
};

struct ChurnPlan {
    Churn per_request;
    Churn per_second;
    std::vector<std::string> modules;    ///< empty: the one that is listed, or all
    std::uint64_t requests = UINT64_MAX; ///< list requests that still bring changes with them
};

/// The whole simulated organisation behind one entry point, handle().
class Simulator {
public:
    explicit Simulator(Options options);
    ~Simulator();
    Simulator(const Simulator&) = delete;
    Simulator& operator=(const Simulator&) = delete;

    /// Called once the port is known: token replies name it.
    void set_address(const std::string& address);

    /// Answers one API request, faults included. Thread-safe.
    Reply handle(const Call& call);

    /// Answers one request below /_sim/. Thread-safe.
    Reply control(const Call& call);

    RequestLog& log() { return log_; }

    World& world() { return world_; }

    /// The text for the Date header, or nothing.
    std::optional<std::string> date_header();

private:
    struct PageToken {
        std::string bound_to; ///< module, parameters and header of the walk
        Position position;
        std::size_t rows_before = 0;
        Micros expires = 0;
    };

    // simulator.cpp
    Modes modes();
    Reply route(const Call& call);
    Reply route_module(const Call& call, const std::vector<std::string>& parts);
    std::optional<Reply> refuse_busy(const Call& call, const Modes& modes);
    std::vector<std::string> scopes_for(const std::vector<std::string>& parts) const;
    [[nodiscard]] static std::string kind_of(const Call& call);
    const Module* find_module(const std::string& name);
    Table* table_of(const std::string& module);
    void apply_churn(const Churn& churn, const std::vector<std::string>& modules);
    void churn_before(const std::string& module);
    void churn_in_background(const std::stop_token& stop);

    // api_list.cpp
    Reply list(const Call& call, const Module& module, Table& table);
    std::optional<Reply> check_list(const Call& call, const Module& module, const Modes& modes);
    std::optional<Reply>
    begin_walk(const Call& call, const std::string& bound_to, const Modes& modes, PageToken& state);
    std::string keep_token(PageToken token);
    std::string page_info(const Call& call, const ListPage& page, const PageToken& state);

    // api_other.cpp
    Reply single(const Call& call, Table& table, const std::string& id);
    Reply full_data(const Call& call, Table& table, const std::string& id);
    Reply missing_record();
    Reply deleted(const Call& call, Table& table);
    Reply count(const Call& call, Table& table);
    Reply organisation();
    Reply users(const Call& call, const std::string& id);

    // metadata.cpp
    Reply settings(const Call& call, const std::vector<std::string>& parts);
    Reply fields_reply(const Call& call);
    std::optional<Reply> line_fields_reply(const std::string& name);
    nlohmann::json module_json(const Module& module);

    // control.cpp, control_ledger.cpp
    Reply change(const std::string& what, const nlohmann::json& body);
    Reply set_mode(const nlohmann::json& body);
    Reply set_churn(const nlohmann::json& body);
    Reply set_faults(const nlohmann::json& body);
    Reply set_fields(const nlohmann::json& body);
    Reply set_token(const nlohmann::json& body);
    Reply control_get(const Call& call, const std::vector<std::string>& parts);
    Reply ledger(const Call& call, const std::string& module);

    Options options_;
    World world_;
    OAuth oauth_;
    Faults faults_;
    RequestLog log_;
    Users users_;
    std::vector<Module> modules_; ///< the shape is fixed; field lists live in the tables
    std::map<std::string, std::unique_ptr<Table>> tables_;
    std::mutex mutex_; ///< guards what follows
    Modes modes_;
    ChurnPlan churn_;
    std::map<std::string, std::uint64_t> churned_; ///< By kind of change: records that it hit.
    std::map<std::string, PageToken> page_tokens_;
    std::deque<std::string> token_order_; ///< oldest first
    std::mt19937_64 random_;
    std::map<std::string, std::map<std::string, FieldPtr>> removed_fields_; ///< By module and name.
    std::uint64_t fields_added_ = 0;
    std::jthread churner_;
};

std::vector<std::string> split_path(const std::string& path);

nlohmann::json field_json(const Field& field);

/// What Zoho answers where a module may not be seen.
Reply refusal(const std::string& code, const std::string& module);

} // namespace zohosim
