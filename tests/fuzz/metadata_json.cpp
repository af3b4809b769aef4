// The small replies. The first line says which: fields, modules, org, deleted, users.

#include "daemon/core/errors.hpp"
#include "daemon/core/folding.hpp"
#include "daemon/core/identifiers.hpp"
#include "daemon/core/number.hpp"
#include "daemon/core/slices.hpp"
#include "daemon/core/time.hpp"
#include "daemon/zoho/deleted_reader.hpp"
#include "daemon/zoho/loose_lists.hpp"
#include "daemon/zoho/metadata.hpp"
#include "daemon/zoho/record_decoder.hpp"
#include "tests/fakes/zoho_client.hpp"
#include "tests/fuzz/properties.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <string>

namespace zohosyncd::fuzz {
namespace {

using nlohmann::json;

/// Runs it and lets only a bad response pass.
template <typename Action> bool is_accepted(Action&& action) {
    try {
        action();
        return true;
    } catch (const SyncError& error) {
        ensure(error.kind() == ErrorKind::bad_response,
               "a reply that is no such list is a bad response");
        return false;
    }
}

void check_column_names(const StreamSchema& schema) {
    std::vector<std::string> names;
    for (const auto& column : schema.columns) {
        ensure(is_storable(column.api_name) || column.api_name.find('\0') != std::string::npos,
               "an API name is UTF-8");
        names.push_back(column.api_name);
    }
    ensure(std::set<std::string>(names.begin(), names.end()).size() == names.size(),
           "a field is one column");
    const auto given = assign_column_names(names, ColumnCasing::snake, {});
    ensure(std::set<std::string>(given.begin(), given.end()).size() == names.size(),
           "a column has a name of its own");
}

void check_slices(const StreamSchema& schema) {
    std::vector<std::string> names;
    std::size_t longest = 0;
    for (const auto& column : schema.columns) {
        names.push_back(column.api_name);
        longest = std::max(longest, column.api_name.size());
    }
    std::set<std::size_t> covered;
    for (const auto& slice : plan_slices(names, schema.version_column)) {
        std::size_t characters = 0;
        for (std::size_t at = 0; at < slice.fields.size(); ++at) {
            ensure(names[slice.columns[at]] == slice.fields[at], "a slice knows its columns");
            characters += slice.fields[at].size() + 1;
            covered.insert(slice.columns[at]);
        }
        ensure(slice.columns[0] == 0 &&
                   (!schema.version_column || slice.columns[1] == *schema.version_column),
               "every slice carries id and, where it is, Modified_Time");
        ensure(slice.fields.size() <= max_fields_per_call, "a slice has at most 50 names");
        // A single name beyond the limit can only be asked for as it is.
        ensure(characters - 1 <= max_field_characters_per_call || slice.fields.size() <= 3,
               "a slice has at most 1,000 characters");
    }
    ensure(covered.size() == names.size(), "no field is dropped");
}

/// Details add columns that lists are not asked for, and change nothing else.
void check_details(const std::vector<ZohoField>& fields, const StreamSchema& plain) {
    ColumnRules rules;
    rules.has_details = true;
    const StreamSchema schema = schema_of_records({"zoho_crm", "leads"}, fields, {}, rules);
    check_column_names(schema);
    ensure(fields_to_ask(asked_schema(schema)) == fields_to_ask(plain), "lists are asked alike");
    ensure(mapping_hash(schema) == mapping_hash(plain), "and need not be read again");
    ensure(schema.version_column || !schema.has_details(), "without a version there are none");
}

void check_fields(const std::string& body) {
    std::vector<ZohoField> fields;
    if (!is_accepted([&] { fields = parse_fields(body); })) {
        return;
    }
    std::set<std::string> names;
    for (const auto& field : fields) {
        ensure(!field.api_name.empty(), "a field has a name");
        names.insert(field.api_name);
    }
    const StreamSchema schema = schema_of_records({"zoho_crm", "leads"}, fields);
    ensure(schema.columns.front().api_name == "id", "the id comes first");
    ensure(schema.version_column.has_value() == has_versions(fields),
           "there is a version exactly where there is a Modified_Time");
    if (schema.version_column) {
        ensure(schema.columns.at(*schema.version_column).api_name == "Modified_Time",
               "Modified_Time is the version");
    }
    check_column_names(schema);
    check_slices(schema);
    check_details(fields, schema);
    if (names.size() == fields.size()) {
        std::reverse(fields.begin(), fields.end());
        ensure(mapping_hash(schema_of_records({"zoho_crm", "leads"}, fields)) ==
                   mapping_hash(schema),
               "the order of the fields does not change the mapping");
    }
}

void check_modules(const std::string& body) {
    (void)is_accepted([&body] {
        for (const auto& module : parse_modules(body)) {
            ensure(!module.api_name.empty(), "a module has a name");
        }
    });
}

void check_organisation(const std::string& body) {
    fakes::ZohoClient zoho;
    zoho.script.reply(200, body);
    (void)is_accepted([&zoho] {
        const auto organisation = read_organisation(zoho.api, zoho.stop.get_token());
        const auto credits = daily_credits(organisation);
        ensure(credits >= 5000 && credits <= 50'000'000, "credits are those of Zoho's table");
    });
}

/// What one page of the list says, read in another way: by the last of equal keys.
std::set<std::int64_t> deleted_ids(const json& reply) {
    std::set<std::int64_t> ids;
    for (const auto& entry : reply.at("data")) {
        if (entry.is_object() && entry.contains("id") && entry["id"].is_string() &&
            entry.contains("deleted_time") && entry["deleted_time"].is_string() &&
            parse_zoho_time(entry["deleted_time"].get<std::string>())) {
            if (const auto id = parse_int64(entry["id"].get<std::string>())) {
                ids.insert(*id);
            }
        }
    }
    return ids;
}

void check_deleted(const std::string& body) {
    fakes::ZohoClient zoho;
    const auto reply = json::parse(body, nullptr, false);
    const bool is_endless = reply.is_object() && reply.contains("info") &&
                            reply["info"].is_object() && reply["info"].contains("more_records") &&
                            reply["info"]["more_records"] == true;
    // Where more is promised, the list ends with its second page; it is then read once more.
    for (int reading = 0; reading < (is_endless ? 2 : 1); ++reading) {
        zoho.script.reply(200, body, fakes::date_header(20));
        if (is_endless) {
            zoho.script.reply(204, "");
        }
    }
    (void)is_accepted([&] {
        const auto records =
            read_deleted(zoho.api, "Leads", fakes::ManualClock::wall_begin, zoho.stop.get_token());
        std::set<std::int64_t> ids;
        for (const auto& [id, time] : records.deleted_at) {
            ids.insert(id);
        }
        ensure(records.is_complete && records.date, "a list that was read whole is complete");
        ensure(ids == deleted_ids(reply), "every deletion of the list is taken, and no other");
    });
}

void check_users(const std::string& body) {
    StreamSchema schema = empty_loose_schema({"zoho_crm", "users"});
    if (!is_accepted([&] { add_columns_that_appear(body, "users", {}, schema); })) {
        return;
    }
    ensure(!add_columns_that_appear(body, "users", {}, schema),
           "the same reply adds no column again");
    check_column_names(schema);
    RecordDecoder decoder;
    decoder.set_shape({schema.columns, {}, false});
    Batch batch(schema.columns.size());
    auto page = body;
    (void)is_accepted([&] {
        decoder.decode(page, "users", batch);
        for (std::size_t at = 1; at < batch.columns(); ++at) {
            ensure(batch.column(at).size() == batch.rows(),
                   "every column has a value for every row");
            for (std::size_t row = 0; row < batch.rows(); ++row) {
                ensure(batch.column(at).is_null(row) || is_storable(batch.column(at).value(row)),
                       "every value is UTF-8 without NUL");
            }
        }
    });
}

} // namespace
} // namespace zohosyncd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace zohosyncd::fuzz;
    auto text = as_text(data, size);
    const auto kind = take_line(text);
    const std::string body(text);
    if (kind == "fields") {
        check_fields(body);
    } else if (kind == "modules") {
        check_modules(body);
    } else if (kind == "org") {
        check_organisation(body);
    } else if (kind == "deleted") {
        check_deleted(body);
    } else if (kind == "users") {
        check_users(body);
    } else {
        return -1; // Not worth keeping.
    }
    return 0;
}
