#include "daemon/core/value_rules.hpp"

#include <doctest/doctest.h>

#include <string>

namespace zohosyncd {
namespace {

/// The stored text, "NULL", or "MISFIT".
std::string stored(const ValueRules& rules, ColumnType type, const JsonValue& value) {
    std::string out = "before:";
    std::size_t replaced = 0;
    switch (append_by_rules(rules, type, value, std::nullopt, out, replaced)) {
    case Stored::nothing:
        return "NULL";
    case Stored::misfit:
        return "MISFIT";
    case Stored::value:
        break;
    }
    CHECK(out.starts_with("before:"));
    return out.substr(7);
}

std::string text_through(Transform step, std::string_view raw) {
    ValueRules rules;
    rules.transforms = {step};
    return stored(rules, ColumnType::text, {JsonKind::string, raw});
}

TEST_CASE("transforms of texts") {
    CHECK(text_through(Transform::trim_space, " \\t\u00a0a b \\n") == "a b");
    CHECK(text_through(Transform::trim_space, "  ") == "");
    CHECK(text_through(Transform::upper, "Zürich łódź ñ 9") == "ZÜRICH ŁÓDŹ Ñ 9");
    CHECK(text_through(Transform::lower, "ΑΘΗΝΑ МОСКВА É") == "αθηνα москва é");
    CHECK(text_through(Transform::replace_accents, "Crème brûlée, Žižek, Ñandú, ø, ß") ==
          "Creme brulee, Zizek, Nandu, ø, ß");
    CHECK(text_through(Transform::replace_accents, "e\u0301") == "e");
    CHECK(text_through(Transform::replace_accents, "日本 😀") == "日本 😀");
    CHECK(text_through(Transform::replace_non_printable, "a\\u0007b\\nc") == "abc");
    CHECK(text_through(Transform::empty_as_null, "") == "NULL");
    // RFC 1321, FIPS 180.
    CHECK(text_through(Transform::hash_md5, "abc") == "900150983cd24fb0d6963f7d28e17f72");
    CHECK(text_through(Transform::hash_sha256, "abc") ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(text_through(Transform::hash_sha512, "abc")
              .starts_with("ddaf35a193617abacc417349ae204131"));
}

TEST_CASE("transforms run in order, and null stays null") {
    ValueRules rules;
    rules.transforms = {Transform::trim_space, Transform::upper};
    rules.empty_as_null = true;
    CHECK(stored(rules, ColumnType::text, {JsonKind::string, " a "}) == "A");
    CHECK(stored(rules, ColumnType::text, {JsonKind::string, "  "}) == "NULL");
    CHECK(stored(rules, ColumnType::text, {}) == "NULL");
}

TEST_CASE("null_if takes a value of any type, as it is sent or as it is stored") {
    ValueRules rules;
    rules.null_if = "0";
    CHECK(stored(rules, ColumnType::numeric, {JsonKind::number, "0"}) == "NULL");
    CHECK(stored(rules, ColumnType::numeric, {JsonKind::number, "0.0"}) == "0.0");
    CHECK(stored(rules, ColumnType::text, {JsonKind::string, "0"}) == "NULL");
    CHECK(stored(rules, ColumnType::json, {JsonKind::array, "[0]"}) == "[0]");
}

TEST_CASE("numbers are rounded half away from zero, on their digits") {
    CHECK(rounded("2.345", 2) == "2.35");
    CHECK(rounded("-2.345", 2) == "-2.35");
    CHECK(rounded("2.344999999999999999999", 2) == "2.34");
    CHECK(rounded("9.995", 2) == "10.00");
    CHECK(rounded("0.4", 0) == "0");
    CHECK(rounded("-0.4", 0) == "0");
    CHECK(rounded("0.5", 0) == "1");
    CHECK(rounded("12", 2) == "12");
    CHECK(rounded("12.5", 2) == "12.5");
    CHECK(rounded("1.5e3", 2) == "1500");
    CHECK(rounded("15e-3", 2) == "0.02");
    CHECK(rounded("4e-9", 2) == "0.00");
    CHECK(rounded("0e900000000", 2) == "0");
    CHECK(rounded("123456789012345678901234567890.125", 2) == "123456789012345678901234567890.13");
}

TEST_CASE("limits of a declared type make misfits") {
    ValueRules decimal;
    decimal.decimals = 2;
    decimal.digits = 3;
    CHECK(stored(decimal, ColumnType::numeric, {JsonKind::number, "999.994"}) == "999.99");
    CHECK(stored(decimal, ColumnType::numeric, {JsonKind::number, "999.995"}) == "MISFIT");
    CHECK(stored(decimal, ColumnType::numeric, {JsonKind::string, "x"}) == "MISFIT");
    ValueRules small;
    small.bits = 16;
    CHECK(stored(small, ColumnType::bigint, {JsonKind::number, "-32768"}) == "-32768");
    CHECK(stored(small, ColumnType::bigint, {JsonKind::number, "32768"}) == "MISFIT");
    ValueRules narrow;
    narrow.characters = 3;
    CHECK(stored(narrow, ColumnType::text, {JsonKind::string, "äöü"}) == "äöü");
    CHECK(stored(narrow, ColumnType::text, {JsonKind::string, "äöüx"}) == "MISFIT");
}

TEST_CASE("a date column takes a time's day, a time column a day's midnight") {
    ValueRules rules;
    rules.converts_times = true;
    CHECK(stored(rules, ColumnType::date, {JsonKind::string, "2024-05-01T23:30:00-07:00"}) ==
          "2024-05-01");
    CHECK(stored(rules, ColumnType::timestamptz, {JsonKind::string, "2024-05-01"}) ==
          "2024-05-01T00:00:00Z");
    CHECK(stored(rules, ColumnType::date, {JsonKind::string, "soon"}) == "MISFIT");
}

TEST_CASE("rules that differ have texts that differ") {
    ValueRules a;
    ValueRules b;
    b.null_if = "";
    CHECK(a.text() != b.text());
    b = {};
    b.transforms = {Transform::upper};
    CHECK(a.text() != b.text());
}

} // namespace
} // namespace zohosyncd
