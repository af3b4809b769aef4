#include "daemon/core/identifiers.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <set>
#include <stdexcept>
#include <utility>

namespace zohosyncd {
namespace {

constexpr std::size_t longest_name = 63; // PostgreSQL's NAMEDATALEN - 1; more is cut silently.
constexpr std::size_t hash_digits = 8;
constexpr std::size_t longest_stem = longest_name - 1 - hash_digits;

/// Columns that exist in every table of PostgreSQL (`oid` in its catalogues, and in SQLite as the
/// row id), and our own, of stages too.
constexpr std::array<std::string_view, 11> reserved_names{"tableoid",
                                                          "xmin",
                                                          "cmin",
                                                          "xmax",
                                                          "cmax",
                                                          "ctid",
                                                          "oid",
                                                          "_synced_at",
                                                          "_deleted_at",
                                                          "_details_at",
                                                          "_authoritative"};

// Only ASCII is ever folded: <cctype> would ask the locale.
bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_clean(char c) {
    return is_upper(c) || is_lower(c) || is_digit(c) || c == '_';
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

std::string to_lower(std::string text) {
    for (char& c : text) {
        c = is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return text;
}

std::string to_upper(std::string text) {
    for (char& c : text) {
        c = is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return text;
}

/// One `_` for each character, not for each byte of it.
std::string clean(std::string_view name) {
    std::string out;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (is_clean(name[i])) {
            out += name[i];
        } else if (i == 0 || !is_continuation(name[i])) {
            out += '_';
        }
    }
    return out;
}

std::string camel_case(std::string_view name) {
    const auto words = snake_case(name);
    std::string out;
    bool is_word_start = false;
    for (const char c : words) {
        if (c == '_') {
            is_word_start = !out.empty();
            continue;
        }
        out += is_word_start && is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
        is_word_start = false;
    }
    return out.empty() ? words : out;
}

std::string normalize(std::string_view name) {
    const bool is_mixed = std::any_of(name.begin(), name.end(), is_upper) &&
                          std::any_of(name.begin(), name.end(), is_lower);
    if (is_mixed || !std::all_of(name.begin(), name.end(), is_clean)) {
        return std::string{name};
    }
    return to_lower(std::string{name});
}

/// The name with its hash. Further `attempt`s serve only names made to collide with such a form.
std::string hashed_name(const std::string& plain, const std::string& api_name, unsigned attempt) {
    auto end = std::min(plain.size(), longest_stem);
    while (end > 0 && end < plain.size() && is_continuation(plain[end])) {
        --end;
    }
    const auto hashed = attempt == 0 ? api_name : api_name + '#' + std::to_string(attempt);
    return plain.substr(0, end) + '_' + sha256_hex(hashed).substr(0, hash_digits);
}

/// Users and modules carry keys such as `$current_shift`: the sign is no part of the name (contract
/// §6).
std::string_view without_dollar(std::string_view api_name) {
    return api_name.starts_with('$') ? api_name.substr(1) : api_name;
}

bool is_reserved(const std::string& folded) {
    return std::find(reserved_names.begin(), reserved_names.end(), folded) != reserved_names.end();
}

} // namespace

std::string snake_case(std::string_view api_name) {
    std::string bordered;
    for (std::size_t i = 0; i < api_name.size(); ++i) {
        const char c = api_name[i];
        if (i > 0 && is_upper(c) && (is_lower(api_name[i - 1]) || is_digit(api_name[i - 1]))) {
            bordered += '_';
        }
        bordered += c;
    }
    return to_lower(clean(bordered));
}

std::string apply_casing(std::string_view api_name, ColumnCasing casing) {
    switch (casing) {
    case ColumnCasing::snake:
        return snake_case(api_name);
    case ColumnCasing::source:
        return std::string{api_name};
    case ColumnCasing::target:
    case ColumnCasing::lower:
        return to_lower(clean(api_name));
    case ColumnCasing::upper:
        return to_upper(clean(api_name));
    case ColumnCasing::camel:
        return camel_case(api_name);
    case ColumnCasing::normalize:
        return normalize(api_name);
    }
    assert(false); // -Wswitch keeps the list complete.
    return {};
}

std::string sha256_hex(std::string_view bytes) {
    constexpr std::string_view hex = "0123456789abcdef";
    std::array<unsigned char, 32> digest{};
    unsigned length = 0;
    const int is_done =
        EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
    if (is_done != 1 || length != digest.size()) {
        throw std::runtime_error("OpenSSL offers no SHA-256");
    }
    std::string out;
    out.reserve(2 * digest.size());
    for (const unsigned byte : digest) {
        out += hex[byte >> 4];
        out += hex[byte & 0xF];
    }
    return out;
}

std::vector<std::string>
assign_column_names(std::span<const std::string> api_names,
                    ColumnCasing casing,
                    const std::map<std::string, std::string>& already_given) {
    std::map<std::string, std::string> names = already_given;
    std::set<std::string> taken; // In lower case.
    for (const auto& [api_name, column] : already_given) {
        taken.insert(to_lower(column));
    }

    // Plain names first, bytewise, so that no hashed name can take one away.
    std::map<std::string, std::string> colliding;
    for (const auto& api_name : std::set<std::string>(api_names.begin(), api_names.end())) {
        if (names.contains(api_name)) {
            continue;
        }
        auto plain = apply_casing(without_dollar(api_name), casing);
        const auto folded = to_lower(plain);
        if (plain.empty() || plain.size() > longest_name || is_reserved(folded) ||
            !taken.insert(folded).second) {
            colliding.emplace(api_name, std::move(plain));
        } else {
            names.emplace(api_name, std::move(plain));
        }
    }
    for (const auto& [api_name, plain] : colliding) {
        auto name = hashed_name(plain, api_name, 0);
        for (unsigned attempt = 1; !taken.insert(to_lower(name)).second; ++attempt) {
            name = hashed_name(plain, api_name, attempt);
        }
        names.emplace(api_name, std::move(name));
    }

    std::vector<std::string> columns;
    columns.reserve(api_names.size());
    for (const auto& api_name : api_names) {
        columns.push_back(names.at(api_name));
    }
    return columns;
}

} // namespace zohosyncd
