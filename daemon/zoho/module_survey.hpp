#pragma once

#include "daemon/core/errors.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/zoho/api_client.hpp"
#include "daemon/zoho/metadata.hpp"

#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

/// What Zoho lets us see of one module of records.
struct ModuleSurvey {
    std::vector<ZohoField> fields;
    std::string problem; ///< Why it can not be read, for people; empty when it can.
};

/// Whether an error is about the module that was asked for, and says nothing of the others.
bool is_about_one_module(const SyncError& error);

/// Asks for the module's fields and for one of its records: two credits. What is wrong with the
/// module is in the answer; throws SyncError for everything else.
ModuleSurvey
survey_module(ApiClient& client, const std::string& module, const std::stop_token& stop);

/// The list request for the first record alone, of a module with these fields.
ApiRequest first_record_of(const std::string& module, const std::vector<ZohoField>& fields);

} // namespace zohosyncd
