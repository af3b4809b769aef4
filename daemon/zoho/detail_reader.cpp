#include "daemon/zoho/detail_reader.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/number.hpp"
#include "daemon/core/text.hpp"
#include "daemon/core/time.hpp"
#include "daemon/runtime/failpoint.hpp"
#include "daemon/zoho/api_errors.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace zohosyncd {
namespace {

using nlohmann::json;

constexpr std::size_t version_column = 1;
constexpr std::size_t has_more_column = 2;
constexpr std::size_t first_field = 3;

// White space and half a tag may go where a text is cut.
constexpr std::size_t most_trimmed = 20;

/// A record that lacks a field says nothing about it; the decoder makes NULL of that, too.
bool has_field(const PageInfo& info, const std::string& field) {
    return std::ranges::find(info.absent, field) == info.absent.end();
}

std::string json_of(const ColumnData& values, ColumnType type) {
    if (values.is_null(0)) {
        return "null";
    }
    const std::string value(values.value(0));
    return type == ColumnType::text ? json(value).dump() : value;
}

/// What is to be decoded at the commit.
Column as_json(const std::string& api_name) {
    Column column;
    column.api_name = api_name;
    column.type = ColumnType::json;
    return column;
}

/// As lists take it, so that an empty one is the same from both.
Column as_text(const std::string& api_name) {
    auto column = as_json(api_name);
    column.type = ColumnType::text;
    return column;
}

/// Of what the lines themselves say; record and place are ours to fill in.
RecordDecoder::Shape shape_of_lines(const LineTable& table) {
    RecordDecoder::Shape shape;
    shape.columns = table.columns;
    shape.columns.erase(shape.columns.begin() + parent_column,
                        shape.columns.begin() + first_line_field);
    return shape;
}

/// `has_more` is {"Quoted_Items":false,…}.
bool is_cut(const std::string& has_more, const std::string& field) {
    const json told = json::parse(has_more, nullptr, false);
    if (!told.is_object()) {
        return false;
    }
    const auto found = told.find(field);
    return found != told.end() && found->is_boolean() && found->get<bool>();
}

bool ends_with(std::string_view text, std::string_view ending) {
    return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

/// Numbers are amounts more often than not, and one without a fraction may be followed by one with.
ColumnType type_of(const std::string& key, const json& value) {
    if (value.is_object() || value.is_array()) {
        return ColumnType::json;
    }
    if (value.is_boolean()) {
        return ColumnType::boolean;
    }
    if (value.is_number()) {
        return ColumnType::numeric;
    }
    const auto& text = value.get_ref<const std::string&>();
    if (ends_with(key, "_Time") && parse_zoho_time(text)) {
        return ColumnType::timestamptz;
    }
    return ColumnType::text;
}

json parsed(const std::string& text) {
    auto list = json::parse(text, nullptr, false);
    return list.is_array() ? std::move(list) : json::array();
}

void quarantine_all_of(std::vector<Quarantined>& entries, std::size_t from, std::int64_t record) {
    for (auto i = from; i < entries.size(); ++i) {
        if (entries[i].id == 0) {
            entries[i].id = record;
        }
    }
}

/// Appends the lines of one record.
void append_lines(RecordDecoder& decoder,
                  const RecordDetails& record,
                  const std::string& list,
                  LineRows& out) {
    Batch lines(out.rows.columns() - (first_line_field - parent_column));
    std::string body = R"({"lines":)" + list + "}";
    decoder.decode(body, "lines", lines);
    const auto parent = std::to_string(record.id);
    for (std::size_t row = 0; row < lines.rows(); ++row) {
        out.rows.column(parent_column).append(parent);
        out.rows.column(position_column).append(std::to_string(row + 1));
        for (std::size_t column = first_line_field; column < out.rows.columns(); ++column) {
            const auto from = column - (first_line_field - parent_column);
            out.rows.column(column).copy_from(lines.column(from), row);
        }
        out.rows.end_row(lines.ids()[row], std::chrono::sys_seconds::min());
    }
    const auto before = out.rows.quarantined().size();
    for (auto& entry : lines.quarantined()) {
        out.rows.quarantined().push_back(std::move(entry));
    }
    quarantine_all_of(out.rows.quarantined(), before, record.id);
    out.rows.replaced_characters += lines.replaced_characters;
}

} // namespace

DetailReader::DetailReader(ApiClient& client,
                           std::string module,
                           const std::vector<LineTable>& tables,
                           std::vector<Column> columns)
    : client_(client), module_(std::move(module)), columns_(std::move(columns)),
      record_(first_field + tables.size() + columns_.size()) {
    fields_.reserve(tables.size());
    for (const auto& table : tables) {
        fields_.push_back(table.field);
    }
    RecordDecoder::Shape records{
        {as_json("id"), as_json("Modified_Time"), as_json("$has_more")}, version_column, false};
    for (const auto& field : fields_) {
        records.columns.push_back(as_json(field));
    }
    RecordDecoder::Shape texts{{as_json("id")}, {}, false};
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const auto& key = columns_[i].source();
        records.columns.push_back(columns_[i].list_limit ? as_text(key) : as_json(key));
        if (columns_[i].list_limit) {
            texts_.push_back(i);
            texts.columns.push_back(as_text(key));
        }
    }
    decoder_.set_shape(std::move(records));
    text_decoder_.set_shape(std::move(texts));
}

void DetailReader::require_record(const Batch& rows, std::int64_t id) const {
    if (rows.rows() != 1 || rows.ids().front() != id) {
        throw SyncError(ErrorKind::bad_response,
                        "GET /" + module_ +
                            " by id was answered with another record than was asked for; trying "
                            "again later");
    }
}

DetailOutcome DetailReader::take(const ApiReply& reply, RecordDetails& out) {
    record_.clear();
    const auto info = decoder_.decode(*reply.body, "data", record_);
    require_record(record_, out.id);
    if (record_.versions().front() != out.version) {
        return DetailOutcome::changed;
    }
    // Within one second versions can not be told apart. Without a `Date` the caller's clock has to
    // do, who asks for nothing that young.
    if (reply.date && *reply.date <= out.version) {
        return DetailOutcome::too_young;
    }
    const auto& has_more = record_.column(has_more_column);
    out.fields.assign(fields_.size(), {});
    for (std::size_t i = 0; i < fields_.size(); ++i) {
        const auto& value = record_.column(first_field + i);
        if (has_field(info, fields_[i])) {
            out.fields[i].json = value.is_null(0) ? "[]" : std::string(value.value(0));
            out.fields[i].is_cut =
                !has_more.is_null(0) && is_cut(std::string(has_more.value(0)), fields_[i]);
        }
    }
    out.values.assign(columns_.size(), {});
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (has_field(info, columns_[i].source())) {
            out.values[i] = json_of(record_.column(first_field + fields_.size() + i),
                                    columns_[i].list_limit ? ColumnType::text : ColumnType::json);
        }
    }
    return DetailOutcome::read;
}

/// Nothing when Zoho has the record no more.
std::optional<ApiReply>
DetailReader::get(std::int64_t id, const std::string& action, const std::stop_token& stop) {
    try {
        ZOHOSYNCD_FAILPOINT("single.request");
        const auto reply =
            client_.get({"/" + module_ + "/" + std::to_string(id) + action, {}, {}}, stop);
        ZOHOSYNCD_FAILPOINT("single.decoded");
        return reply.has_body() ? std::optional(reply) : std::nullopt;
    } catch (const SyncError& error) {
        if (says_gone(error)) {
            return std::nullopt;
        }
        throw;
    }
}

DetailOutcome DetailReader::read_record(RecordDetails& out, const std::stop_token& stop) {
    const auto reply = get(out.id, "", stop);
    return reply ? take(*reply, out) : DetailOutcome::gone;
}

/// Text that is longer than lists ever give it is whole, too.
bool DetailReader::may_be_cut(const RecordDetails& record) const {
    return std::ranges::any_of(texts_, [&](std::size_t i) {
        const auto& value = record.values[i];
        const auto text = json::parse(value, nullptr, false);
        if (!text.is_string()) {
            return value.empty();
        }
        const auto& characters = text.get_ref<const std::string&>();
        const auto limit = *columns_[i].list_limit;
        return count_utf16_units(characters) + most_trimmed >= limit &&
               count_characters(characters) <= limit;
    });
}

/// False when Zoho does not give it.
bool DetailReader::read_whole_text(RecordDetails& out, const std::stop_token& stop) {
    std::optional<ApiReply> reply;
    try {
        ZOHOSYNCD_FAILPOINT("text.request");
        reply = get(out.id, "/actions/fetch_full_data", stop);
    } catch (const SyncError& error) {
        const bool says_no =
            reaction_to(error.kind()) == Reaction::deny_stream ||
            (error.kind() == ErrorKind::bad_response && !error.zoho_code().empty());
        if (!says_no) {
            throw;
        }
    }
    if (!reply) {
        return false;
    }
    Batch texts(1 + texts_.size());
    const auto info = text_decoder_.decode(*reply->body, "data", texts);
    require_record(texts, out.id);
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        if (has_field(info, columns_[texts_[i]].source())) {
            out.values[texts_[i]] = json_of(texts.column(1 + i), ColumnType::text);
        }
    }
    return true;
}

DetailOutcome DetailReader::read(std::int64_t id,
                                 std::chrono::sys_seconds version,
                                 RecordDetails& out,
                                 const Turn& turn,
                                 const std::stop_token& stop) {
    out = {};
    out.id = id;
    out.version = version;
    const auto outcome = read_record(out, stop);
    if (outcome != DetailOutcome::read || !may_be_cut(out)) {
        return outcome;
    }
    if (!turn()) {
        return DetailOutcome::put_off;
    }
    RecordDetails whole = out;
    if (!read_whole_text(whole, stop)) {
        out.is_text_cut = true;
        return DetailOutcome::read;
    }
    if (!turn()) {
        return DetailOutcome::put_off;
    }
    const auto seal = read_record(out, stop);
    if (seal == DetailOutcome::read) {
        for (const auto i : texts_) {
            out.values[i] = whole.values[i];
        }
    }
    return seal;
}

bool add_line_columns_that_appear(std::span<const RecordDetails> records,
                                  std::size_t field,
                                  LineTable& table) {
    std::map<std::string, ColumnType> appeared; // New columns get a stable order.
    for (const auto& record : records) {
        for (const auto& line : parsed(record.fields[field].json)) {
            if (!line.is_object()) {
                continue; // items() of a scalar would be one with an empty key.
            }
            for (const auto& [key, value] : line.items()) {
                if (!value.is_null() && !key.empty() && key.front() != '$') {
                    appeared.emplace(key, type_of(key, value));
                }
            }
        }
    }
    for (const auto& column : table.columns) {
        appeared.erase(column.api_name);
    }
    for (const auto& [key, type] : appeared) {
        table.columns.push_back({key, "", "", "", to_string(type), type, true, {}});
    }
    return !appeared.empty();
}

DetailsPage decode_lines(std::span<const RecordDetails> records,
                         const std::vector<LineTable>& tables) {
    DetailsPage page;
    for (const auto& record : records) {
        page.ids.push_back(record.id);
        page.versions.push_back(record.version);
    }
    for (std::size_t i = 0; i < tables.size(); ++i) {
        RecordDecoder decoder;
        decoder.set_shape(shape_of_lines(tables[i]));
        LineRows lines{Batch(tables[i].columns.size()), {}};
        for (const auto& record : records) {
            const auto& field = record.fields[i];
            if (field.json.empty()) {
                continue; // Absence is never deletion.
            }
            if (field.json.front() != '[') {
                lines.rows.quarantined().push_back(
                    {record.id, tables[i].field + " is no list of lines", field.json, "no_list"});
                continue;
            }
            append_lines(decoder, record, field.json, lines);
            if (!field.is_cut) {
                lines.complete.push_back(record.id);
            }
        }
        page.tables.push_back(std::move(lines));
    }
    return page;
}

Batch decode_columns(std::span<const RecordDetails> records, StreamSchema& schema) {
    constexpr std::size_t before_values = 2;
    std::vector<std::size_t> taken;
    for (std::size_t i = schema.columns.size(); i-- > before_values;) {
        if (!records.front().values[i - before_values].empty()) {
            taken.insert(taken.begin(), i - before_values);
            schema.columns[i].is_detail = false; // Compared as a whole.
        } else {
            schema.remove_column(i);
        }
    }
    if (taken.empty()) {
        return Batch(before_values);
    }
    std::string body = R"({"records":[)";
    for (const auto& record : records) {
        body += body.back() == '[' ? "" : ",";
        body += R"({"id":")" + std::to_string(record.id) + R"(","Modified_Time":")" +
                format_utc(record.version) + '"';
        for (std::size_t i = 0; i < taken.size(); ++i) {
            body += ',' + json(schema.columns[before_values + i].source()).dump() + ':' +
                    record.values[taken[i]];
        }
        body += '}';
    }
    body += "]}";
    Batch rows(schema.columns.size());
    RecordDecoder decoder;
    decoder.set_shape({schema.columns, schema.version_column, false});
    decoder.decode(body, "records", rows);
    return rows;
}

} // namespace zohosyncd
