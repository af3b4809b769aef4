// A page of records, against a reader of its own that works on JSON that another library accepts.

#include "daemon/core/errors.hpp"
#include "daemon/core/number.hpp"
#include "daemon/core/time.hpp"
#include "daemon/zoho/record_decoder.hpp"
#include "tests/fuzz/properties.hpp"
#include "tests/fuzz/raw_json.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <limits>
#include <map>
#include <set>
#include <string>

namespace zohosyncd::fuzz {
namespace {

using nlohmann::json;

Column column(const char* api_name, ColumnType type, std::optional<std::size_t> limit = {}) {
    return {api_name, "", "", "", "", type, true, limit};
}

constexpr std::size_t version = 1;
constexpr std::size_t name_limit = 5;

const StreamSchema& schema() {
    static const StreamSchema all{{"zoho_crm", "leads"},
                                  {column("id", ColumnType::bigint),
                                   column("Modified_Time", ColumnType::timestamptz),
                                   column("Name", ColumnType::text, name_limit),
                                   column("Amount", ColumnType::numeric),
                                   column("Big", ColumnType::bigint),
                                   column("Done", ColumnType::boolean),
                                   column("Day", ColumnType::date),
                                   column("Owner", ColumnType::json)},
                                  version};
    return all;
}

void check_value(ColumnType type, std::string_view value) {
    ensure(is_storable(value), "every value is UTF-8 without NUL");
    switch (type) {
    case ColumnType::text:
        return;
    case ColumnType::bigint:
        ensure(parse_int64(value).has_value(), "a bigint holds a whole number");
        return;
    case ColumnType::numeric:
        ensure(fits_numeric(value), "a numeric holds a number");
        return;
    case ColumnType::boolean:
        ensure(value == "true" || value == "false", "a boolean is true or false");
        return;
    case ColumnType::date:
        ensure(is_calendar_date(value), "a date exists");
        return;
    case ColumnType::timestamptz:
        ensure(parse_zoho_time(value).has_value() && value.ends_with('Z'), "a time is in UTC");
        return;
    case ColumnType::json:
        return; // Only known to be JSON where the page was: see check_against_reference.
    }
}

/// What holds for every batch, whatever the page was.
void check_batch(const Batch& batch) {
    ensure(batch.versions().size() == batch.rows(), "every row has a version");
    for (std::size_t at = 1; at < batch.columns(); ++at) {
        ensure(batch.column(at).size() == batch.rows(),
               "every column has as many values as there are rows");
        for (std::size_t row = 0; row < batch.rows(); ++row) {
            if (!batch.column(at).is_null(row)) {
                check_value(schema().columns[at].type, batch.column(at).value(row));
            }
        }
    }
    std::set<std::int64_t> ids(batch.ids().begin(), batch.ids().end());
    const auto written = batch.rows_to_write();
    ensure(written.size() == ids.size(), "each id is written once");
    for (std::size_t i = 1; i < written.size(); ++i) {
        ensure(batch.ids()[written[i - 1]] < batch.ids()[written[i]],
               "rows are written by rising id");
    }
    ids.insert(0);
    for (const auto& poor : batch.quarantined()) {
        ensure(ids.contains(poor.id), "what is in quarantine belongs to a row, or to none");
        ensure(!poor.reason.empty(), "what is in quarantine has a reason");
    }
}

using Members = std::map<std::string, RawValue>;

/// The first of repeated keys counts, as in the decoder.
Members members_of(std::string_view object) {
    Members members;
    for (const auto& [key, value] : raw_members(object)) {
        members.emplace(std::string(key), value);
    }
    return members;
}

std::string text_of(const RawValue& value) {
    return without_nul(json::parse(value.text).get<std::string>());
}

void check_member(
    const Batch& batch, std::size_t at, std::size_t row, const RawValue& value, bool is_single) {
    const auto& data = batch.column(at);
    const auto type = schema().columns[at].type;
    const bool is_string = value.text.starts_with('"');
    if (value.text == "null" || (value.text == "\"\"" && type != ColumnType::text)) {
        ensure(data.is_null(row), "null is NULL");
    } else if (type == ColumnType::text) {
        ensure(!data.is_null(row), "text holds everything");
        const auto text = is_string ? text_of(value) : std::string(data.value(row));
        if (is_single) {
            ensure(text.starts_with(data.value(row)) &&
                       count_characters(data.value(row)) ==
                           std::min(is_string ? name_limit : std::string::npos,
                                    count_characters(text)),
                   "rich text of a single record is cut as in lists");
        } else {
            ensure(data.value(row) == text, "text is what was sent");
        }
    } else if (type == ColumnType::numeric) {
        const auto digits = is_string ? value.text.substr(1, value.text.size() - 2) : value.text;
        ensure(data.is_null(row) || data.value(row) == digits, "a number keeps every digit");
    } else if (type == ColumnType::json && !data.is_null(row)) {
        ensure(json::accept(data.value(row)), "JSON is JSON");
    }
}

/// For a page that is JSON without repeated keys at its top.
void check_against_reference(const Batch& batch, std::string_view list, bool is_single) {
    std::size_t row = 0;
    std::size_t unusable = 0;
    for (const auto& element : raw_elements(list)) {
        const auto members = element.text.starts_with('{') ? members_of(element.text) : Members{};
        const auto found = members.find("id");
        const auto id_text = found == members.end() ? std::string_view{} : found->second.text;
        const bool is_quoted = id_text.starts_with('"');
        const auto id = parse_int64(is_quoted ? id_text.substr(1, id_text.size() - 2) : id_text);
        if (!id) {
            ++unusable;
            continue;
        }
        ensure(row < batch.rows() && batch.ids()[row] == *id,
               "every record with an id is a row, in order");
        for (std::size_t at = 1; at < schema().columns.size(); ++at) {
            const auto member = members.find(schema().columns[at].api_name);
            if (member == members.end()) {
                ensure(batch.column(at).is_null(row), "a key that is missing is NULL");
            } else {
                check_member(batch, at, row, member->second, is_single);
            }
        }
        ++row;
    }
    ensure(row == batch.rows(), "there are no other rows");
    ensure(batch.quarantined().size() >= unusable, "a record without an id is in quarantine");
}

/// The list, when the page is JSON that Zoho could have sent.
std::optional<std::string> list_of(std::string_view body) {
    // The library would take a NUL for the end of the text.
    if (body.find('\0') != std::string_view::npos || !json::accept(body)) {
        return std::nullopt;
    }
    std::optional<std::string> list;
    std::set<std::string> keys;
    const auto begin = body.find_first_not_of(" \t\r\n");
    if (body[begin] != '{') {
        return std::nullopt;
    }
    for (const auto& [key, value] : raw_members(body.substr(begin))) {
        if (key.find('\\') != std::string_view::npos || !keys.insert(std::string(key)).second) {
            return std::nullopt;
        }
        if (key == "data" && value.text.starts_with('[')) {
            list = value.text;
        }
    }
    return list;
}

/// Whether it was taken for a page.
bool decode(std::string body, bool is_single, Batch& batch, PageInfo& info) {
    static RecordDecoder decoders[2];
    auto& decoder = decoders[is_single ? 1 : 0];
    decoder.set_shape({schema().columns, version, is_single});
    const auto rows = batch.rows();
    const auto quarantined = batch.quarantined().size();
    try {
        info = decoder.decode(body, "data", batch);
        ensure(batch.rows() == rows + info.rows, "the page says how many rows it brought");
        return true;
    } catch (const SyncError& error) {
        ensure(error.kind() == ErrorKind::bad_response, "a bad page is a bad response");
        ensure(batch.rows() == rows && batch.quarantined().size() == quarantined,
               "a bad page leaves the batch as it was");
        return false;
    }
}

void check_page(const std::string& body) {
    const auto list = list_of(body);
    for (const bool is_single : {false, true}) {
        Batch batch(schema().columns.size());
        PageInfo info;
        const bool is_page = decode(body, is_single, batch, info);
        check_batch(batch);
        ensure(!list || is_page, "a page that is JSON is taken");
        if (list) {
            check_against_reference(batch, *list, is_single);
        }
        ensure(is_storable(info.next_page_token), "a page token is clean text");
        // Once more behind what is there: a page must not lean on an empty batch.
        const auto rows = batch.rows();
        decode(body, is_single, batch, info);
        check_batch(batch);
        ensure(batch.rows() == 2 * rows, "a page brings the same rows each time");
    }
}

} // namespace
} // namespace zohosyncd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    zohosyncd::fuzz::check_page(std::string(zohosyncd::fuzz::as_text(data, size)));
    return 0;
}
