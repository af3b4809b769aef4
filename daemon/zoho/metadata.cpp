#include "daemon/zoho/metadata.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/zoho/json_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace zohosyncd {
namespace {

using nlohmann::json;

bool flag_at(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_boolean() && found->get<bool>();
}

/// The array under `key`; anything else is no success, whatever the status (zoho-api-facts §15.2).
json list_in(const std::string& body, const char* key) {
    json reply = json::parse(body, nullptr, false);
    if (reply.is_object() && reply.contains(key) && reply[key].is_array()) {
        return std::move(reply[key]);
    }
    throw SyncError(ErrorKind::bad_response,
                    std::string("metadata reply has no list \"") + key + "\"; trying again later");
}

std::string return_type_of(const json& field) {
    for (const char* key : {"formula", "rollup_summary"}) {
        const auto found = field.find(key);
        if (found != field.end() && found->is_object() && !text_at(*found, "return_type").empty()) {
            return text_at(*found, "return_type");
        }
    }
    return {};
}

bool is_rich_text(const json& field) {
    constexpr int rich_text_ui_type = 250; // zoho-api-facts §4.1.
    const auto found = field.find("ui_type");
    return found != field.end() && found->is_number_integer() &&
           found->get<int>() == rich_text_ui_type;
}

std::string label_of(const json& field) {
    const std::string shown = text_at(field, "display_label");
    return shown.empty() ? text_at(field, "field_label") : shown;
}

} // namespace

ZohoFields
FieldCatalog::get(ApiClient& client, const std::string& module, const std::stop_token& stop) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(module);
        if (found != entries_.end() && clock_.now() < found->second.read_at + max_age_) {
            return found->second.fields;
        }
    }
    auto fields = std::make_shared<const std::vector<ZohoField>>(read_fields(client, module, stop));
    ZOHOSYNCD_FAILPOINT("fields.read");
    const std::lock_guard lock(mutex_);
    entries_[module] = {fields, clock_.now()};
    return fields;
}

std::vector<ZohoField> parse_fields(const std::string& body) {
    std::vector<ZohoField> fields;
    for (const auto& entry : list_in(body, "fields")) {
        if (!entry.is_object() || text_at(entry, "api_name").empty()) {
            continue; // One odd entry must not hide the module.
        }
        fields.push_back({text_at(entry, "api_name"),
                          label_of(entry),
                          text_at(entry, "id"),
                          text_at(entry, "data_type"),
                          text_at(entry, "json_type"),
                          return_type_of(entry),
                          is_rich_text(entry),
                          flag_at(entry, "virtual_field")});
    }
    return fields;
}

std::vector<ZohoField>
read_fields(ApiClient& client, const std::string& module, const std::stop_token& stop) {
    const auto reply = client.get({"/settings/fields", {{"module", module}}, {}}, stop);
    auto fields = reply.has_body() ? parse_fields(*reply.body) : std::vector<ZohoField>{};
    if (fields.empty()) {
        throw SyncError(ErrorKind::denied,
                        "Zoho lists no fields for module " + module +
                            ": it can not be read through the API; disable the stream");
    }
    return fields;
}

std::vector<ZohoModule> parse_modules(const std::string& body) {
    std::vector<ZohoModule> modules;
    for (const auto& entry : list_in(body, "modules")) {
        if (!entry.is_object() || text_at(entry, "api_name").empty()) {
            continue;
        }
        modules.push_back({text_at(entry, "api_name"),
                           text_at(entry, "plural_label"),
                           text_at(entry, "generated_type"),
                           flag_at(entry, "api_supported"),
                           flag_at(entry, "viewable")});
    }
    return modules;
}

std::vector<ZohoModule> read_modules(ApiClient& client, const std::stop_token& stop) {
    const auto reply = client.get({"/settings/modules", {}, {}}, stop);
    return reply.has_body() ? parse_modules(*reply.body) : std::vector<ZohoModule>{};
}

ZohoOrganisation read_organisation(ApiClient& client, const std::stop_token& stop) {
    const auto reply = client.get({"/org", {}, {}}, stop);
    if (!reply.has_body()) {
        throw SyncError(ErrorKind::bad_response, "GET /org was answered without a body");
    }
    const json list = list_in(*reply.body, "org");
    if (list.empty() || !list.front().is_object()) {
        throw SyncError(ErrorKind::bad_response, "GET /org lists no organisation");
    }
    ZohoOrganisation organisation;
    organisation.date = reply.date;
    organisation.skew = reply.skew;
    organisation.id = text_at(list.front(), "zgid");
    const auto licence = list.front().find("license_details");
    if (licence != list.front().end() && licence->is_object()) {
        organisation.edition = text_at(*licence, "paid_type");
        const auto users = licence->find("users_license_purchased");
        if (users != licence->end() && users->is_number_unsigned()) {
            organisation.licences = users->get<std::uint64_t>();
        }
    }
    return organisation;
}

std::uint64_t daily_credits(const ZohoOrganisation& organisation) {
    struct Edition {
        std::string_view name;
        std::uint64_t base;
        std::uint64_t per_licence;
        std::uint64_t cap;
    };

    // Zoho's table of API credits, read 2025-04 (zoho-api-facts §11.1). Ultimate has no cap.
    constexpr std::array<Edition, 9> editions{{{"free", 5000, 0, 5000},
                                               {"standard", 50000, 250, 100000},
                                               {"starter", 50000, 250, 100000},
                                               {"professional", 50000, 500, 3000000},
                                               {"enterprise", 50000, 1000, 5000000},
                                               {"zohoone", 50000, 1000, 5000000},
                                               {"zoho one", 50000, 1000, 5000000},
                                               {"ultimate", 50000, 2000, 50000000},
                                               {"crmplus", 50000, 2000, 50000000}}};
    constexpr std::uint64_t unknown_edition = 5000;
    for (const auto& edition : editions) {
        if (edition.name == organisation.edition) {
            return std::min(edition.base + edition.per_licence * organisation.licences,
                            edition.cap);
        }
    }
    return unknown_edition;
}

} // namespace zohosyncd
