// Tables whose fields have names that were made to break them, on both targets.
#include "daemon/core/identifiers.hpp"
#include "daemon/core/time.hpp"
#include "tests/fakes/hostile_names.hpp"
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace zohosyncd::tests {
namespace {

constexpr std::size_t many = 10'000;
// PostgreSQL has 1,600 columns in a table, SQLite 2,000: the names are spread over several.
constexpr std::size_t names_in_a_table = 1'000;

StreamSchema table_of(std::size_t number, const std::vector<std::string>& names) {
    StreamSchema schema;
    schema.target = {"zoho_crm", "names_" + std::to_string(number)};
    schema.columns = {leads().columns[0], leads().columns[2]};
    schema.version_column = 1;
    for (const auto& name : names) {
        schema.columns.push_back(
            {name, "", name + " (label)", "", "text", ColumnType::text, true, {}});
    }
    return schema;
}

std::string snake(const std::string& name) {
    std::string out;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const auto c = static_cast<unsigned char>(name[i]);
        const bool is_upper = c >= 'A' && c <= 'Z';
        const bool is_plain =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || is_upper || c == '_';
        if (is_upper && i > 0 &&
            ((name[i - 1] >= 'a' && name[i - 1] <= 'z') ||
             (name[i - 1] >= '0' && name[i - 1] <= '9'))) {
            out += '_';
        }
        if (is_plain) {
            out += static_cast<char>(is_upper ? c + 32 : c);
        } else if ((c & 0xC0U) != 0x80U || i == 0) {
            out += '_';
        }
    }
    return out;
}

/// The contract's rule once more, written for this test alone: API name to column.
std::map<std::string, std::string> expected_names(const std::vector<std::string>& api_names) {
    std::set<std::string> taken{"tableoid",
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
    std::map<std::string, std::string> names;
    for (const auto& api_name : std::set<std::string>(api_names.begin(), api_names.end())) {
        const auto plain = snake(api_name.starts_with('$') ? api_name.substr(1) : api_name);
        if (!plain.empty() && plain.size() <= 63 && taken.insert(plain).second) {
            names[api_name] = plain;
        } else {
            names[api_name] = plain.substr(0, 54) + "_" + sha256_hex(api_name).substr(0, 8);
        }
    }
    return names;
}

std::string number_of_columns(const PostgresTarget& target, const std::string& table) {
    return target.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'zoho_crm." + table +
                        "'::regclass AND attnum > 0 AND NOT attisdropped");
}

std::string number_of_columns(const SqliteTarget& target, const std::string& table) {
    return target.value("SELECT count(*) FROM pragma_table_info('" + table + "')");
}

/// How many of the comma-separated quoted names are columns of the table.
std::string
found_among(const PostgresTarget& target, const std::string& table, const std::string& names) {
    return target.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'zoho_crm." + table +
                        "'::regclass AND attnum > 0 AND attname IN (" + names + ")");
}

std::string
found_among(const SqliteTarget& target, const std::string& table, const std::string& names) {
    return target.value("SELECT count(*) FROM pragma_table_info('" + table + "') WHERE name IN (" +
                        names + ")");
}

} // namespace

TEST_CASE_TEMPLATE("ten thousand hostile names make exactly their columns",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    const auto sink = target.sink();
    sink->migrate();
    const auto names = fakes::hostile_names(many);
    std::size_t columns = 0;
    for (std::size_t from = 0; from < many; from += names_in_a_table) {
        // Every eleventh name, so that those that begin alike are spread, and some are together.
        std::vector<std::string> some;
        for (std::size_t i = from; i < from + names_in_a_table; ++i) {
            some.push_back(names[(i * 11) % many]);
        }
        some.push_back("Modified_Time");
        auto all = some;
        all.emplace_back("id");
        const auto expected = expected_names(all);
        some.pop_back();
        const auto schema = table_of(from, some);
        const auto key = key_of(schema);

        const auto stream = sink->prepare(key, schema, ColumnCasing::snake);

        std::string quoted;
        for (const auto& column : stream.schema.columns) {
            CAPTURE(column.api_name);
            REQUIRE(column.name == expected.at(column.api_name));
            quoted += (quoted.empty() ? "'" : ", '") + column.name + "'";
        }
        const auto count = names_in_a_table + 2;
        REQUIRE(number_of_columns(target, schema.target.table) == std::to_string(count + 2));
        REQUIRE(found_among(target, schema.target.table, quoted) == std::to_string(count));
        columns += names_in_a_table;

        // A row with a value in the first and the last of them comes back from there.
        Batch batch(stream.schema.columns.size());
        for (std::size_t i = 1; i < stream.schema.columns.size(); ++i) {
            if (i == 1) {
                batch.column(i).append(format_utc(at(1)));
            } else if (i == 2 || i + 1 == stream.schema.columns.size()) {
                batch.column(i).append("here");
            } else {
                batch.column(i).append_null();
            }
        }
        batch.end_row(7, at(1));
        REQUIRE(
            sink->write(key, stream.schema, {&batch, nullptr}, checkpoint_of(stream)).inserted ==
            1);
        REQUIRE(sink->differing(stream.schema, batch).empty());
        const auto& last = stream.schema.columns.back().name;
        REQUIRE(target.value("SELECT \"" + last + "\" FROM " +
                             Target::table(schema.target.table)) == "here");

        // And again, in another order: nothing is added.
        auto reversed = schema;
        std::reverse(reversed.columns.begin() + 2, reversed.columns.end());
        const auto again = sink->prepare(key, reversed, ColumnCasing::snake);
        REQUIRE_FALSE(again.created_table);
        REQUIRE(number_of_columns(target, schema.target.table) == std::to_string(count + 2));
        for (const auto& column : again.schema.columns) {
            REQUIRE(column.name == expected.at(column.api_name));
        }
    }
    CHECK(columns == many);
}

TEST_CASE_TEMPLATE("hostile names are kept as they are where the casing says so",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    Target target;
    const auto sink = target.sink();
    sink->migrate();
    const auto schema = table_of(1, fakes::hostile_names(1'000, 6));

    const auto stream = sink->prepare(key_of(schema), schema, ColumnCasing::source);

    std::string quoted;
    for (const auto& column : stream.schema.columns) {
        std::string name;
        for (const char c : column.name) {
            name += c == '\'' ? "''" : std::string(1, c);
        }
        quoted += (quoted.empty() ? "'" : ", '") + name + "'";
    }
    CHECK(number_of_columns(target, schema.target.table) == "1004");
    CHECK(found_among(target, schema.target.table, quoted) == "1002");
    sink->begin_stage(key_of(schema), stream.schema);
    Batch batch(stream.schema.columns.size());
    batch.column(1).append(format_utc(at(1)));
    for (std::size_t i = 2; i < stream.schema.columns.size(); ++i) {
        batch.column(i).append_null();
    }
    batch.end_row(7, at(1));
    sink->write_stage(key_of(schema), stream.schema, {&batch, nullptr}, checkpoint_of(stream));
    CHECK(sink->merge_stage(
                  key_of(schema), stream.schema, DeletePolicy::soft, at(2), checkpoint_of(stream))
              .inserted == 1);
}

} // namespace zohosyncd::tests
