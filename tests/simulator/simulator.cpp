#include "tests/simulator/simulator.hpp"

#include "tests/simulator/bench_table.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>

namespace zohosim {

namespace {

// Each module has its own range of ids: ids are unique across modules.
constexpr std::int64_t ids_per_module = 10'000'000'000;

const std::map<std::string, std::size_t> default_counts{{"Leads", 1200},
                                                        {"Contacts", 600},
                                                        {"Accounts", 300},
                                                        {"Deals", 500},
                                                        {"Tasks", 250},
                                                        {"Events", 100},
                                                        {"Calls", 150},
                                                        {"Campaigns", 30},
                                                        {"Products", 60},
                                                        {"Quotes", 80},
                                                        {"Vendors", 25},
                                                        {"Notes", 220},
                                                        {"Invoices", 40},
                                                        {"Cases", 0},
                                                        {"Vehicles", 35}};

std::size_t setting(const std::map<std::string, std::size_t>& table,
                    const std::string& name,
                    std::size_t otherwise) {
    const auto found = table.find(name);
    return found == table.end() ? otherwise : found->second;
}

bool is_number(const std::string& text) {
    return !text.empty() && text.size() <= 19 &&
           text.find_first_not_of("0123456789") == std::string::npos;
}

Reply unknown_path() {
    return error_reply(404,
                       "INVALID_URL_PATTERN",
                       {},
                       "Please check if the URL trying to access is a correct one");
}

Reply too_many(const std::string& message) {
    return error_reply(429, "TOO_MANY_REQUESTS", {}, message);
}

/// Ends a request's time in flight, however the sending of its answer ends.
class Departure {
public:
    Departure(RequestLog& log, std::size_t number) : log_(log), number_(number) {}

    ~Departure() { log_.leave(number_); }

    Departure(const Departure&) = delete;
    Departure& operator=(const Departure&) = delete;

private:
    RequestLog& log_;
    std::size_t number_;
};

/// Turns the body into a slow source of small pieces.
void drip(Reply& reply, std::shared_ptr<const Departure> departure) {
    reply.source = [body = std::move(reply.body),
                    at = std::size_t{0},
                    step = reply.delivery.drip_bytes,
                    pause = reply.delivery.drip_pause_ms,
                    departure = std::move(departure)](std::string& piece) mutable {
        std::this_thread::sleep_for(std::chrono::milliseconds{at == 0 ? 0 : pause});
        piece = body.substr(at, step);
        at += step;
        if (at >= body.size()) {
            departure.reset();
        }
        return at < body.size();
    };
}

} // namespace

std::vector<std::string> split_path(const std::string& path) {
    std::vector<std::string> parts;
    std::string part;
    for (const char c : path + "/") {
        if (c != '/') {
            part += c;
        } else if (!part.empty()) {
            parts.push_back(std::move(part));
            part.clear();
        }
    }
    return parts;
}

std::optional<std::string> Call::param(const std::string& name) const {
    const auto found = params.find(name);
    return found == params.end() ? std::nullopt : std::optional{found->second};
}

Reply json_reply(const nlohmann::json& body, int status) {
    Reply reply;
    reply.status = status;
    reply.body = body.dump();
    return reply;
}

Reply error_reply(int status,
                  const std::string& code,
                  const nlohmann::json& details,
                  const std::string& message) {
    return json_reply({{"code", code},
                       {"details", details.is_null() ? nlohmann::json::object() : details},
                       {"message", message},
                       {"status", "error"}},
                      status);
}

Reply empty_reply(int status) {
    Reply reply;
    reply.status = status;
    reply.content_type.clear();
    return reply;
}

Simulator::Simulator(Options options)
    : options_(std::move(options)), world_(options_.seed, options_.time_zone),
      oauth_(options_, world_.clock), faults_(options_.seed),
      users_(options_.users, world_.zone, world_.clock.now()), modules_(default_modules()),
      random_(options_.seed ^ 0xc4u) {
    world_.values.set_users(users_.references());
    for (const auto& description : options_.modules) {
        modules_.push_back(make_module(description, static_cast<std::int64_t>(modules_.size())));
        if (description.contains("records")) {
            options_.records[modules_.back().api_name] = description["records"];
        }
    }
    std::map<std::string, SeedPlan> plans;
    std::int64_t first_id = id_base + ids_per_module;
    for (auto& module : modules_) {
        if (!module.has_records) {
            continue;
        }
        SeedPlan plan;
        const auto fallback = static_cast<std::size_t>(
            static_cast<double>(setting(default_counts, module.api_name, 0)) * options_.scale);
        plan.count = setting(options_.records, module.api_name, fallback);
        plan.count = setting(options_.bench, module.api_name, plan.count);
        plan.tie = std::min(setting(options_.ties, module.api_name, 0), plan.count);
        plan.per_second = options_.per_second;
        plan.span = options_.days * 86'400;
        plan.first_id = first_id;
        world_.values.set_range(module.api_name, {first_id, plan.count, module.id});
        plans[module.api_name] = plan;
        first_id += ids_per_module;
    }
    for (auto& module : modules_) {
        if (!module.has_records) {
            continue;
        }
        const auto& plan = plans[module.api_name];
        if (options_.bench.contains(module.api_name)) {
            module.fields = bench_fields(module, setting(options_.fields, module.api_name, 45));
            tables_[module.api_name] = std::make_unique<BenchTable>(world_, module.fields, plan);
            continue;
        }
        widen(module, setting(options_.fields, module.api_name, 0));
        tables_[module.api_name] = std::make_unique<RecordTable>(world_, module.fields, plan);
    }
    log_.set_credit_limit(options_.paid_type == "free" ? 5'000 : 100'000);
    churner_ = std::jthread{[this](const std::stop_token& stop) { churn_in_background(stop); }};
}

Simulator::~Simulator() = default;

void Simulator::set_address(const std::string& address) {
    if (options_.api_domain.empty()) {
        oauth_.set_api_domain(address);
    }
}

Modes Simulator::modes() {
    const std::scoped_lock lock{mutex_};
    return modes_;
}

std::optional<std::string> Simulator::date_header() {
    const auto mode = modes();
    if (mode.date_header == "absent") {
        return std::nullopt;
    }
    if (mode.date_header == "malformed") {
        return "yesterday, about noon";
    }
    return http_date(world_.clock.now() + mode.date_skew);
}

std::string Simulator::kind_of(const Call& call) {
    const auto parts = split_path(call.path);
    if (parts.size() >= 2 && parts[0] == "oauth") {
        return "token";
    }
    if (parts.size() < 3) {
        return "other";
    }
    const auto& name = parts[2];
    if (name == "users" || name == "org") {
        return name;
    }
    if (name == "settings") {
        return parts.size() > 3 ? parts[3] : name;
    }
    if (parts.size() > 4 && parts[3] == "actions") {
        return "count:" + name;
    }
    if (parts.size() > 5) {
        return "text:" + name;
    }
    if (parts.size() > 3) {
        return (parts[3] == "deleted" ? "deleted:" : "single:") + name;
    }
    return "list:" + name;
}

Reply Simulator::handle(const Call& call) {
    LogEntry entry;
    entry.wall = world_.clock.now_micros();
    entry.method = call.method;
    entry.target = call.target;
    entry.kind = kind_of(call);
    entry.since = call.since;
    entry.with_token = call.params.contains("page_token");
    if (entry.kind == "token") { // The query carries secrets.
        entry.target = call.path;
    }
    const auto number = log_.arrive(std::move(entry));
    const auto mode = modes();
    if (mode.latency_ms > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds{mode.latency_ms});
    }
    Reply reply;
    try {
        const auto action = faults_.action_for(call.target);
        reply = action ? disturb(*action, [&] { return route(call); }) : route(call);
    } catch (const std::exception& error) {
        reply = error_reply(500, "INTERNAL_ERROR", {}, error.what());
    }
    const auto credits = log_.credits();
    if (mode.credits_header && reply.status != 401 && credits.used * 2 >= credits.limit) {
        const auto left = credits.limit > credits.used ? credits.limit - credits.used : 0;
        reply.headers.emplace_back("X-API-CREDITS-REMAINING", std::to_string(left));
    }
    log_.answer(number, reply.status, reply.rows, reply.body.size());
    // A client may send its next request before this thread returns from its last write, so a
    // request leaves when its answer is ready, and a dripped one when it has been sent.
    if (reply.delivery.drip_bytes == 0) {
        log_.leave(number);
    } else {
        drip(reply, std::make_shared<const Departure>(log_, number));
    }
    return reply;
}

std::optional<Reply> Simulator::refuse_busy(const Call& call, const Modes& mode) {
    const auto credits = log_.credits();
    if (credits.used >= credits.limit) {
        return too_many("You have exceeded the API limit");
    }
    if (mode.rate_limit > 0 &&
        log_.arrivals_in(1'000'000) > static_cast<std::size_t>(mode.rate_limit)) {
        return too_many("too many requests. please try again after some time");
    }
    const bool heavy = call.params.contains("sort_by") || call.params.contains("cvid");
    const int limit = heavy && mode.sub_concurrency_limit > 0 ? mode.sub_concurrency_limit
                                                              : mode.concurrency_limit;
    if (limit > 0 && log_.in_flight() > limit) {
        return too_many("too many requests. please try again after some time");
    }
    return std::nullopt;
}

std::vector<std::string> Simulator::scopes_for(const std::vector<std::string>& parts) const {
    std::vector<std::string> names;
    const auto add = [&](const std::string& area) {
        names.push_back("ZohoCRM." + area + ".ALL");
        names.push_back("ZohoCRM." + area + ".READ");
    };
    if (parts[2] == "users" || parts[2] == "org") {
        add(parts[2]);
    } else if (parts[2] == "settings") {
        add("settings");
        if (parts.size() > 3) {
            add("settings." + parts[3]);
        }
    } else {
        add("modules");
        add("modules." + parts[2]);
    }
    return names;
}

Reply Simulator::route(const Call& call) {
    const auto parts = split_path(call.path);
    const auto mode = modes();
    if (call.path == "/oauth/v2/token" || (mode.auth_path && call.path == "/oauth/v2/auth")) {
        return call.method == "POST" ? oauth_.issue(call.params) : empty_reply(405);
    }
    if (parts.size() < 3 || parts[0] != "crm" || parts[1] != "v6") {
        return unknown_path();
    }
    if (auto refused = oauth_.reject(call.authorization, scopes_for(parts))) {
        return *refused;
    }
    const bool is_count = parts.size() == 5 && parts[3] == "actions" && parts[4] == "count";
    if (is_count) { // Needs both (zoho-api-facts §11.4).
        if (auto refused = oauth_.reject(call.authorization, {"ZohoSearch.securesearch.READ"})) {
            return *refused;
        }
    }
    if (auto refused = refuse_busy(call, mode)) {
        return *refused;
    }
    if (call.method != "GET") {
        return error_reply(
            400, "INVALID_REQUEST_METHOD", {}, "The http request method type is not a valid one");
    }
    log_.spend(call.params.contains("cvid") ? 3 : 1);
    if (parts[2] == "org" && parts.size() == 3) {
        return organisation();
    }
    if (parts[2] == "users" && parts.size() <= 4) {
        return users(call, parts.size() == 4 ? parts[3] : "");
    }
    if (parts[2] == "settings") {
        return settings(call, parts);
    }
    return route_module(call, parts);
}

Reply Simulator::route_module(const Call& call, const std::vector<std::string>& parts) {
    const auto* module = find_module(parts[2]);
    if (module == nullptr || !module->api_supported) {
        return error_reply(400,
                           "INVALID_MODULE",
                           {{"resource_path_index", 0}},
                           module == nullptr ? "the module name given seems to be invalid"
                                             : "The given module is not supported in API");
    }
    if (!module->viewable) {
        return error_reply(403,
                           "NO_PERMISSION",
                           {{"permissions", {"Crm_Implied_View_" + parts[2]}}},
                           "permission denied");
    }
    if (!module->list_refusal.empty()) {
        return refusal(module->list_refusal, parts[2]);
    }
    if (parts[2] == "Notes" && !modes().notes_allowed) {
        return error_reply(403, "NOT_SUPPORTED", {}, "This API is supported only for admin users");
    }
    auto* table = table_of(parts[2]);
    if (table == nullptr) {
        return empty_reply(204);
    }
    if (parts.size() == 3) {
        return list(call, *module, *table);
    }
    if (parts.size() == 4 && parts[3] == "deleted") {
        if (!module->has_deleted_list) {
            return error_reply(400,
                               "INVALID_MODULE",
                               {{"resource_path_index", 0}},
                               "The given module is not supported in API");
        }
        return deleted(call, *table);
    }
    if (parts.size() == 4 && is_number(parts[3])) {
        return single(call, *table, parts[3]);
    }
    if (parts.size() == 5 && parts[3] == "actions" && parts[4] == "count") {
        return count(call, *table);
    }
    if (parts.size() == 6 && is_number(parts[3]) && parts[4] == "actions" &&
        parts[5] == "fetch_full_data") {
        return full_data(call, *table, parts[3]);
    }
    return unknown_path();
}

const Module* Simulator::find_module(const std::string& name) {
    if (modes().hidden_modules.contains(name)) {
        return nullptr;
    }
    const auto found = std::find_if(modules_.begin(), modules_.end(), [&](const Module& module) {
        return module.api_name == name;
    });
    return found == modules_.end() ? nullptr : &*found;
}

Table* Simulator::table_of(const std::string& module) {
    const auto found = tables_.find(module);
    return found == tables_.end() ? nullptr : found->second.get();
}

void Simulator::apply_churn(const Churn& churn, const std::vector<std::string>& modules) {
    const auto draw = [this](std::uint64_t limit) {
        const std::scoped_lock lock{mutex_};
        return random_() % limit;
    };
    // A fraction is the probability of one more.
    const auto whole = [&](double number) {
        const auto rest = static_cast<std::uint64_t>(
            (number - static_cast<double>(static_cast<std::uint64_t>(number))) * 1'000);
        return static_cast<std::size_t>(number) + (draw(1'000) < rest ? 1 : 0);
    };
    const auto spread = [&](const char* kind, double number, const auto& act) {
        for (auto left = whole(number); left > 0; --left) {
            auto* table = table_of(modules[draw(modules.size())]);
            if (table != nullptr) {
                const auto hit = act(*table).size();
                const std::scoped_lock lock{mutex_};
                churned_[kind] += hit;
            }
        }
    };
    Change one;
    Change unstamped;
    unstamped.move_modified_time = false;
    spread("edits", churn.edits, [&](Table& table) { return table.edit(one); });
    spread("unstamped_edits", churn.unstamped_edits, [&](Table& table) {
        return table.edit(unstamped);
    });
    spread("deletes", churn.deletes, [&](Table& table) { return table.erase(one); });
    spread("restores", churn.restores, [&](Table& table) { return table.restore(one); });
    spread("creates", churn.creates, [&](Table& table) { return table.create(1); });
}

void Simulator::churn_before(const std::string& module) {
    ChurnPlan plan;
    {
        const std::scoped_lock lock{mutex_};
        plan = churn_;
        if (plan.requests == 0) {
            return;
        }
        --churn_.requests;
    }
    if (plan.per_request.any()) {
        apply_churn(plan.per_request,
                    plan.modules.empty() ? std::vector<std::string>{module} : plan.modules);
    }
}

void Simulator::churn_in_background(const std::stop_token& stop) {
    constexpr int ticks = 20;
    while (!stop.stop_requested()) {
        std::this_thread::sleep_for(std::chrono::milliseconds{1'000 / ticks});
        ChurnPlan plan;
        {
            const std::scoped_lock lock{mutex_};
            plan = churn_;
        }
        auto now = plan.per_second;
        if (!now.any()) {
            continue;
        }
        for (auto* part :
             {&now.edits, &now.deletes, &now.restores, &now.creates, &now.unstamped_edits}) {
            *part /= ticks;
        }
        if (plan.modules.empty()) {
            for (const auto& [name, table] : tables_) {
                plan.modules.push_back(name);
            }
        }
        apply_churn(now, plan.modules);
    }
}

} // namespace zohosim
