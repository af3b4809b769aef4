#include "daemon/zoho/module_survey.hpp"

#include "daemon/zoho/whole_list.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

/// A name to ask for beside the id, which is not asked for alone.
std::string field_beside_id(const std::vector<ZohoField>& fields) {
    if (has_versions(fields)) {
        return "Modified_Time";
    }
    const auto found = std::find_if(fields.begin(), fields.end(), [](const ZohoField& field) {
        return field.api_name != "id" && is_delivered_by_lists(field);
    });
    return found == fields.end() ? beside_a_lone_id : found->api_name;
}

/// `asked` is "its list of fields" or "its records".
std::string reason_of(const SyncError& error, const std::string& asked) {
    const auto& code = error.zoho_code();
    if (code == "OAUTH_SCOPE_MISMATCH") {
        return "the token's scopes do not cover " + asked +
               " (OAUTH_SCOPE_MISMATCH): extend inputs.scopes and the Self Client";
    }
    if (error.kind() == ErrorKind::unknown_module) {
        return "Zoho refuses " + asked +
               " (INVALID_MODULE): the user's profile may lack the module's tab";
    }
    if (error.kind() == ErrorKind::denied && !code.empty()) {
        return "Zoho refuses " + asked + " (" + code +
               "): give the profile of the token's user the right to view the module";
    }
    if (error.kind() == ErrorKind::denied) {
        return "Zoho lists no fields for it: there is nothing to read";
    }
    return asked + " can not be read: " + error.what();
}

} // namespace

bool is_about_one_module(const SyncError& error) {
    return error.kind() == ErrorKind::denied || error.kind() == ErrorKind::unknown_module ||
           error.kind() == ErrorKind::bad_response || error.kind() == ErrorKind::server_error;
}

ApiRequest first_record_of(const std::string& module, const std::vector<ZohoField>& fields) {
    return {"/" + module,
            {{"fields", "id," + field_beside_id(fields)},
             {"sort_by", has_versions(fields) ? "Modified_Time" : "id"},
             {"sort_order", "asc"},
             {"per_page", "1"}},
            {}};
}

ModuleSurvey
survey_module(ApiClient& client, const std::string& module, const std::stop_token& stop) {
    ModuleSurvey survey;
    std::string asked = "its list of fields";
    try {
        survey.fields = read_fields(client, module, stop);
        asked = "its records";
        (void)client.get(first_record_of(module, survey.fields), stop);
    } catch (const SyncError& error) {
        if (!is_about_one_module(error)) {
            throw;
        }
        survey.problem = reason_of(error, asked);
    }
    return survey;
}

} // namespace zohosyncd
