#pragma once

#include <string>
#include <string_view>

namespace zohosyncd {

// What Sling's `transforms` do to one text. All take and return clean UTF-8.

/// White space, Unicode's included, taken off both ends.
std::string without_outer_space(std::string_view text);

/// Letter by letter, in every script; `ß` stays, as it does in Sling.
std::string in_upper_case(std::string_view text);
std::string in_lower_case(std::string_view text);

/// Letters of the Latin script without their marks: `é` becomes `e`. Letters that are none with a
/// mark (`ø`, `ß`) stay, as they do in Sling. Combining marks are dropped.
std::string without_accents(std::string_view text);

/// Without control characters; line breaks and tabs are among them.
std::string without_controls(std::string_view text);

/// In lower-case hex digits. `algorithm` is a name that OpenSSL knows. Throws
/// SyncError{internal} where it is not allowed on this machine.
std::string hash_hex(const char* algorithm, std::string_view text);

} // namespace zohosyncd
