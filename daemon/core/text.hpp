#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace zohosyncd {

// Text as PostgreSQL takes it. Whatever no database would store - NUL, lone surrogates, invalid
// UTF-8 - becomes U+FFFD; each function returns how many of those it wrote, never throws but
// std::bad_alloc, and appends to `out`, so that a page is cleaned into one buffer.

/// Copies `bytes`. Invalid UTF-8 is overlong forms, encoded surrogates (CESU-8), what lies beyond
/// U+10FFFF and truncated sequences; each maximal broken part becomes one U+FFFD, as in browsers.
std::size_t append_clean_utf8(std::string& out, std::string_view bytes);

/// Decodes the inside of a JSON string, given without its quotes. A bad escape becomes U+FFFD.
std::size_t append_unescaped_json_string(std::string& out, std::string_view raw_without_quotes);

/// Copies JSON text so that jsonb accepts its strings: without the white space between tokens, the
/// escapes of NUL and of lone surrogates replaced, raw control characters escaped (which counts as
/// no replacement). Requires text that is JSON apart from what its strings hold.
std::size_t append_clean_json(std::string& out, std::string_view raw_json);

/// Appends clean UTF-8 as a JSON string, with its quotes.
void append_json_string(std::string& out, std::string_view text);

/// The first `bytes` bytes of UTF-8 text, or fewer, so that no character is cut in two.
[[nodiscard]] std::string_view cut_utf8(std::string_view text, std::size_t bytes);

/// How many characters clean UTF-8 holds: code points, or, as Java counts, units of UTF-16.
[[nodiscard]] std::size_t count_characters(std::string_view text);
[[nodiscard]] std::size_t count_utf16_units(std::string_view text);

/// Whether objects and arrays nest at most `max` deep. A scalar has depth 0.
[[nodiscard]] bool json_depth_ok(std::string_view raw_json, int max = 64);

} // namespace zohosyncd
