#pragma once

#include <cstddef>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace zohosyncd::fakes {

/// Field names made to break SQL, catalogues and each other, all different: quotes, keywords,
/// system columns, our own columns, names beyond 63 bytes that begin alike, other scripts, what
/// looks like NUL, and all of these in combination. The same for the same seed.
inline std::vector<std::string> hostile_names(std::size_t count, unsigned seed = 5) {
    const std::vector<std::string> seeds{"\"",
                                         "'",
                                         "\"\"",
                                         "';--",
                                         "\"; DROP TABLE zoho_crm.leads; --",
                                         "a\"b",
                                         "a'b",
                                         "\\",
                                         "\\'",
                                         "$$",
                                         "$1",
                                         "?1",
                                         "%s",
                                         "%00",
                                         "{}",
                                         "{0}",
                                         "/*",
                                         "*/",
                                         "--",
                                         "`",
                                         "[id]",
                                         "(1)",
                                         "a.b",
                                         "a b",
                                         " ",
                                         "\t",
                                         "id ",
                                         " id",
                                         "ID",
                                         "Id",
                                         "select",
                                         "from",
                                         "where",
                                         "order",
                                         "group",
                                         "user",
                                         "table",
                                         "column",
                                         "primary",
                                         "references",
                                         "check",
                                         "default",
                                         "null",
                                         "true",
                                         "limit",
                                         "offset",
                                         "all",
                                         "and",
                                         "or",
                                         "not",
                                         "in",
                                         "is",
                                         "as",
                                         "on",
                                         "end",
                                         "case",
                                         "desc",
                                         "grant",
                                         "analyze",
                                         "current_user",
                                         "session_user",
                                         "xmin",
                                         "xmax",
                                         "cmin",
                                         "cmax",
                                         "ctid",
                                         "tableoid",
                                         "oid",
                                         "XMIN",
                                         "Ctid",
                                         "TableOID",
                                         "rowid",
                                         "_rowid_",
                                         "_synced_at",
                                         "_deleted_at",
                                         "_details_at",
                                         "_SYNCED_AT",
                                         "_Deleted_At",
                                         "_authoritative",
                                         "excluded",
                                         "t",
                                         "u",
                                         "s",
                                         "\\u0000",
                                         "\\0",
                                         "\xE2\x90\x80",
                                         "\xEF\xBF\xBD",
                                         "ü",
                                         "Ü",
                                         "ß",
                                         "İ",
                                         "ı",
                                         "é",
                                         "e\xCC\x81",
                                         "名前",
                                         "имя",
                                         "😀",
                                         "\xC2\xA0",
                                         "\xE2\x80\x8B",
                                         "\xEF\xBB\xBF",
                                         "1",
                                         "0",
                                         "-1",
                                         "1e5",
                                         "NaN",
                                         "__proto__",
                                         "constructor",
                                         "A",
                                         "a",
                                         "_",
                                         "__",
                                         "a_",
                                         "_a",
                                         std::string(54, 'x'),
                                         std::string(62, 'x'),
                                         std::string(63, 'x'),
                                         std::string(64, 'x'),
                                         std::string(200, 'x'),
                                         std::string(61, 'y') + "ü",
                                         std::string(53, 'z') + "😀" + std::string(20, 'z')};
    std::mt19937_64 random{seed};
    std::uniform_int_distribution<std::size_t> place{0, seeds.size() - 1};
    std::set<std::string> names(seeds.begin(), seeds.end());
    names.erase("id"); // The key itself.
    while (names.size() < count) {
        std::string name = seeds[place(random)];
        name += random() % 2 == 0 ? "" : std::to_string(random() % 100);
        name += seeds[place(random)];
        names.insert(name);
    }
    std::vector<std::string> list(names.begin(), names.end());
    list.resize(count);
    return list;
}

} // namespace zohosyncd::fakes
