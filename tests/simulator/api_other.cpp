#include "tests/simulator/simulator.hpp"

#include <algorithm>
#include <charconv>

namespace zohosim {

namespace {

constexpr std::size_t most_per_page = 200;

Reply pattern(const std::string& param) {
    return error_reply(400,
                       "PATTERN_NOT_MATCHED",
                       {{"param_name", param}},
                       "Please check whether the input values are correct");
}

struct PageNumbers {
    std::size_t page;
    std::size_t per_page;
};

/// Page and page size of the calls that know no tokens.
std::optional<PageNumbers> page_numbers(const Call& call) {
    const auto read = [&](const char* name, std::size_t otherwise) {
        const auto text = call.param(name);
        std::size_t value = text ? 0 : otherwise;
        if (text) {
            std::from_chars(text->data(), text->data() + text->size(), value);
        }
        return value;
    };
    const PageNumbers numbers{read("page", 1), read("per_page", most_per_page)};
    if (numbers.page == 0 || numbers.per_page == 0 || numbers.per_page > most_per_page) {
        return std::nullopt;
    }
    return numbers;
}

nlohmann::json info_of(const PageNumbers& numbers, std::size_t count, bool more) {
    return {{"per_page", numbers.per_page},
            {"count", count},
            {"page", numbers.page},
            {"more_records", more}};
}

/// The rows of one page; `rows` is the whole list.
template <typename Row> std::vector<Row> slice(const std::vector<Row>& rows, PageNumbers numbers) {
    const auto begin = std::min((numbers.page - 1) * numbers.per_page, rows.size());
    const auto end = std::min(begin + numbers.per_page, rows.size());
    using Difference = typename std::vector<Row>::difference_type;
    return {rows.begin() + static_cast<Difference>(begin),
            rows.begin() + static_cast<Difference>(end)};
}

std::vector<FieldPtr> asked_for(const Call& call, std::vector<FieldPtr> fields) {
    if (const auto wanted = call.param("fields")) {
        const auto list = "," + *wanted + ",";
        std::erase_if(fields, [&](const auto& field) {
            return list.find("," + field->api_name + ",") == std::string::npos;
        });
    }
    return fields;
}

} // namespace

Reply Simulator::missing_record() {
    return modes().missing_record_status == 404
               ? error_reply(404, "INVALID_DATA", {}, "the id given seems to be invalid")
               : empty_reply(204);
}

Reply Simulator::full_data(const Call& call, Table& table, const std::string& id) {
    auto fields = asked_for(call, table.fields());
    std::erase_if(fields, [](const auto& field) { return field->kind != Kind::rich_text; });
    const auto record = table.single(std::stoll(id), fields);
    if (!record) {
        return missing_record();
    }
    Reply reply;
    reply.rows = 1;
    reply.body = R"({"data":[)" + *record + "]}";
    return reply;
}

Reply Simulator::single(const Call& call, Table& table, const std::string& id) {
    auto fields = asked_for(call, table.fields());
    const auto rich_text = modes().single_rich_text;
    if (rich_text == "left_out") {
        std::erase_if(fields, [](const auto& field) { return field->kind == Kind::rich_text; });
    } else if (rich_text == "cut") {
        for (auto& field : fields) {
            auto copy = *field;
            copy.is_cut = true;
            field = std::make_shared<const Field>(std::move(copy));
        }
    }
    auto record = table.single(std::stoll(id), fields);
    if (!record) {
        return missing_record();
    }
    record->pop_back();
    *record += R"(,"$approved":true,"$editable":true,"$in_merge":false,"$field_states":null,)"
               R"("$has_more":{},"$state":"save","$currency_symbol":"$"})";
    Reply reply;
    reply.rows = 1;
    reply.body = R"({"data":[)" + *record + "]}";
    return reply;
}

Reply Simulator::deleted(const Call& call, Table& table) {
    const auto mode = modes();
    const auto type = call.param("type").value_or("all");
    if (type != "all" && type != "recycle" && type != "permanent") {
        return pattern("type");
    }
    const auto numbers = page_numbers(call);
    if (!numbers) {
        return pattern("per_page");
    }
    if (mode.deleted_row_limit > 0 && numbers->page * numbers->per_page > mode.deleted_row_limit) {
        return error_reply(
            400,
            "DISCRETE_PAGINATION_LIMIT_EXCEEDED",
            {{"limit", mode.deleted_row_limit}},
            "You can only get the first 2000 records without using page_token param");
    }
    const auto since = call.since ? parse_iso(*call.since) : std::nullopt;
    if (call.since && !since && mode.bad_since_is_error) {
        return error_reply(
            400, "INVALID_DATA", {{"param_name", "If-Modified-Since"}}, "invalid data");
    }
    auto rows = table.deletions();
    std::erase_if(rows, [&](const DeletedRow& row) {
        return (since && row.deleted_time < *since + (mode.since_exclusive ? 1 : 0)) ||
               (type == "recycle" && row.permanent) || (type == "permanent" && !row.permanent);
    });
    auto data = nlohmann::json::array();
    for (const auto& row : slice(rows, *numbers)) {
        const auto& who = world_.values.user(mix(static_cast<std::uint64_t>(row.id)));
        const nlohmann::json person{{"name", who.name}, {"id", std::to_string(who.id)}};
        nlohmann::json entry{{"id", std::to_string(row.id)},
                             {"type", row.permanent ? "permanent" : "recycle"},
                             {"deleted_time", world_.zone.iso(row.deleted_time)},
                             {"deleted_by", row.permanent ? nlohmann::json() : person},
                             {"created_by", row.permanent ? nlohmann::json() : person},
                             {"display_name", nullptr}};
        if (!row.permanent) {
            entry["display_name"] = world_.values.display_name(row.id);
        }
        data.push_back(std::move(entry));
    }
    if (data.empty()) {
        return empty_reply(call.since ? mode.deleted_empty_status : 204);
    }
    const bool more = rows.size() > numbers->page * numbers->per_page;
    auto reply = json_reply({{"data", data}, {"info", info_of(*numbers, data.size(), more)}});
    reply.rows = data.size();
    return reply;
}

Reply Simulator::count(const Call& call, Table& table) {
    const std::string begin = "(Modified_Time:greater_equal:";
    const auto criteria = call.param("criteria").value_or("");
    ListQuery query;
    query.sort = SortField::modified;
    query.descending = false;
    if (!criteria.empty()) {
        if (!criteria.starts_with(begin) || !criteria.ends_with(")")) {
            return pattern("criteria");
        }
        query.since = parse_iso(criteria.substr(begin.size(), criteria.size() - begin.size() - 1));
        if (!query.since) {
            return pattern("criteria");
        }
    }
    std::size_t count = 0;
    for (Position position;;) {
        const auto page = table.list(query, position, most_per_page);
        count += page.count;
        if (!page.more) {
            break;
        }
        position.after = page.last;
    }
    auto reply = json_reply({{"count", count}});
    reply.rows = 1;
    return reply;
}

Reply Simulator::users(const Call& call, const std::string& id) {
    const auto found = users_.of_type(call.param("type").value_or("AllUsers"));
    const auto numbers = page_numbers(call);
    if (!found || !numbers) {
        return pattern(found ? "per_page" : "type");
    }
    auto list = *found;
    if (!id.empty()) {
        std::erase_if(list, [&](const auto& user) { return user["id"] != id; });
    }
    if (const auto ids = call.param("ids")) {
        std::erase_if(list, [&](const auto& user) {
            return ids->find(user["id"].template get<std::string>()) == std::string::npos;
        });
    }
    if (const auto since = call.since ? parse_iso(*call.since) : std::nullopt) {
        std::erase_if(list, [&](const auto& user) {
            return parse_iso(user["Modified_Time"].template get<std::string>()) < since;
        });
    }
    const auto part = slice(list, *numbers);
    if (part.empty()) {
        return empty_reply(call.since ? 304 : 204);
    }
    const bool more = list.size() > numbers->page * numbers->per_page;
    auto reply = json_reply({{"users", part}, {"info", info_of(*numbers, part.size(), more)}});
    reply.rows = part.size();
    return reply;
}

Reply Simulator::organisation() {
    const auto zgid = options_.soid.substr(options_.soid.find('.') + 1);
    nlohmann::json org{
        {"id", std::to_string(id_base + 20'005)},
        {"zgid", zgid},
        {"domain_name", "org" + zgid},
        {"company_name", "Zylker & Söhne"},
        {"type", "production"},
        {"hierarchy_preferences", {{"type", "Role_Hierarchy"}}},
        {"mc_status", false},
        {"currency", "US Dollar - USD"},
        {"currency_symbol", "$"},
        {"currency_locale", "USD"},
        {"iso_code", "USD"},
        {"time_zone", "America/Los_Angeles"},
        {"country_code", "US"},
        {"created_time", world_.zone.iso(world_.clock.now() - options_.days * 86'400)},
        {"primary_email", "admin@example.com"},
        {"primary_zuid", "808233918"},
        {"employee_count", "1"},
        {"hipaa_compliance_enabled", false},
        {"privacy_settings", false},
        {"license_details",
         {{"paid", options_.paid_type != "free"},
          {"paid_type", options_.paid_type},
          {"users_license_purchased", options_.users_licence},
          {"portal_users_license_purchased", 0},
          {"paid_expiry", world_.zone.iso(world_.clock.now() + 200 * 86'400)},
          {"trial_type", nullptr},
          {"trial_expiry", nullptr}}}};
    for (const auto* name : {"country",
                             "photo_id",
                             "city",
                             "description",
                             "street",
                             "alias",
                             "state",
                             "fax",
                             "zip",
                             "website",
                             "mobile",
                             "phone"}) {
        org[name] = nullptr;
    }
    auto reply = json_reply({{"org", nlohmann::json::array({org})}});
    reply.rows = 1;
    return reply;
}

} // namespace zohosim
