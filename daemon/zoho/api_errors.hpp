#pragma once

#include "daemon/core/errors.hpp"

#include <optional>
#include <string>

namespace zohosyncd {

/// What an error reply of the API says of itself; empty when the body is not Zoho's JSON.
struct ApiErrorBody {
    std::string code;
    std::string message;
};

/// Reads {"code","message"} at the top level or in the first entry of "data" (zoho-api-facts §3.5,
/// §8).
ApiErrorBody read_error_body(const std::string& body);

/// What the status and Zoho's code mean; nothing for 200, 204 and 304.
std::optional<ErrorKind> classify(long status, const std::string& code);

/// Whether the answer to a request for one record says that it is gone: 404, or 400 or 404 with
/// INVALID_DATA; 204 is no error (zoho-api-facts §3.7).
bool says_gone(const SyncError& error);

} // namespace zohosyncd
