#include "tests/simulator/simulator.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace zohosim {

namespace {

constexpr std::size_t most_per_page = 200;
constexpr std::size_t most_fields = 50;
// Old tokens are dropped beyond this many, so that a long soak does not grow.
constexpr std::size_t most_tokens = 20'000;

Reply bad_value(const std::string& code, const std::string& param, const std::string& message) {
    return error_reply(400, code, {{"param_name", param}}, message);
}

Reply pattern(const std::string& param) {
    return bad_value(
        "PATTERN_NOT_MATCHED", param, "Please check whether the input values are correct");
}

Reply invalid(const std::string& param) {
    return bad_value("INVALID_DATA", param, "invalid data");
}

Reply ambiguous(const std::string& one, const std::string& other) {
    return error_reply(400,
                       "AMBIGUITY_DURING_PROCESSING",
                       {{"ambiguity_due_to", {{{"param_name", one}}, {{"param_name", other}}}}},
                       "ambiguity while processing the request");
}

std::vector<std::string> split_names(const std::string& text) {
    std::vector<std::string> names;
    std::istringstream parts{text};
    for (std::string part; std::getline(parts, part, ',');) {
        names.push_back(part);
    }
    return names;
}

/// A positive number; 0 where the text is none.
std::size_t positive(const std::optional<std::string>& text, std::size_t otherwise) {
    if (!text) {
        return otherwise;
    }
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    return error == std::errc{} && end == text->data() + text->size() ? value : 0;
}

/// What a page token is bound to: everything but the place in the walk.
std::string binding(const Call& call) {
    std::string text = call.path;
    for (const auto& [name, value] : call.params) { // A multimap: sorted by name.
        if (name != "page" && name != "page_token") {
            text += "&" + name + "=" + value;
        }
    }
    return text + "|" + call.since.value_or("");
}

bool is_one_of(const std::string& text, std::initializer_list<const char*> choices) {
    return std::any_of(
        choices.begin(), choices.end(), [&](const char* choice) { return text == choice; });
}

/// The module that What_Id points into; the value itself does not say.
std::string related_module(const std::vector<FieldPtr>& fields) {
    for (const auto& field : fields) {
        if (field->kind == Kind::what_id) {
            return field->target;
        }
    }
    return "Deals";
}

void add_member(std::string& members, const std::string& member) {
    members += members.empty() ? member : "," + member;
}

bool asks_for_unknown(const std::string& names, const std::vector<FieldPtr>& fields) {
    const auto asked = split_names(names);
    return std::any_of(asked.begin(), asked.end(), [&](const std::string& name) {
        return name != "id" && !name.starts_with('$') &&
               std::none_of(fields.begin(), fields.end(), [&](const auto& field) {
                   return field->api_name == name;
               });
    });
}

ListQuery read_query(const Call& call, const Modes& mode, const std::vector<FieldPtr>& fields) {
    ListQuery query;
    const auto sort = call.param("sort_by").value_or("id");
    query.sort = sort == "id"             ? SortField::id
                 : sort == "Created_Time" ? SortField::created
                                          : SortField::modified;
    const bool is_notes = call.path.ends_with("/Notes");
    query.descending = call.param("sort_order").value_or(is_notes ? "asc" : "desc") == "desc";
    if (call.since) {
        query.since = parse_iso(*call.since);
    }
    query.since_exclusive = mode.since_exclusive;
    if (call.path.ends_with("/Leads")) {
        const auto converted = call.param("converted").value_or("false");
        query.with_unconverted = converted != "true";
        query.with_converted = converted != "false";
    }
    for (const auto& id : split_names(call.param("ids").value_or(""))) {
        query.ids.push_back(static_cast<std::int64_t>(positive(id, 0)));
    }
    query.field_names = *call.param("fields");
    for (const auto& name : split_names(query.field_names)) {
        const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& field) {
            return field->api_name == name;
        });
        const bool is_new = std::none_of(query.fields.begin(),
                                         query.fields.end(),
                                         [&](const auto& f) { return f->api_name == name; });
        if (found != fields.end() && is_new) {
            query.fields.push_back(*found);
        } else if (found == fields.end() && mode.unknown_fields == "null" &&
                   !name.starts_with('$')) {
            add_member(query.extra, '"' + name + R"(":null)");
        }
        if (name == "$se_module") {
            add_member(query.extra, R"("$se_module":")" + related_module(fields) + '"');
        }
    }
    if (mode.noisy) {
        add_member(query.extra,
                   R"("$currency_symbol":"$","$field_states":null,"$review_process":null,)"
                   R"("$approval":{"delegate":false},"$editable":true,"$zia_visions":null)");
    }
    return query;
}

} // namespace

std::optional<Reply>
Simulator::check_list(const Call& call, const Module& module, const Modes& mode) {
    const auto fields = call.param("fields");
    if (!fields || fields->empty()) {
        return bad_value(
            "REQUIRED_PARAM_MISSING", "fields", "One of the expected parameter is missing");
    }
    if (split_names(*fields).size() > most_fields) {
        return error_reply(400,
                           "LIMIT_EXCEEDED",
                           {{"limit", most_fields}, {"param_name", "fields"}},
                           "limit exceeded");
    }
    if (*fields == "id" ||
        (mode.fields_max_length > 0 && fields->size() > mode.fields_max_length)) {
        return invalid("fields");
    }
    if (call.params.contains("page") && call.params.contains("page_token")) {
        return ambiguous("page", "page_token");
    }
    if (call.params.contains("cvid")) {
        return call.params.contains("sort_by") ? ambiguous("cvid", "sort_by") : invalid("cvid");
    }
    const auto per_page = positive(call.param("per_page"), most_per_page);
    if (per_page == 0 || per_page > most_per_page) {
        return pattern("per_page");
    }
    const auto page = positive(call.param("page"), 1);
    if (page == 0) {
        return pattern("page");
    }
    if (page * per_page > mode.page_row_limit) {
        return error_reply(
            400,
            "DISCRETE_PAGINATION_LIMIT_EXCEEDED",
            {{"limit", mode.page_row_limit}},
            "You can only get the first 2000 records without using page_token param");
    }
    const bool sorts_by_missing =
        call.param("sort_by") == "Modified_Time" && !module.has_modified_time;
    if (sorts_by_missing ||
        !is_one_of(call.param("sort_by").value_or("id"), {"id", "Created_Time", "Modified_Time"})) {
        return error_reply(400,
                           "INVALID_DATA",
                           {{"param_name", "sort_by"},
                            {"supported_values", {"id", "Created_Time", "Modified_Time"}}},
                           "invalid data");
    }
    if (!is_one_of(call.param("sort_order").value_or("asc"), {"asc", "desc"})) {
        return invalid("sort_order");
    }
    if (!is_one_of(call.param("converted").value_or("both"), {"true", "false", "both"})) {
        return invalid("converted");
    }
    if (call.since && !parse_iso(*call.since) && mode.bad_since_is_error) {
        return invalid("If-Modified-Since");
    }
    if (call.params.contains("territory_id") &&
        !is_one_of(module.api_name, {"Deals", "Contacts", "Accounts"})) {
        return error_reply(
            400, "INVALID_MODULE", {}, "Territory is not supported for the given module");
    }
    return std::nullopt;
}

/// Finds where the page begins. Fills `state`, or returns the error of a token.
std::optional<Reply> Simulator::begin_walk(const Call& call,
                                           const std::string& bound_to,
                                           const Modes& mode,
                                           PageToken& state) {
    const auto token = call.param("page_token");
    if (!token) {
        const auto per_page = positive(call.param("per_page"), most_per_page);
        state.position.offset = (positive(call.param("page"), 1) - 1) * per_page;
        state.rows_before = state.position.offset;
        state.bound_to = bound_to;
        return std::nullopt;
    }
    const std::scoped_lock lock{mutex_};
    const auto found = page_tokens_.find(*token);
    if (found == page_tokens_.end()) {
        return invalid("page_token");
    }
    if (found->second.expires <= world_.clock.now_micros()) {
        return error_reply(400,
                           "EXPIRED_VALUE",
                           {{"api_name", "page_token"}, {"json_path", "$.query.page_token"}},
                           "Page token expired");
    }
    if (found->second.bound_to != bound_to) {
        return bad_value("TOKEN_BOUND_DATA_MISMATCH",
                         "page_token",
                         "The page_token given seems to be invalid or input param is added or "
                         "altered or deleted");
    }
    if (found->second.rows_before >= mode.token_row_limit) {
        return bad_value("PAGINATION_LIMIT_EXCEEDED",
                         "page_token",
                         "You can only get upto 100000 records using page_token param");
    }
    state = found->second;
    return std::nullopt;
}

std::string Simulator::keep_token(PageToken token) {
    const std::scoped_lock lock{mutex_};
    while (token_order_.size() >= most_tokens) {
        page_tokens_.erase(token_order_.front());
        token_order_.pop_front();
    }
    std::string name;
    while (name.size() < 96) {
        name += "0123456789abcdef"[random_() % 16];
    }
    token.expires = world_.clock.now_micros() + modes_.page_token_life * 1'000'000;
    page_tokens_[name] = std::move(token);
    token_order_.push_back(name);
    return name;
}

std::string Simulator::page_info(const Call& call, const ListPage& page, const PageToken& state) {
    const auto mode = modes();
    nlohmann::json info{
        {"call", false},
        {"email", false},
        {"per_page", positive(call.param("per_page"), most_per_page)},
        {"count", page.count},
        {"page", positive(call.param("page"), 1)},
        {"sort_by", call.param("sort_by").value_or("id")},
        {"sort_order",
         call.param("sort_order").value_or(call.path.ends_with("/Notes") ? "asc" : "desc")},
        {"more_records", page.more},
        {"next_page_token", nullptr},
        {"previous_page_token",
         call.param("page_token") ? nlohmann::json(*call.param("page_token")) : nlohmann::json()},
        {"page_token_expiry", nullptr}};
    if (page.more) {
        auto next = state;
        next.rows_before += page.count;
        next.position.offset += page.count;
        if (!next.position.snapshot && mode.token_mode == TokenMode::keyset) {
            next.position.after = page.last;
        }
        info["next_page_token"] = keep_token(std::move(next));
        info["page_token_expiry"] = world_.zone.iso(world_.clock.now() + mode.page_token_life);
    }
    return info.dump();
}

Reply Simulator::list(const Call& call, const Module& module, Table& table) {
    const auto mode = modes();
    if (auto problem = check_list(call, module, mode)) {
        return *problem;
    }
    if (mode.unknown_fields == "error" && asks_for_unknown(*call.param("fields"), table.fields())) {
        return invalid("fields");
    }
    churn_before(module.api_name);
    PageToken state;
    if (auto problem = begin_walk(call, binding(call), mode, state)) {
        return *problem;
    }
    const auto query = read_query(call, mode, table.fields());
    if (mode.token_mode == TokenMode::snapshot && !call.param("page_token")) {
        state.position.snapshot = table.snapshot(query);
    }
    const auto per_page = positive(call.param("per_page"), most_per_page);
    const auto page = table.list(query, state.position, per_page);
    if (page.count == 0) {
        return empty_reply(call.since ? 304 : 204);
    }
    Reply reply;
    reply.rows = page.count;
    reply.body.reserve(page.rows.size() + 700);
    reply.body += R"({"data":[)";
    reply.body += page.rows;
    reply.body += R"(],"info":)";
    reply.body += page_info(call, page, state);
    reply.body += '}';
    return reply;
}

} // namespace zohosim
