#include "daemon/zoho/record_decoder.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/number.hpp"
#include "daemon/core/text.hpp"
#include "daemon/core/time.hpp"
#include "daemon/core/value_rules.hpp"
#include "daemon/core/values.hpp"

#include <simdjson.h>

#include <cstring>
#include <string_view>
#include <unordered_map>

namespace zohosyncd {
namespace {

namespace od = simdjson::ondemand;

std::string_view trimmed(std::string_view token) {
    while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                              token.back() == '\t')) {
        token.remove_suffix(1);
    }
    return token;
}

JsonValue read_value(od::value value) {
    switch (value.type()) {
    case od::json_type::array:
        return {JsonKind::array, value.get_array().value().raw_json().value()};
    case od::json_type::object:
        return {JsonKind::object, value.get_object().value().raw_json().value()};
    case od::json_type::number:
        return {JsonKind::number, trimmed(value.raw_json_token())};
    case od::json_type::boolean:
        return {JsonKind::boolean, trimmed(value.raw_json_token())};
    case od::json_type::string: {
        auto token = trimmed(value.raw_json_token());
        token.remove_prefix(1);
        token.remove_suffix(1);
        return {JsonKind::string, token};
    }
    case od::json_type::null:
        break;
    }
    // The parser goes by the first letter alone.
    if (trimmed(value.raw_json_token()) != "null") {
        throw simdjson::simdjson_error(simdjson::N_ATOM_ERROR);
    }
    return {};
}

/// The key as it stands in the page. API names hold nothing that would be escaped, and a key with
/// an escape matches none of them.
std::string_view raw_key(const od::raw_json_string& key) {
    const char* begin = key.raw();
    return {begin, static_cast<std::size_t>(std::strchr(begin, '"') - begin)};
}

std::string plain_text(const JsonValue& value) {
    std::string text;
    if (value.kind == JsonKind::string) {
        append_unescaped_json_string(text, value.raw);
    }
    return text;
}

} // namespace

class RecordDecoder::Implementation {
public:
    void set_shape(Shape shape) {
        shape_ = std::move(shape);
        index_.clear();
        for (std::size_t column = 0; column < shape_.columns.size(); ++column) {
            index_.emplace(shape_.columns[column].source(), column); // Of parts the first.
        }
        filled_in_row_.assign(shape_.columns.size(), 0);
    }

    PageInfo decode(std::string& body, std::string_view list_key, Batch& batch) {
        const BatchMark before(batch);
        try {
            return read_page(body, list_key, batch);
        } catch (const simdjson::simdjson_error& error) {
            before.restore(batch);
            if (error.error() != simdjson::UTF8_ERROR &&
                error.error() != simdjson::UNESCAPED_CHARS) {
                fail(error.what());
            }
        }
        // Rare: only now the body is cleaned as a whole, and read once more.
        std::string clean;
        clean.reserve(body.size() + body.size() / 8 + simdjson::SIMDJSON_PADDING);
        const std::size_t replaced = append_clean_json(clean, body);
        body.swap(clean);
        try {
            const PageInfo info = read_page(body, list_key, batch);
            batch.replaced_characters += replaced;
            return info;
        } catch (const simdjson::simdjson_error& error) {
            before.restore(batch);
            fail(error.what());
        }
    }

private:
    [[noreturn]] static void fail(const char* reason) {
        throw SyncError(ErrorKind::bad_response,
                        std::string("a page of records is no valid JSON (") + reason +
                            "); it was dropped whole");
    }

    PageInfo read_page(std::string& body, std::string_view list_key, Batch& batch) {
        pending_from_ = batch.quarantined().size();
        saw_own_field_ = false;
        rows_without_.assign(shape_.columns.size(), 0);
        body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
        od::document document = parser_.iterate(body.data(), body.size(), body.capacity());
        PageInfo info;
        bool has_list = false;
        for (auto field : document.get_object()) {
            const std::string_view key = field.unescaped_key();
            if (key == list_key) {
                has_list = true;
                info.rows += read_list(field.value().get_array(), batch);
            } else if (key == "info") {
                read_info(field.value(), info);
            }
        }
        if (document.current_location().error() == simdjson::SUCCESS) {
            throw simdjson::simdjson_error(simdjson::TRAILING_CONTENT);
        }
        if (!has_list) {
            throw SyncError(ErrorKind::bad_response,
                            "a reply has no list \"" + std::string(list_key) +
                                "\", so it is no page of records; trying again later");
        }
        info.holds_asked_fields = info.rows == 0 || saw_own_field_;
        for (std::size_t column = 1; column < shape_.columns.size() && info.rows > 0; ++column) {
            if (rows_without_[column] == info.rows) {
                info.absent.push_back(shape_.columns[column].source());
            }
        }
        return info;
    }

    static void read_info(od::value value, PageInfo& info) {
        if (value.type() != od::json_type::object) {
            return;
        }
        for (auto field : value.get_object()) {
            const std::string_view key = field.unescaped_key();
            if (key == "more_records") {
                const auto more = read_value(field.value());
                info.says_whether_more = more.kind == JsonKind::boolean;
                info.more_records = more.raw == "true";
            } else if (key == "next_page_token") {
                info.next_page_token = plain_text(read_value(field.value()));
            }
        }
    }

    std::size_t read_list(od::array list, Batch& batch) {
        std::size_t rows = 0;
        for (auto element : list) {
            od::value record = element.value();
            if (record.type() != od::json_type::object) {
                batch.quarantined().push_back({0,
                                               "the record is no JSON object",
                                               std::string(read_value(record).raw),
                                               "no_object"});
                ++pending_from_;
                continue;
            }
            rows += read_record(record.get_object(), batch) ? 1 : 0;
        }
        return rows;
    }

    /// The index of the key's column. Zoho sends the keys of one page in one order, so the column
    /// after the last one is tried before the hash map.
    std::size_t column_of(std::string_view key, std::size_t expected) const {
        if (expected < shape_.columns.size() && shape_.columns[expected].source() == key) {
            return expected;
        }
        const auto found = index_.find(key);
        return found == index_.end() ? shape_.columns.size() : found->second;
    }

    bool read_record(od::object record, Batch& batch) {
        const std::size_t row = batch.rows();
        ++row_stamp_;
        row_id_.reset();
        row_version_ = std::chrono::sys_seconds::min();
        std::size_t expected = 0;
        for (auto field : record) {
            const std::string_view key = raw_key(field.key().value());
            const std::size_t column = column_of(key, expected);
            if (column == shape_.columns.size()) {
                continue;
            }
            if (filled_in_row_[column] == row_stamp_) {
                // The first one counts.
                batch.quarantined().push_back({0,
                                               shape_.columns[column].source() + " came twice",
                                               std::string(read_value(field.value()).raw),
                                               "repeated_key"});
                continue;
            }
            filled_in_row_[column] = row_stamp_;
            saw_own_field_ = saw_own_field_ || (column != 0 && column != shape_.version);
            if (shape_.columns[column].part.empty()) {
                expected = column + 1;
                take(column, read_value(field.value()), batch);
            } else {
                expected = take_parts(column, field.value(), batch);
            }
        }
        if (!row_id_) {
            batch.truncate(row);
            batch.quarantined().resize(pending_from_);
            (void)record.reset().value();
            batch.quarantined().push_back({0,
                                           "the record has no usable id",
                                           std::string(record.raw_json().value()),
                                           "no_id"});
            ++pending_from_;
            return false;
        }
        for (std::size_t column = 1; column < shape_.columns.size(); ++column) {
            if (filled_in_row_[column] != row_stamp_) {
                batch.column(column).append_null();
                ++rows_without_[column];
            }
        }
        for (auto index = pending_from_; index < batch.quarantined().size(); ++index) {
            batch.quarantined()[index].id = *row_id_;
        }
        pending_from_ = batch.quarantined().size();
        batch.end_row(*row_id_, row_version_);
        return true;
    }

    /// An object into the columns of its parts, the first of which is `first`. Returns the column
    /// after them. A part that is missing is NULL, and so are all of what is no object.
    std::size_t take_parts(std::size_t first, od::value value, Batch& batch) {
        std::size_t end = first;
        while (end < shape_.columns.size() &&
               shape_.columns[end].field == shape_.columns[first].field) {
            ++end;
        }
        filled_parts_.assign(end - first, false);
        if (value.type() == od::json_type::object) {
            for (auto entry : value.get_object()) {
                const std::string_view key = raw_key(entry.key().value());
                for (auto column = first; column < end; ++column) {
                    if (shape_.columns[column].part == key && !filled_parts_[column - first]) {
                        filled_parts_[column - first] = true;
                        take(column, read_value(entry.value()), batch);
                        break;
                    }
                }
            }
        } else if (const auto other = read_value(value); other.kind != JsonKind::null) {
            batch.quarantined().push_back({0,
                                           shape_.columns[first].field + " is no object",
                                           std::string(other.raw),
                                           "no_object"});
        }
        for (auto column = first; column < end; ++column) {
            filled_in_row_[column] = row_stamp_;
            if (!filled_parts_[column - first]) {
                batch.column(column).append_null();
            }
        }
        return end;
    }

    void take(std::size_t column, const JsonValue& value, Batch& batch) {
        if (column == 0) {
            row_id_ = parse_int64(value.raw);
            return;
        }
        if (column == shape_.version && value.kind == JsonKind::string) {
            row_version_ = parse_zoho_time(value.raw).value_or(row_version_);
        }
        const Column& wanted = shape_.columns[column];
        ColumnData& data = batch.column(column);
        const auto limit = shape_.is_single ? wanted.list_limit : std::nullopt;
        auto& replaced = batch.replaced_characters;
        const auto stored =
            wanted.rules == nullptr
                ? append_value(wanted.type, value, limit, data.open(), replaced)
                : append_by_rules(*wanted.rules, wanted.type, value, limit, data.open(), replaced);
        data.close(stored != Stored::value);
        if (stored == Stored::misfit) {
            batch.quarantined().push_back({0,
                                           wanted.api_name + " is no " + to_string(wanted.type),
                                           std::string(value.raw),
                                           std::string("no_") + to_string(wanted.type)});
        }
    }

    struct StringHash {
        using is_transparent = void;

        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };

    od::parser parser_;
    Shape shape_;
    std::unordered_map<std::string, std::size_t, StringHash, std::equal_to<>> index_;
    std::vector<std::uint64_t> filled_in_row_;
    std::vector<bool> filled_parts_;        ///< Of the object that is being read.
    std::vector<std::size_t> rows_without_; ///< Of the page, by column.
    std::uint64_t row_stamp_ = 0;
    std::optional<std::int64_t> row_id_;
    std::chrono::sys_seconds row_version_;
    std::size_t pending_from_ = 0;
    bool saw_own_field_ = false; ///< Any but id and Modified_Time, which every slice has.
};

RecordDecoder::RecordDecoder() : implementation_(std::make_unique<Implementation>()) {}

RecordDecoder::~RecordDecoder() = default;

void RecordDecoder::set_shape(Shape shape) {
    implementation_->set_shape(std::move(shape));
}

PageInfo RecordDecoder::decode(std::string& body, std::string_view list_key, Batch& batch) {
    return implementation_->decode(body, list_key, batch);
}

} // namespace zohosyncd
