#include "daemon/zoho/loose_lists.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace zohosyncd {
namespace {

using nlohmann::json;

bool ends_with_ignoring_case(std::string_view text, std::string_view ending) {
    return text.size() >= ending.size() &&
           std::equal(
               ending.rbegin(), ending.rend(), text.rbegin(), [](unsigned char a, unsigned char b) {
                   return std::tolower(a) == std::tolower(b);
               });
}

ColumnType type_of(const std::string& key, const json& value) {
    if (value.is_object() || value.is_array()) {
        return ColumnType::json;
    }
    if (key == "id" || ends_with_ignoring_case(key, "_id")) {
        return ColumnType::bigint;
    }
    if (ends_with_ignoring_case(key, "_time")) {
        return ColumnType::timestamptz;
    }
    if (value.is_boolean()) {
        return ColumnType::boolean;
    }
    if (value.is_number_integer()) {
        return ColumnType::bigint;
    }
    return value.is_number() ? ColumnType::numeric : ColumnType::text;
}

} // namespace

std::string loose_list_key(EndpointKind kind) {
    return kind == EndpointKind::users ? "users" : "modules";
}

ApiRequest loose_page_request(EndpointKind kind, int page) {
    if (kind == EndpointKind::modules) {
        return {"/settings/modules", {}, {}};
    }
    return {
        "/users", {{"type", "AllUsers"}, {"page", std::to_string(page)}, {"per_page", "200"}}, {}};
}

bool loose_list_goes_on(EndpointKind kind, const PageInfo& info) {
    const bool is_paged = kind == EndpointKind::users;
    if (is_paged && !info.says_whether_more) {
        throw SyncError(ErrorKind::bad_response,
                        "the list of users does not say whether it goes on; it may be cut short");
    }
    return is_paged && info.more_records && info.rows > 0;
}

bool changes_by_itself(std::string_view key) {
    return key == "Isonline" || key == "offset";
}

StreamSchema empty_loose_schema(const TableName& target) {
    StreamSchema schema;
    schema.target = target;
    schema.columns.push_back({"id", "", "", "", "bigint", ColumnType::bigint, true, {}});
    return schema;
}

bool add_columns_that_appear(const std::string& body,
                             std::string_view list_key,
                             const FieldSelection& select,
                             StreamSchema& schema,
                             const ColumnRules& rules) {
    json reply = json::parse(body, nullptr, false);
    if (reply.is_discarded()) {
        // Invalid UTF-8 in one name must not hide everybody; the decoder cleans likewise.
        std::string clean;
        append_clean_utf8(clean, body);
        reply = json::parse(clean, nullptr, false);
    }
    const auto list = reply.is_object() ? reply.find(list_key) : reply.end();
    if (!reply.is_object() || list == reply.end() || !list->is_array()) {
        throw SyncError(ErrorKind::bad_response,
                        "a reply has no list \"" + std::string(list_key) + "\"");
    }
    // The first value that is not null decides; std::map gives new columns a stable order.
    std::map<std::string, const json*> appeared;
    for (const auto& record : *list) {
        if (!record.is_object()) {
            continue; // items() of a scalar would be one with an empty key.
        }
        for (const auto& [key, value] : record.items()) {
            const json*& seen = appeared[key];
            if (seen == nullptr || seen->is_null()) {
                seen = &value;
            }
        }
    }
    bool added = false;
    for (const auto& [key, value] : appeared) {
        const bool is_known =
            std::any_of(schema.columns.begin(),
                        schema.columns.end(),
                        [&known = key](const Column& column) { return column.api_name == known; });
        if (is_known || !select.keeps(key)) {
            continue;
        }
        const auto type = type_of(key, *value);
        schema.columns.push_back(
            {key, "", "", "", to_string(type), type, !changes_by_itself(key), {}});
        schema.columns.back().alias = select.alias_of(key);
        rules.apply_to(schema.columns.back());
        added = true;
    }
    schema.options = rules.table_for(schema.columns);
    return added;
}

} // namespace zohosyncd
