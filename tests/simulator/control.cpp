#include "tests/simulator/simulator.hpp"

#include <algorithm>
#include <stdexcept>

namespace zohosim {

namespace {

/// Reads `key` into `target` when it is there.
template <typename Value> void take(const nlohmann::json& body, const char* key, Value& target) {
    if (body.contains(key)) {
        target = body.at(key).get<Value>();
    }
}

Reply bad_request(const std::string& message) {
    return json_reply({{"error", message}}, 400);
}

Change read_change(const nlohmann::json& body, const Clock& clock) {
    Change change;
    take(body, "count", change.count);
    take(body, "move_modified_time", change.move_modified_time);
    take(body, "permanent", change.permanent);
    for (const auto& id : body.value("ids", nlohmann::json::array())) {
        change.ids.push_back(id.is_string() ? std::stoll(id.get<std::string>())
                                            : id.get<std::int64_t>());
    }
    if (body.value("same_second", false)) {
        change.modified_at = clock.now();
    }
    if (body.contains("modified_at")) { // An ISO time, to plant ties and lateness in the past.
        change.modified_at = parse_iso(body["modified_at"].get<std::string>());
    }
    const auto values = body.value("fields", nlohmann::json::object());
    for (const auto& [name, value] : values.items()) {
        change.values.emplace_back(name, value.dump());
    }
    // Raw JSON text, for values that a JSON library would refuse to pass on.
    const auto raw = body.value("raw_fields", nlohmann::json::object());
    for (const auto& [name, value] : raw.items()) {
        change.values.emplace_back(name, value.get<std::string>());
    }
    return change;
}

void read_rates(const nlohmann::json& body, const std::string& suffix, Churn& churn) {
    take(body, ("edits" + suffix).c_str(), churn.edits);
    take(body, ("deletes" + suffix).c_str(), churn.deletes);
    take(body, ("restores" + suffix).c_str(), churn.restores);
    take(body, ("creates" + suffix).c_str(), churn.creates);
    take(body, ("unstamped_edits" + suffix).c_str(), churn.unstamped_edits);
}

/// Throws when there is none.
FieldPtr& field_named(std::vector<FieldPtr>& fields, const std::string& api_name) {
    const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& field) {
        return field->api_name == api_name;
    });
    if (found == fields.end()) {
        throw std::invalid_argument("no field '" + api_name + "'");
    }
    return *found;
}

} // namespace

Reply Simulator::control(const Call& call) {
    const auto parts = split_path(call.path);
    const std::string what = parts.size() > 1 ? parts[1] : "";
    try {
        if (call.method == "GET") {
            return control_get(call, parts);
        }
        if (call.method == "DELETE") {
            if (what == "requests") {
                log_.reset();
            } else if (what == "faults") {
                faults_.clear();
            }
            return json_reply({{"ok", true}});
        }
        const auto body =
            call.body.empty() ? nlohmann::json::object() : nlohmann::json::parse(call.body);
        if (what == "mode") {
            return set_mode(body);
        }
        if (what == "churn") {
            return set_churn(body);
        }
        if (what == "faults") {
            return set_faults(body);
        }
        if (what == "fields") {
            return set_fields(body);
        }
        if (what == "token") {
            return set_token(body);
        }
        return change(what, body);
    } catch (const std::exception& error) {
        return bad_request(error.what());
    }
}

Reply Simulator::change(const std::string& what, const nlohmann::json& body) {
    const std::string fallback = what == "convert" ? "Leads" : "";
    const auto name = module_name_of(body.value("module", fallback));
    if (name == "Users") {
        const auto now = world_.zone.iso(world_.clock.now());
        if (what == "create") {
            return json_reply({{"ids", {users_.create(now)}}});
        }
        if (what == "delete") {
            return json_reply({{"erased", users_.erase(body.at("id"))}});
        }
        const auto fields = body.value("fields", nlohmann::json::object());
        return json_reply({{"ids", {users_.edit(body.value("index", 0U), fields, now)}}});
    }
    auto* table = table_of(name);
    if (table == nullptr) {
        return bad_request("no records in module '" + name + "'");
    }
    auto request = read_change(body, world_.clock);
    std::vector<std::int64_t> ids;
    if (what == "edit") {
        ids = table->edit(request);
    } else if (what == "drift") {
        request.values_alone = true;
        request.move_modified_time = false;
        ids = table->edit(request);
    } else if (what == "tie") {
        request.modified_at = request.modified_at.value_or(world_.clock.now());
        ids = table->edit(request);
    } else if (what == "delete") {
        ids = table->erase(request);
    } else if (what == "restore") {
        ids = table->restore(request);
    } else if (what == "create") {
        ids = table->create(request.count);
    } else if (what == "convert") {
        request.convert = true;
        ids = table->edit(request);
    } else {
        return bad_request("unknown command '" + what + "'");
    }
    auto list = nlohmann::json::array();
    for (const auto id : ids) {
        list.push_back(std::to_string(id));
    }
    return json_reply({{"module", name}, {"count", ids.size()}, {"ids", list}});
}

Reply Simulator::set_mode(const nlohmann::json& body) {
    const std::scoped_lock lock{mutex_};
    auto& mode = modes_;
    if (body.contains("token_mode")) {
        const auto name = body["token_mode"].get<std::string>();
        mode.token_mode = name == "offset"     ? TokenMode::offset
                          : name == "snapshot" ? TokenMode::snapshot
                                               : TokenMode::keyset;
    }
    if (body.contains("if_modified_since")) {
        mode.since_exclusive = body["if_modified_since"] == "exclusive";
    }
    if (body.contains("date_header")) { // A number is a skew in seconds.
        const auto& value = body["date_header"];
        mode.date_header = value.is_number() ? "normal" : value.get<std::string>();
        mode.date_skew = value.is_number() ? value.get<Seconds>() : 0;
    }
    if (body.contains("visibility_lag_seconds")) {
        const auto lag = body["visibility_lag_seconds"].get<double>();
        world_.visibility_lag = static_cast<Micros>(lag * 1e6);
    }
    if (body.contains("visibility_lag_jitter")) {
        world_.lag_jitter = body["visibility_lag_jitter"].get<bool>();
    }
    if (body.contains("clock_offset_seconds")) {
        world_.clock.set_offset(body["clock_offset_seconds"].get<Seconds>());
    }
    if (body.contains("credits_limit")) {
        log_.set_credit_limit(body["credits_limit"].get<std::size_t>());
    }
    take(body, "bad_since_is_error", mode.bad_since_is_error);
    take(body, "credits_header", mode.credits_header);
    take(body, "latency_ms", mode.latency_ms);
    take(body, "page_row_limit", mode.page_row_limit);
    take(body, "token_row_limit", mode.token_row_limit);
    take(body, "deleted_row_limit", mode.deleted_row_limit);
    take(body, "page_token_life_seconds", mode.page_token_life);
    take(body, "fields_max_length", mode.fields_max_length);
    take(body, "concurrency_limit", mode.concurrency_limit);
    take(body, "sub_concurrency_limit", mode.sub_concurrency_limit);
    take(body, "rate_limit", mode.rate_limit);
    take(body, "deleted_empty_status", mode.deleted_empty_status);
    take(body, "missing_record_status", mode.missing_record_status);
    take(body, "notes_allowed", mode.notes_allowed);
    take(body, "unknown_fields", mode.unknown_fields);
    take(body, "single_rich_text", mode.single_rich_text);
    take(body, "auth_path", mode.auth_path);
    take(body, "noisy", mode.noisy);
    take(body, "hidden_modules", mode.hidden_modules);
    return json_reply({{"ok", true}});
}

Reply Simulator::set_churn(const nlohmann::json& body) {
    ChurnPlan plan;
    read_rates(body, "_per_request", plan.per_request);
    read_rates(body, "_per_second", plan.per_second);
    plan.requests = body.value("requests", plan.requests);
    for (const auto& name : body.value("modules", std::vector<std::string>{})) {
        plan.modules.push_back(module_name_of(name));
    }
    const std::scoped_lock lock{mutex_};
    churn_ = std::move(plan);
    return json_reply({{"ok", true}});
}

Reply Simulator::set_faults(const nlohmann::json& body) {
    const auto& rules = body.is_object() && body.contains("rules") ? body["rules"] : body;
    if (rules.is_array()) {
        for (const auto& rule : rules) {
            faults_.add(rule);
        }
    } else {
        faults_.add(rules);
    }
    return json_reply({{"ok", true}, {"rules", faults_.describe()}});
}

Reply Simulator::set_fields(const nlohmann::json& body) {
    const auto name = module_name_of(body.at("module"));
    const auto* module = find_module(name);
    auto* table = table_of(name);
    if (module == nullptr || table == nullptr) {
        return bad_request("no records in module '" + name + "'");
    }
    const std::scoped_lock lock{mutex_};
    auto fields = table->fields();
    auto& bin = removed_fields_[name];
    for (const auto& gone : body.value("remove", std::vector<std::string>{})) {
        auto& field = field_named(fields, gone);
        bin[gone] = field;
        std::erase(fields, FieldPtr{field});
    }
    for (const auto& added : body.value("add", nlohmann::json::array())) {
        auto field = make_field(*module, added);
        // No id is given twice, whatever went before.
        field.id += 1'000'000 * static_cast<std::int64_t>(++fields_added_);
        field.seed = mix(static_cast<std::uint64_t>(field.id));
        field.added_at = added.value("filled", false) ? 0 : world_.clock.now_micros();
        fields.push_back(std::make_shared<const Field>(std::move(field)));
    }
    for (const auto& back : body.value("restore", std::vector<std::string>{})) {
        fields.push_back(bin.at(back));
        bin.erase(back);
    }
    const auto renames = body.value("rename", std::map<std::string, std::string>{});
    std::vector<std::pair<FieldPtr*, Field>> changed; // Names may be swapped: all at once.
    for (const auto& [from, to] : renames) {
        auto& field = field_named(fields, from);
        Field copy = *field;
        copy.api_name = to;
        changed.emplace_back(&field, std::move(copy));
    }
    for (const auto& [from, type] : body.value("retype", std::map<std::string, std::string>{})) {
        auto& field = field_named(fields, from);
        Field copy = retyped(*field, type);
        copy.retyped_at = world_.clock.now_micros();
        changed.emplace_back(&field, std::move(copy));
    }
    for (auto& [field, copy] : changed) {
        *field = std::make_shared<const Field>(std::move(copy));
    }
    table->set_fields(std::move(fields));
    return json_reply({{"ok", true}, {"fields", table->fields().size()}});
}

Reply Simulator::set_token(const nlohmann::json& body) {
    if (body.value("revoke", false)) {
        oauth_.revoke_all();
    }
    if (body.contains("life_seconds")) {
        oauth_.set_token_life(body["life_seconds"].get<int>());
    }
    if (body.contains("limit")) {
        oauth_.set_token_limit(body["limit"].get<int>());
    }
    if (body.contains("throttle_status")) {
        oauth_.set_throttle_status(body["throttle_status"].get<int>());
    }
    if (body.contains("expires_in")) { // Any JSON; null restores the truth.
        const auto& raw = body["expires_in"];
        oauth_.set_expires_in(raw.is_null() ? "" : raw.dump());
    }
    if (body.contains("api_domain")) {
        oauth_.set_api_domain(body["api_domain"].get<std::string>());
    }
    if (body.value("expire_page_tokens", false)) {
        const std::scoped_lock lock{mutex_};
        for (auto& [name, token] : page_tokens_) {
            token.expires = 0;
        }
    }
    return json_reply(oauth_.stats());
}

} // namespace zohosim
