#include "tests/simulator/schema.hpp"

#include "tests/simulator/values.hpp"

#include <array>
#include <map>
#include <sstream>

namespace zohosim {

namespace {

struct KindNames {
    Kind kind;
    const char* notation;  ///< as the tables spell it
    const char* data_type; ///< as the metadata spells it
    const char* json_type;
};

// Zoho's own oddities are kept: Tag is `text`, the calls' Reminder is a `picklist`.
constexpr std::array kinds{
    KindNames{Kind::record_id, "record_id", "bigint", "string"},
    KindNames{Kind::text, "text", "text", "string"},
    KindNames{Kind::textarea, "textarea", "textarea", "string"},
    KindNames{Kind::rich_text, "richtext", "textarea", "string"},
    KindNames{Kind::email, "email", "email", "string"},
    KindNames{Kind::phone, "phone", "phone", "string"},
    KindNames{Kind::website, "website", "website", "string"},
    KindNames{Kind::picklist, "picklist", "picklist", "string"},
    KindNames{Kind::multiselect, "multiselectpicklist", "multiselectpicklist", "jsonarray"},
    KindNames{Kind::boolean, "boolean", "boolean", "boolean"},
    KindNames{Kind::integer, "integer", "integer", "integer"},
    KindNames{Kind::bigint, "bigint", "bigint", "string"},
    KindNames{Kind::decimal, "double", "double", "double"},
    KindNames{Kind::currency, "currency", "currency", "double"},
    KindNames{Kind::percent, "percent", "percent", "double"},
    KindNames{Kind::date, "date", "date", "string"},
    KindNames{Kind::datetime, "datetime", "datetime", "string"},
    KindNames{Kind::autonumber, "autonumber", "autonumber", "string"},
    KindNames{Kind::formula, "formula", "formula", "double"},
    KindNames{Kind::rollup_integer, "rollup_integer", "rollup_summary", "integer"},
    KindNames{Kind::rollup_datetime, "rollup_datetime", "rollup_summary", "string"},
    KindNames{Kind::lookup, "lookup", "lookup", "jsonobject"},
    KindNames{Kind::user, "ownerlookup", "ownerlookup", "jsonobject"},
    KindNames{Kind::user, "userlookup", "userlookup", "jsonobject"},
    KindNames{Kind::layout, "layout", "layout", "jsonobject"},
    KindNames{Kind::tag, "tag", "text", "jsonarray"},
    KindNames{Kind::territories, "territories", "territories", "jsonarray"},
    KindNames{Kind::profile_image, "profileimage", "profileimage", "string"},
    KindNames{Kind::file_upload, "fileupload", "fileupload", "jsonarray"},
    KindNames{Kind::image_upload, "imageupload", "imageupload", "jsonarray"},
    KindNames{Kind::what_id, "what_id", "lookup", "jsonobject"},
    KindNames{Kind::parent_id, "parent_id", "lookup", "jsonobject"},
    KindNames{Kind::participants, "participants", "text", "jsonarray"},
    KindNames{Kind::reminders, "multireminder", "multireminder", "jsonarray"},
    KindNames{Kind::alarm, "alarm", "ALARM", "jsonobject"},
    KindNames{Kind::rrule, "rrule", "RRULE", "jsonobject"},
    KindNames{Kind::tax, "tax", "text", "jsonarray"},
    KindNames{Kind::consent, "consent", "consent_lookup", "jsonobject"},
    KindNames{Kind::duration, "duration", "text", "string"},
    KindNames{Kind::datetime, "reminder", "picklist", "string"},
    KindNames{Kind::created_time, "created_time", "datetime", "string"},
    KindNames{Kind::modified_time, "modified_time", "datetime", "string"},
    KindNames{Kind::constant_available, "available", "picklist", "string"},
    KindNames{Kind::null_text, "null_text", "text", "string"},
    KindNames{Kind::subform, "subform", "subform", "jsonarray"},
    KindNames{Kind::line_items, "line_items", "subform", "jsonarray"},
    KindNames{Kind::multi_lookup, "multiselectlookup", "multiselectlookup", "jsonarray"},
    KindNames{Kind::multi_user, "multiuserlookup", "multiuserlookup", "jsonarray"},
    KindNames{Kind::full_name, "full_name", "text", "string"},
    KindNames{Kind::converted_flag, "converted_flag", "boolean", "boolean"},
    KindNames{Kind::converted_time, "converted_time", "datetime", "string"},
    KindNames{Kind::converted_lookup, "converted", "lookup", "jsonobject"},
};

const KindNames& names_of(Kind kind, const std::string& api_name) {
    // Two notations share a kind where only the metadata differs.
    const char* notation = nullptr;
    if (kind == Kind::datetime && api_name == "Reminder") {
        notation = "reminder";
    } else if (kind == Kind::user && api_name == "Driver") {
        notation = "userlookup";
    }
    for (const auto& names : kinds) {
        if (names.kind == kind &&
            (notation == nullptr || std::string{notation} == names.notation)) {
            return names;
        }
    }
    return kinds[1];
}

Kind kind_of(const std::string& notation) {
    for (const auto& names : kinds) {
        if (notation == names.notation) {
            return names.kind;
        }
    }
    if (notation == "rollup_summary") {
        return Kind::rollup_integer;
    }
    return notation == "decimal" ? Kind::decimal : Kind::text;
}

Field finish(Field field, const Module& module) {
    field.seed = hash_text(module.api_name + "." + field.api_name);
    field.id = module.id + 1'000'000 * static_cast<std::int64_t>(module.fields.size() + 1);
    if (field.kind == Kind::picklist || field.kind == Kind::multiselect) {
        field.choices = picklist_values(field.api_name);
    }
    return field;
}

void add_fields(Module& module, const char* notation) {
    std::istringstream words{notation};
    for (std::string word; words >> word;) {
        Field field;
        while (word.back() == '!' || word.back() == '-' || word.back() == '~') {
            field.mandatory = field.mandatory || word.back() == '!';
            field.hidden = field.hidden || word.back() == '-';
            field.read_only = field.read_only || word.back() == '~';
            word.pop_back();
        }
        const auto first = word.find(':');
        const auto second = word.find(':', first + 1);
        field.api_name = word.substr(0, first);
        field.kind = kind_of(word.substr(first + 1, second - first - 1));
        if (second != std::string::npos) {
            const auto argument = word.substr(second + 1);
            const bool is_number = argument.front() >= '0' && argument.front() <= '9';
            is_number ? void(field.length = std::stoi(argument)) : void(field.target = argument);
        }
        module.fields.push_back(std::make_shared<const Field>(finish(field, module)));
    }
}

} // namespace

bool Field::is_virtual() const {
    return kind == Kind::subform || kind == Kind::line_items || kind == Kind::multi_lookup ||
           kind == Kind::multi_user;
}

std::string_view Field::data_type() const {
    if (!said_data_type.empty()) {
        return said_data_type;
    }
    return names_of(kind, api_name).data_type;
}

std::string_view Field::json_type() const {
    if (!said_json_type.empty()) {
        return said_json_type == "null" ? std::string_view{} : said_json_type;
    }
    return names_of(kind, api_name).json_type;
}

std::vector<Module> default_modules() {
    std::vector<Module> modules;
    for (const auto& row : module_rows()) {
        Module module;
        module.api_name = row.api_name;
        module.module_name = row.module_name;
        module.singular = module.api_name.substr(0, module.api_name.find_last_not_of('s') + 1);
        module.id = id_base + row.id_suffix;
        module.api_supported = row.api_supported;
        module.viewable = row.viewable;
        module.has_records = row.fields != nullptr;
        module.has_deleted_list = module.has_records && module.api_name != "Notes";
        if (module.module_name.starts_with("CustomModule")) {
            module.generated_type = "custom";
        }
        if (module.api_name == "Notes" || module.api_name == "Actions_Performed") {
            module.status = "system_hidden";
        }
        if (row.fields != nullptr) {
            add_fields(module, row.fields);
            add_fields(module, system_fields());
            if (module.api_name == "Notes") { // Notes carry no tags.
                std::erase_if(module.fields, [](const auto& f) { return f->kind == Kind::tag; });
            }
        }
        modules.push_back(std::move(module));
    }
    return modules;
}

Field make_field(const Module& module, const std::string& api_name, const std::string& data_type) {
    Field field;
    field.api_name = api_name;
    field.kind = kind_of(data_type);
    field.custom = true;
    field.target = "Accounts";
    return finish(field, module);
}

Field retyped(Field field, const std::string& data_type) {
    field.kind = kind_of(data_type);
    field.said_data_type.clear();
    field.said_json_type.clear();
    field.said_return_type.clear();
    if (field.target.empty()) {
        field.target = "Accounts";
    }
    if (field.choices.empty()) {
        field.choices = picklist_values(field.api_name);
    }
    return field;
}

Field make_field(const Module& module, const nlohmann::json& description) {
    auto field = make_field(
        module, description.at("api_name"), description.value("data_type", std::string{"text"}));
    field.length = description.value("length", field.length);
    field.said_data_type = description.value("said_data_type", std::string{});
    field.said_json_type = description.value("json_type", std::string{});
    field.said_return_type = description.value("return_type", std::string{});
    return field;
}

Module make_module(const nlohmann::json& description, std::int64_t number) {
    constexpr std::int64_t first_suffix = 5'000'000; // Behind those of the tables.
    Module module;
    module.api_name = description.at("api_name");
    module.module_name = description.value("module_name", module.api_name);
    module.singular = module.api_name;
    module.id = id_base + first_suffix + number;
    module.generated_type = description.value("generated_type", std::string{"custom"});
    module.status = description.value("status", std::string{"visible"});
    module.api_supported = description.value("api_supported", true);
    module.viewable = description.value("viewable", true);
    module.has_records = description.contains("records");
    module.has_deleted_list = description.value("deleted_list", module.has_records);
    module.has_modified_time = description.value("modified_time", true);
    module.fields_refusal = description.value("fields_refusal", std::string{});
    module.list_refusal = description.value("list_refusal", std::string{});
    for (const auto& odd : description.value("odd_fields", nlohmann::json::array())) {
        module.odd_fields += (module.odd_fields.empty() ? "" : ",") + odd.dump();
    }
    if (module.has_records) {
        for (const auto& field : description.value("fields", nlohmann::json::array())) {
            module.fields.push_back(std::make_shared<const Field>(make_field(module, field)));
        }
        add_fields(module, system_fields());
        std::erase_if(module.fields, [&](const auto& field) {
            return field->kind == Kind::modified_time && !module.has_modified_time;
        });
    }
    return module;
}

void widen(Module& module, std::size_t count) {
    constexpr std::array<const char*, 18> types{"text",
                                                "textarea",
                                                "picklist",
                                                "integer",
                                                "bigint",
                                                "double",
                                                "currency",
                                                "percent",
                                                "boolean",
                                                "date",
                                                "datetime",
                                                "lookup",
                                                "multiselectpicklist",
                                                "email",
                                                "autonumber",
                                                "formula",
                                                "rollup_integer",
                                                "richtext"};
    std::size_t listed = 0;
    for (const auto& field : module.fields) {
        listed += field->is_virtual() ? 0 : 1;
    }
    for (std::size_t i = 0; listed < count; ++i, ++listed) {
        const std::string type = types[i % types.size()];
        const auto name = "Custom_" + type + "_" + std::to_string(i + 1);
        module.fields.push_back(std::make_shared<const Field>(make_field(module, name, type)));
    }
}

} // namespace zohosim
