#include "daemon/core/text_functions.hpp"

#include "daemon/core/errors.hpp"

#include <locale.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cwctype>

namespace zohosyncd {
namespace {

/// The code point at `at`, which moves behind it. Requires valid UTF-8.
char32_t next_code_point(std::string_view text, std::size_t& at) {
    const auto first = static_cast<unsigned char>(text[at++]);
    if (first < 0x80U) {
        return first;
    }
    const int more = first >= 0xF0U ? 3 : first >= 0xE0U ? 2 : 1;
    char32_t code = first & (0x3FU >> static_cast<unsigned>(more));
    for (int i = 0; i < more && at < text.size(); ++i) {
        code = code << 6U | (static_cast<unsigned char>(text[at++]) & 0x3FU);
    }
    return code;
}

void append_code_point(std::string& out, char32_t code) {
    const auto tail = [&](unsigned shift) {
        out += static_cast<char>(0x80U | (code >> shift & 0x3FU));
    };
    if (code < 0x80U) {
        out += static_cast<char>(code);
    } else if (code < 0x800U) {
        out += static_cast<char>(0xC0U | code >> 6U);
        tail(0);
    } else if (code < 0x10000U) {
        out += static_cast<char>(0xE0U | code >> 12U);
        tail(6);
        tail(0);
    } else {
        out += static_cast<char>(0xF0U | code >> 18U);
        tail(12);
        tail(6);
        tail(0);
    }
}

template <typename Change> std::string with_each(std::string_view text, Change change) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        if (const char32_t code = change(next_code_point(text, at)); code != 0) {
            append_code_point(out, code);
        }
    }
    return out;
}

/// Never the user's locale: what is stored must not depend on it.
locale_t unicode_locale() {
    static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (locale == nullptr) {
        throw SyncError(ErrorKind::internal,
                        "this machine lacks the locale C.UTF-8, which the transforms upper and "
                        "lower need; install it (Debian: libc-bin)");
    }
    return locale;
}

bool is_space(char32_t code) {
    return code == ' ' || (code >= '\t' && code <= '\r') || code == 0x85 || code == 0xA0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
           code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

// The letters from U+00C0 to U+017F without their marks; `.` where there is none to take.
constexpr std::string_view base_letters = "AAAAAA.CEEEEIIII" // U+00C0
                                          ".NOOOOO..UUUUY.."
                                          "aaaaaa.ceeeeiiii" // U+00E0
                                          ".nooooo..uuuuy.y"
                                          "AaAaAaCcCcCcCcDd" // U+0100
                                          "..EeEeEeEeEeGgGg"
                                          "GgGgHh..IiIiIiIi" // U+0120
                                          "I...JjKk.LlLlLl."
                                          "...NnNnNn...OoOo" // U+0140
                                          "Oo..RrRrRrSsSsSs"
                                          "SsTtTt..UuUuUuUu" // U+0160
                                          "UuUuWwYyYZzZzZz.";
constexpr char32_t first_marked = 0xC0;
static_assert(base_letters.size() == 0x180 - first_marked);

char32_t without_mark(char32_t code) {
    if (code >= 0x300 && code <= 0x36F) {
        return 0; // A combining mark.
    }
    if (code < first_marked || code >= first_marked + base_letters.size()) {
        return code;
    }
    const char base = base_letters[code - first_marked];
    return base == '.' ? code : static_cast<char32_t>(base);
}

} // namespace

std::string without_outer_space(std::string_view text) {
    std::size_t begin = text.size();
    std::size_t end = text.size();
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t here = at;
        if (!is_space(next_code_point(text, at))) {
            begin = std::min(begin, here);
            end = at;
        }
    }
    return std::string(text.substr(begin, end - begin));
}

std::string in_upper_case(std::string_view text) {
    return with_each(text, [locale = unicode_locale()](char32_t code) {
        return static_cast<char32_t>(towupper_l(static_cast<wint_t>(code), locale));
    });
}

std::string in_lower_case(std::string_view text) {
    return with_each(text, [locale = unicode_locale()](char32_t code) {
        return static_cast<char32_t>(towlower_l(static_cast<wint_t>(code), locale));
    });
}

std::string without_accents(std::string_view text) {
    return with_each(text, without_mark);
}

std::string without_controls(std::string_view text) {
    return with_each(text, [](char32_t code) {
        return code < 0x20 || (code >= 0x7F && code < 0xA0) ? char32_t{0} : code;
    });
}

std::string hash_hex(const char* algorithm, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    std::size_t length = digest.size();
    if (EVP_Q_digest(
            nullptr, algorithm, nullptr, text.data(), text.size(), digest.data(), &length) != 1) {
        throw SyncError(ErrorKind::internal,
                        std::string(algorithm) +
                            " is not allowed by this machine's OpenSSL; use hash_sha256");
    }
    constexpr std::string_view hex = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < length; ++i) {
        out += hex[digest[i] >> 4U];
        out += hex[digest[i] & 0xFU];
    }
    return out;
}

} // namespace zohosyncd
