// Names of columns: a line is an API name, behind a first one with the casing's number.

#include "daemon/core/identifiers.hpp"

#include "tests/fuzz/properties.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace zohosyncd::fuzz {
namespace {

using Given = std::map<std::string, std::string>;

constexpr std::size_t most_bytes = 63;

std::string folded(std::string text) {
    for (char& c : text) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    return text;
}

Given assign(const std::vector<std::string>& names, ColumnCasing casing, const Given& given = {}) {
    const auto columns = assign_column_names(names, casing, given);
    ensure(columns.size() == names.size(), "every field has a column");
    Given result;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const bool is_new = result.emplace(names[i], columns[i]).second;
        ensure(is_new || result[names[i]] == columns[i],
               "a field that is listed twice has one column");
    }
    return result;
}

void check_names(const Given& names) {
    static const std::set<std::string> reserved{"tableoid",
                                                "xmin",
                                                "cmin",
                                                "xmax",
                                                "cmax",
                                                "ctid",
                                                "oid",
                                                "_synced_at",
                                                "_deleted_at",
                                                "_details_at"};
    std::set<std::string> taken;
    for (const auto& [api_name, column] : names) {
        ensure(!column.empty() && column.size() <= most_bytes, "a name has 1 to 63 bytes");
        ensure(taken.insert(folded(column)).second, "names differ by more than case");
        ensure(!reserved.contains(folded(column)), "no name is one of PostgreSQL's or ours");
        ensure(!is_storable(api_name) || is_storable(column),
               "a name is UTF-8, also where it was cut");
    }
}

void check_casing(const std::string& api_name) {
    for (const auto casing : {ColumnCasing::snake,
                              ColumnCasing::lower,
                              ColumnCasing::upper,
                              ColumnCasing::target,
                              ColumnCasing::camel}) {
        const auto name = apply_casing(api_name, casing);
        ensure(std::all_of(name.begin(),
                           name.end(),
                           [](char c) {
                               return c == '_' || (c >= '0' && c <= '9') ||
                                      (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                           }),
               "a cleaned name holds letters, digits and _ only");
        ensure(name.empty() == api_name.empty(), "a name does not vanish");
    }
    const auto snake = snake_case(api_name);
    ensure(snake_case(snake) == snake, "snake case of snake case is the same");
}

} // namespace
} // namespace zohosyncd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace zohosyncd;
    using namespace zohosyncd::fuzz;
    auto text = as_text(data, size);
    const auto first = take_line(text);
    const auto casing = static_cast<ColumnCasing>(first.empty()      ? 0
                                                  : first[0] % 7 < 0 ? 0
                                                                     : first[0] % 7);
    auto names = lines_of(text);
    // An empty name is not in any reply: metadata without api_name is passed over.
    std::erase(names, "");
    std::for_each(names.begin(), names.end(), check_casing);

    const auto assigned = assign(names, casing);
    check_names(assigned);
    auto reversed = names;
    std::reverse(reversed.begin(), reversed.end());
    ensure(assign(reversed, casing) == assigned, "the order of the fields does not matter");
    ensure(assign(names, casing, assigned) == assigned, "names once given stay");

    const std::vector<std::string> half(
        names.begin(), names.begin() + static_cast<std::ptrdiff_t>(names.size() / 2));
    const auto before = assign(half, casing);
    const auto after = assign(names, casing, before);
    check_names(after);
    for (const auto& [api_name, column] : before) {
        ensure(after.at(api_name) == column, "new fields take no name away");
    }
    return 0;
}
