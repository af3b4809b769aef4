#include "tests/simulator/values.hpp"

#include "tests/simulator/value_text.hpp"

#include <array>

namespace zohosim {

namespace {

constexpr Seconds day = 86'400;

bool may_be_null(const Field& field) {
    switch (field.kind) {
    case Kind::record_id:
    case Kind::created_time:
    case Kind::modified_time:
    case Kind::user:
    case Kind::tag:
    case Kind::boolean:
    case Kind::layout:
    case Kind::constant_available:
    case Kind::full_name:
    case Kind::converted_flag:
    case Kind::converted_time:
    case Kind::converted_lookup:
    case Kind::autonumber:
    case Kind::subform:
    case Kind::line_items:
    case Kind::multi_lookup:
    case Kind::multi_user:
    case Kind::territories:
        return false;
    default:
        return !field.mandatory;
    }
}

} // namespace

std::uint64_t mix(std::uint64_t value) {
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31U);
}

std::uint64_t hash_text(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    return mix(hash);
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else {
            out += c;
        }
    }
    out += '"';
}

const UserRef& ValueSource::user(std::uint64_t hash) const {
    return users_[hash % users_.size()];
}

std::string ValueSource::display_name(std::int64_t id) const {
    constexpr std::array<std::string_view, 8> names{"King",
                                                    "Truhlar & Sons",
                                                    "Zürich \"AG\"",
                                                    "Mega Deal",
                                                    "Benton",
                                                    "株式会社",
                                                    "Chanay",
                                                    "O'Neil"};
    const auto hash = mix(seed_ ^ static_cast<std::uint64_t>(id));
    return std::string{names[hash % names.size()]} + " " + std::to_string(hash / 8 % 1000);
}

void ValueSource::append_user(std::string& out, std::uint64_t hash) const {
    const auto& who = user(hash);
    append_named(out, who.name, who.id);
    out.pop_back();
    out += R"(,"email":)";
    append_json_string(out, who.email);
    out += '}';
}

void ValueSource::append_lookup(std::string& out,
                                const std::string& module,
                                std::uint64_t hash) const {
    const auto range = ranges_.find(module);
    if (range == ranges_.end() || range->second.count == 0) {
        out += "null";
        return;
    }
    const auto id = range->second.first + static_cast<std::int64_t>(hash % range->second.count);
    append_named(out, display_name(id), id);
}

void ValueSource::append_file(std::string& out,
                              const RecordFacts& record,
                              std::uint64_t hash) const {
    out += R"([{"id":")" + std::to_string(id_base + static_cast<std::int64_t>(hash % day)) +
           R"(","File_Id__s":"f)" + std::to_string(hash) +
           R"(","File_Name__s":"Angebot Ä.pdf","Size__s":)" + std::to_string(hash % 100'000) +
           R"(,"Created_Time__s":")";
    zone_.append_iso(out, record.created);
    out += R"(","Owner__s":)";
    append_user(out, hash);
    out += "}]";
}

void ValueSource::append(std::string& out,
                         const Field& field,
                         const RecordFacts& record,
                         std::uint64_t salt,
                         bool list_view) const {
    const auto id = static_cast<std::uint64_t>(record.id);
    const auto hash = mix(seed_ ^ field.seed ^ mix(id ^ mix(salt)));
    if (may_be_null(field) && hash % 7 == 0) {
        out += "null";
        return;
    }
    const auto json_type = field.json_type();
    if (field.is_virtual()) {
        append_detail(out, field, record, hash);
    } else if (json_type == "jsonobject") {
        append_object(out, field, record, hash);
    } else if (json_type == "jsonarray") {
        append_array(out, field, record, hash);
    } else {
        append_scalar(out, field, record, hash, list_view);
    }
}

void ValueSource::append_time(std::string& out,
                              const Field& field,
                              const RecordFacts& record,
                              std::uint64_t hash) const {
    // Around the creation of the record, so that both halves of the year occur.
    Seconds instant = record.created + static_cast<Seconds>(hash % (400U * 86'400)) - 200 * day;
    if (field.kind == Kind::created_time) {
        instant = record.created;
    } else if (field.kind == Kind::modified_time) {
        instant = record.modified;
    } else if (field.kind == Kind::converted_time) {
        instant = record.converted_at;
    }
    if (field.kind == Kind::converted_time && instant == 0) {
        out += "null";
        return;
    }
    out += '"';
    field.kind == Kind::date ? append_date(out, instant) : zone_.append_iso(out, instant);
    out += '"';
}

void ValueSource::append_scalar(std::string& out,
                                const Field& field,
                                const RecordFacts& record,
                                std::uint64_t hash,
                                bool list_view) const {
    Draw draw{hash};
    switch (field.kind) {
    case Kind::record_id:
        out += '"' + std::to_string(record.id) + '"';
        break;
    case Kind::created_time:
    case Kind::modified_time:
    case Kind::converted_time:
    case Kind::datetime:
    case Kind::rollup_datetime:
    case Kind::date:
        append_time(out, field, record, draw.next());
        break;
    case Kind::converted_flag:
        out += record.converted_at == 0 ? "false" : "true";
        break;
    case Kind::boolean:
        out += draw.below(2) == 0 ? "false" : "true";
        break;
    case Kind::integer:
    case Kind::rollup_integer:
        out += std::to_string(static_cast<std::int64_t>(draw.below(1'000'000)) - 10);
        break;
    case Kind::bigint:
        append_bigint(out, draw);
        break;
    case Kind::decimal:
    case Kind::currency:
    case Kind::percent:
    case Kind::formula:
        append_number(out, field.kind, draw);
        break;
    case Kind::picklist:
        append_json_string(out, field.choices[draw.below(field.choices.size())]);
        break;
    case Kind::autonumber:
        out += "\"INV-" + std::to_string(record.id % 1'000'000) + '"';
        break;
    case Kind::duration:
        out += '"' + std::to_string(10 + draw.below(50)) + ':' +
               std::to_string(10 + draw.below(50)) + '"';
        break;
    case Kind::profile_image:
        out += '"' + std::to_string(draw.next()) + std::to_string(draw.next()) + "a0ff\"";
        break;
    case Kind::constant_available:
        out += "\"Available\"";
        break;
    case Kind::null_text:
        out += "null";
        break;
    case Kind::rich_text:
        append_rich_text(out, draw, list_view || field.is_cut);
        break;
    default:
        append_text(out, field.kind, field.length, draw);
        break;
    }
}

void ValueSource::append_object(std::string& out,
                                const Field& field,
                                const RecordFacts& record,
                                std::uint64_t hash) const {
    switch (field.kind) {
    case Kind::user:
        append_user(out, hash);
        break;
    case Kind::layout:
        append_named(out, "Standard", id_base + 91'055);
        break;
    case Kind::converted_lookup:
        record.converted_at == 0 ? void(out += "null") : append_lookup(out, field.target, hash);
        break;
    case Kind::parent_id: {
        const auto range = ranges_.find(field.target);
        const auto module_id = range == ranges_.end() ? 0 : range->second.module_id;
        std::string target;
        append_lookup(target, field.target, hash);
        if (target == "null") {
            out += target;
            break;
        }
        out += R"({"module":{"api_name":")" + field.target + R"(","id":")" +
               std::to_string(module_id) + "\"}," + target.substr(1);
        break;
    }
    case Kind::alarm:
        out += R"({"ALARM":"ACTION=EMAIL;TRIGGER=-P1D;TRIGGER_TIME=)" +
               std::to_string(10 + hash % 14) + R"(:52"})";
        break;
    case Kind::rrule:
        out += R"({"RRULE":"FREQ=DAILY;INTERVAL=)" + std::to_string(1 + hash % 9) +
               R"(;DTSTART=2023-05-20;UNTIL=2023-05-28"})";
        break;
    case Kind::consent:
        out += R"({"Data_Processing_Basis":"Consent","Contact_Through_Email":true,"id":")" +
               std::to_string(record.id + 5'000'000'000) + R"(","Consent_Remarks":null})";
        break;
    default:
        append_lookup(out, field.target, hash);
        break;
    }
}

void ValueSource::append_array(std::string& out,
                               const Field& field,
                               const RecordFacts& record,
                               std::uint64_t hash) const {
    Draw draw{hash};
    switch (field.kind) {
    case Kind::tag:
    case Kind::territories:
        if (draw.below(2) == 0) {
            out += "[]";
        } else if (field.kind == Kind::tag) {
            out += R"([{"name":"vip \"A\"","id":")" + std::to_string(id_base + 700 + hash % 9) +
                   R"(","color_code":"#57B1FD"},{"name":"über","id":")" +
                   std::to_string(id_base + 720 + hash % 9) + R"(","color_code":null}])";
        } else {
            out += R"([{"Name":"North","id":")" + std::to_string(id_base + 800 + hash % 9) + "\"}]";
        }
        break;
    case Kind::multiselect:
        append_choices(out, field, draw);
        break;
    case Kind::participants:
        out += R"([{"name":"John","id":")" + std::to_string(record.id + 3) +
               R"(","type":"email","participant":"j@example.com","Email":"j@example.com",)" +
               R"("invited":)" + (draw.below(2) == 0 ? "true" : "false") +
               R"(,"status":"not_known"}])";
        break;
    case Kind::reminders:
        out += R"([{"unit":)" + std::to_string(draw.below(60)) +
               R"(,"period":"minutes"},{"unit":1,"period":"days","time":"10.30"}])";
        break;
    case Kind::tax:
        out += R"([{"value":"Sales Tax - )" + std::to_string(draw.below(20)) + R"(.0 %","id":")" +
               std::to_string(id_base + 900) + "\"}]";
        break;
    default:
        append_file(out, record, hash);
        break;
    }
}

void ValueSource::append_detail(std::string& out,
                                const Field& field,
                                const RecordFacts& record,
                                std::uint64_t hash) const {
    Draw draw{hash};
    const auto rows = draw.below(4);
    out += '[';
    for (std::uint64_t i = 0; i < rows; ++i) {
        out += i == 0 ? "" : ",";
        const auto row_id = std::to_string(record.id * 1 + 1'000'000 * static_cast<int>(i + 1));
        out += R"({"id":")" + row_id + "\",";
        if (field.kind == Kind::multi_lookup) {
            out += '"' + field.api_name + "\":";
            append_lookup(out, field.target, draw.next());
        } else if (field.kind == Kind::multi_user) {
            out += R"("Multi_user":)";
            append_named(out, user(draw.next()).name, user(hash).id);
        } else {
            out += R"("Parent_Id":)";
            append_named(out, display_name(record.id), record.id);
            if (field.kind == Kind::line_items) {
                out += R"(,"Product_Name":)";
                append_lookup(out, "Products", draw.next());
                out += R"(,"List_Price":)";
                append_number(out, Kind::currency, draw);
            }
            out += R"(,"Quantity":)" + std::to_string(draw.below(1000)) + R"(,"Sequence_Number":)" +
                   std::to_string(i + 1) + R"(,"Description":)";
            append_text(out, Kind::textarea, 2000, draw);
        }
        out += '}';
    }
    out += ']';
}

} // namespace zohosim
