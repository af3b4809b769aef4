#include "daemon/zoho/metadata.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/text.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/zoho/json_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

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
    if (reply.is_discarded()) {
        // Half a character in one label must not hide the whole list.
        std::string clean;
        append_clean_json(clean, body);
        reply = json::parse(clean, nullptr, false);
    }
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

/// {"module":"Project_Details","id":"…"}; older replies say {"module":{"api_name":"…"}}.
std::string associated_module_of(const json& field) {
    const auto found = field.find("associated_module");
    if (found == field.end() || !found->is_object()) {
        return {};
    }
    const auto module = found->find("module");
    return module != found->end() && module->is_object() ? text_at(*module, "api_name")
                                                         : text_at(*found, "module");
}

std::string label_of(const json& field) {
    const std::string shown = text_at(field, "display_label");
    return shown.empty() ? text_at(field, "field_label") : shown;
}

/// Zoho answered, and what it said is that there is no such list.
bool is_about_the_list(const SyncError& error) {
    return error.kind() == ErrorKind::bad_response || error.kind() == ErrorKind::unknown_module ||
           says_no_fields(error);
}

/// No organisation takes half of a module's fields away at once; a reply that is cut does.
bool lacks_most_of(const std::vector<ZohoField>& before, const std::vector<ZohoField>& now) {
    std::set<std::string> ids;
    for (const auto& field : now) {
        ids.insert(field.id.empty() ? field.api_name : field.id);
    }
    const auto left = std::count_if(before.begin(), before.end(), [&](const ZohoField& field) {
        return ids.contains(field.id.empty() ? field.api_name : field.id);
    });
    return (has_versions(before) && !has_versions(now)) ||
           static_cast<std::size_t>(left) * 2 < before.size();
}

// Zoho's own are at most 50 characters long; a list call takes 1,000 for all its names together.
constexpr std::size_t longest_api_name = 200;

/// Why an entry of the list can not be asked for by its name; empty when it can.
std::string why_no_field(const json& entry) {
    if (!entry.is_object()) {
        return "it is no JSON object";
    }
    const auto name = text_at(entry, "api_name");
    if (name.empty()) {
        return "it has no api_name";
    }
    if (name.size() > longest_api_name) {
        return "its api_name is longer than " + std::to_string(longest_api_name) + " bytes";
    }
    const bool is_plain = std::none_of(name.begin(), name.end(), [](char c) {
        return c == ',' || static_cast<unsigned char>(c) < ' ';
    });
    return is_plain ? "" : "its api_name holds a comma or a control character";
}

void log_oddities(const std::string& module, const std::vector<FieldList::Oddity>& oddities) {
    for (const auto& odd : oddities) {
        log::event(
            log::Level::warn,
            "odd_field",
            {log::kv("module", module), log::kv("item", odd.field), log::kv("hint", odd.what)});
    }
}

FieldList
read_field_list(ApiClient& client, const std::string& module, const std::stop_token& stop) {
    const auto reply = client.get({"/settings/fields", {{"module", module}}, {}}, stop);
    auto list = reply.has_body() ? parse_field_list(*reply.body) : FieldList{};
    if (list.fields.empty()) {
        log_oddities(module, list.oddities);
        throw SyncError(ErrorKind::denied,
                        "Zoho lists no fields for module " + module +
                            ": it can not be read through the API; disable the stream");
    }
    return list;
}

} // namespace

bool says_no_fields(const SyncError& error) {
    return error.kind() == ErrorKind::denied && error.zoho_code().empty() &&
           error.http_status() == 0;
}

bool Confirmation::said(Clock::TimePoint now) {
    constexpr int enough = 3;
    constexpr std::chrono::hours long_enough{1};
    first_ = times_++ == 0 ? now : first_;
    return times_ >= enough && now - first_ >= long_enough;
}

FieldCatalog::Entry FieldCatalog::entry_of(const std::string& module) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(module);
    return found == entries_.end() ? Entry{} : found->second;
}

bool FieldCatalog::is_old(const std::string& module) {
    const auto entry = entry_of(module);
    return !entry.fields || clock_.now() >= entry.good_until;
}

void FieldCatalog::forget(const std::string& module) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(module);
    if (found != entries_.end() && found->second.doubt.times() == 0) {
        found->second.good_until = clock_.now();
    }
}

/// The list stays as it was, for now.
ZohoFields FieldCatalog::keep(const std::string& module, Entry entry, const std::string& reason) {
    log::event(log::Level::warn,
               "fields_not_believed",
               {log::kv("module", module),
                log::kv("attempt", entry.doubt.times()),
                log::kv("error", reason),
                log::kv("hint",
                        "the fields stay as they were until Zoho has said so three times "
                        "over an hour")});
    entry.good_until = clock_.now() + std::min<Clock::Duration>(max_age_, between_confirmations);
    const std::lock_guard lock(mutex_);
    entries_[module] = entry;
    return entry.fields;
}

ZohoFields
FieldCatalog::get(ApiClient& client, const std::string& module, const std::stop_token& stop) {
    auto entry = entry_of(module);
    if (entry.fields && clock_.now() < entry.good_until) {
        return entry.fields;
    }
    FieldList list;
    try {
        list = read_field_list(client, module, stop);
    } catch (const SyncError& error) {
        if (!entry.fields || !is_about_the_list(error) || entry.doubt.said(clock_.now())) {
            throw;
        }
        return keep(module, std::move(entry), error.what());
    }
    ZOHOSYNCD_FAILPOINT("fields.read");
    auto fields = std::make_shared<const std::vector<ZohoField>>(std::move(list.fields));
    if (entry.fields && lacks_most_of(*entry.fields, *fields) && !entry.doubt.said(clock_.now())) {
        return keep(module,
                    std::move(entry),
                    "the list of fields has " + std::to_string(fields->size()) + " of " +
                        std::to_string(entry.fields->size()) + " fields, or lacks Modified_Time");
    }
    if (list.oddities != entry.oddities) {
        log_oddities(module, list.oddities);
    }
    const std::lock_guard lock(mutex_);
    entries_[module] = {fields, clock_.now() + max_age_, {}, std::move(list.oddities)};
    return fields;
}

ZohoFields
FieldCatalog::find(ApiClient& client, const std::string& module, const std::stop_token& stop) {
    {
        const std::lock_guard lock(mutex_);
        const auto refused = refused_at_.find(module);
        if (refused != refused_at_.end() && clock_.now() < refused->second + max_age_) {
            return nullptr;
        }
    }
    try {
        return get(client, module, stop);
    } catch (const SyncError& error) {
        if (error.kind() != ErrorKind::denied && error.kind() != ErrorKind::unknown_module) {
            throw;
        }
    }
    const std::lock_guard lock(mutex_);
    refused_at_[module] = clock_.now();
    return nullptr;
}

FieldList parse_field_list(const std::string& body) {
    FieldList list;
    std::set<std::string> seen;
    std::size_t place = 0;
    for (const auto& entry : list_in(body, "fields")) {
        ++place;
        const std::string wrong = why_no_field(entry);
        const std::string name = entry.is_object() ? text_at(entry, "api_name") : std::string{};
        const std::string shown =
            name.empty() || !wrong.empty() ? "entry " + std::to_string(place) : name;
        if (!wrong.empty()) { // One odd entry must not hide the module.
            list.oddities.push_back({shown, wrong + ": it is left out"});
            continue;
        }
        if (!seen.insert(name).second) {
            list.oddities.push_back({shown, "it is listed twice: the first one counts"});
            continue;
        }
        list.fields.push_back({name,
                               label_of(entry),
                               text_at(entry, "id"),
                               text_at(entry, "data_type"),
                               text_at(entry, "json_type"),
                               return_type_of(entry),
                               is_rich_text(entry),
                               flag_at(entry, "virtual_field"),
                               associated_module_of(entry)});
        if (list.fields.back().data_type.empty() && list.fields.back().json_type.empty()) {
            list.oddities.push_back({shown, "it has no data_type: it is stored as text"});
        }
    }
    return list;
}

std::vector<ZohoField> parse_fields(const std::string& body) {
    return parse_field_list(body).fields;
}

std::vector<ZohoField>
read_fields(ApiClient& client, const std::string& module, const std::stop_token& stop) {
    auto list = read_field_list(client, module, stop);
    log_oddities(module, list.oddities);
    return std::move(list.fields);
}

std::string why_not_listed(const ZohoModule& module) {
    if (!module.is_api_supported) {
        return "not supported by the API: Zoho does not offer its records (api_supported is false)";
    }
    if (!module.is_viewable) {
        return "not visible to the token's user (viewable is false): give the user's profile the "
               "module";
    }
    return {};
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
                           flag_at(entry, "viewable"),
                           text_at(entry, "status")});
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
