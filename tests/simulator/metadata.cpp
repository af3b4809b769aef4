#include "tests/simulator/simulator.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace zohosim {

namespace {

nlohmann::json pick_list(const Field& field) {
    auto list = nlohmann::json::array();
    for (std::size_t i = 0; i < field.choices.size(); ++i) {
        list.push_back({{"display_value", field.choices[i]},
                        {"actual_value", field.choices[i]},
                        {"reference_value", field.choices[i]},
                        {"sequence_number", i + 1},
                        {"colour_code", nullptr},
                        {"id", std::to_string(field.id + 1'000 + static_cast<std::int64_t>(i))},
                        {"type", "used"}});
    }
    return list;
}

std::string label_of(const Field& field) {
    auto label = field.api_name;
    std::replace(label.begin(), label.end(), '_', ' ');
    return field.kind == Kind::record_id ? "Record Id" : label;
}

void add_kind_details(nlohmann::json& json, const Field& field) {
    switch (field.kind) {
    case Kind::formula:
        json["formula"] = {
            {"return_type", field.said_return_type.empty() ? "double" : field.said_return_type},
            {"expression", "Sum(1,2)"}};
        break;
    case Kind::rollup_integer:
    case Kind::rollup_datetime: {
        const bool is_time = field.kind == Kind::rollup_datetime;
        const auto* usual = is_time ? "datetime" : "integer";
        json["rollup_summary"] = {
            {"return_type", field.said_return_type.empty() ? usual : field.said_return_type},
            {"expression", is_time ? "RECENT" : "COUNT"},
            {"rollup_based_on", "related_list"}};
        break;
    }
    case Kind::autonumber:
        json["auto_number"] = {{"prefix", "INV-"}, {"start_number", 1}, {"suffix", ""}};
        break;
    case Kind::currency:
        json["currency"] = {{"rounding_option", "normal"}, {"precision", 2}};
        break;
    case Kind::lookup:
    case Kind::converted_lookup:
        json["lookup"] = {{"display_label", field.target},
                          {"api_name", field.api_name},
                          {"module", {{"api_name", field.target}, {"crypt", false}, {"id", "0"}}},
                          {"id", std::to_string(field.id + 1)},
                          {"query_details", nlohmann::json::object()},
                          {"revalidate_filter_during_edit", false}};
        break;
    case Kind::line_items:
        json["associated_module"] = {{"module", field.api_name},
                                     {"id", std::to_string(field.id + 2)}};
        break;
    case Kind::multi_lookup:
        json["multiselectlookup"] = {{"api_name", field.api_name},
                                     {"connected_module", field.target},
                                     {"linking_module", "LinkingModule1"}};
        break;
    default:
        break;
    }
}

} // namespace

Reply refusal(const std::string& code, const std::string& module) {
    const bool is_unknown = code == "INVALID_MODULE";
    return error_reply(is_unknown ? 400 : 403,
                       code,
                       is_unknown ? nlohmann::json{{"resource_path_index", 0}}
                                  : nlohmann::json{{"permissions", {"Crm_Implied_View_" + module}}},
                       is_unknown ? "the module name given seems to be invalid"
                                  : "permission denied");
}

nlohmann::json field_json(const Field& field) {
    const auto none = nlohmann::json::object();
    const auto json_type = field.json_type();
    nlohmann::json json{
        {"id", std::to_string(field.id)},
        {"api_name", field.api_name},
        {"field_label", label_of(field)},
        {"display_label", label_of(field)},
        {"data_type", field.data_type()},
        {"json_type", json_type},
        {"length", field.length},
        {"decimal_place", json_type == "double" ? nlohmann::json(2) : nlohmann::json()},
        {"custom_field", field.custom},
        {"created_source", field.custom ? "custom" : "default"},
        {"system_mandatory", field.mandatory},
        {"read_only", field.read_only},
        {"field_read_only", field.read_only},
        {"visible", true},
        {"virtual_field", field.is_virtual()},
        {"type", "used"},
        {"display_type", field.hidden ? 3 : -1},
        {"ui_type", field.kind == Kind::rich_text ? 250 : 1},
        {"view_type",
         {{"view", !field.hidden}, {"edit", true}, {"create", true}, {"quick_create", false}}},
        {"pick_list_values", pick_list(field)},
        {"associated_module", nullptr},
        {"modified_time", nullptr},
        {"created_time", nullptr},
        {"tooltip", nullptr},
        {"hipaa_compliance", nullptr},
        {"hipaa_compliance_enabled", false},
        {"history_tracking", nullptr},
        {"searchable", true},
        {"sortable", true},
        {"filterable", true},
        {"crypt", nullptr},
        {"profiles",
         {{{"permission_type", "read_write"},
           {"name", "Administrator"},
           {"id", std::to_string(id_base + 26'011)}}}}};
    for (const auto* name : {"lookup",
                             "multiselectlookup",
                             "multi_module_lookup",
                             "formula",
                             "rollup_summary",
                             "auto_number",
                             "currency",
                             "unique",
                             "external",
                             "convert_mapping",
                             "email_parser"}) {
        json[name] = none;
    }
    add_kind_details(json, field);
    if (json_type.empty()) {
        json["json_type"] = nullptr;
    }
    return json;
}

/// What Zoho tells of the lines of quotes and invoices; custom subforms have no list of their own
/// here.
std::optional<Reply> Simulator::line_fields_reply(const std::string& name) {
    bool is_known = false;
    for (const auto& module : modules_) {
        auto* table = table_of(module.api_name);
        for (const auto& field : table == nullptr ? std::vector<FieldPtr>{} : table->fields()) {
            is_known = is_known || (field->kind == Kind::line_items && field->api_name == name);
        }
    }
    if (!is_known) {
        return std::nullopt;
    }
    auto list = nlohmann::json::array();
    constexpr std::array<std::pair<const char*, const char*>, 7> fields{{
        {"id", "record_id"},
        {"Parent_Id", "lookup"},
        {"Product_Name", "lookup"},
        {"List_Price", "currency"},
        {"Quantity", "double"},
        {"Sequence_Number", "integer"},
        {"Description", "textarea"},
    }};
    Module lines;
    lines.api_name = name;
    lines.id = id_base + 9'000'000'000;
    for (const auto& [api_name, data_type] : fields) {
        lines.fields.push_back(
            std::make_shared<const Field>(make_field(lines, api_name, data_type)));
        list.push_back(field_json(*lines.fields.back()));
    }
    auto reply = json_reply({{"fields", list}});
    reply.rows = list.size();
    return reply;
}

nlohmann::json Simulator::module_json(const Module& module) {
    nlohmann::json json{
        {"id", std::to_string(module.id)},
        {"api_name", module.api_name},
        {"module_name", module.module_name},
        {"singular_label", module.singular},
        {"plural_label", module.api_name},
        {"actual_singular_label", module.singular},
        {"actual_plural_label", module.api_name},
        {"generated_type", module.generated_type},
        {"status", module.status},
        {"api_supported", module.api_supported},
        {"viewable", module.viewable},
        {"creatable", true},
        {"editable", true},
        {"deletable", true},
        {"convertable", module.api_name == "Leads"},
        {"visibility", module.status == "visible" ? 1 : 2},
        {"show_as_tab", module.status == "visible"},
        {"recycle_bin_on_delete", module.has_deleted_list},
        {"access_type", "org_based"},
        {"has_more_profiles", false},
        {"private_profile", nullptr},
        {"description", nullptr},
        {"modified_time", nullptr},
        {"modified_by", nullptr},
        {"web_link", nullptr},
        {"quick_create", false},
        {"presence_sub_menu", false},
        {"sub_menu_available", true},
        {"feeds_required", false},
        {"profile_count", 1},
        {"business_card_field_limit", 5},
        {"arguments", nlohmann::json::array()},
        {"parent_module", nlohmann::json::object()},
        {"profiles", {{{"name", "Administrator"}, {"id", std::to_string(id_base + 26'011)}}}}};
    if (module.generated_type == "custom") { // Only changed modules have a time.
        const auto& who = world_.values.user(0);
        json["modified_time"] = world_.zone.iso(1'689'933'585);
        json["modified_by"] = {{"name", who.name}, {"id", std::to_string(who.id)}};
    } else {
        json["sequence_number"] = module.id % 1'000;
    }
    return json;
}

Reply Simulator::fields_reply(const Call& call) {
    const auto name = call.param("module");
    if (!name) {
        return error_reply(400,
                           "REQUIRED_PARAM_MISSING",
                           {{"param_name", "module"}},
                           "One of the expected parameter is missing");
    }
    if (auto lines = line_fields_reply(*name)) {
        return *lines;
    }
    const auto* module = find_module(*name);
    if (module == nullptr || !module->api_supported) {
        return error_reply(400,
                           "INVALID_MODULE",
                           {{"param_name", "module"}},
                           "the module name given seems to be invalid");
    }
    if (!module->viewable) {
        return error_reply(403,
                           "NO_PERMISSION",
                           {{"permissions", {"Crm_Implied_View_" + *name}}},
                           "permission denied");
    }
    if (!module->fields_refusal.empty()) {
        return refusal(module->fields_refusal, *name);
    }
    auto* table = table_of(*name);
    if (table == nullptr) {
        return empty_reply(204);
    }
    auto list = nlohmann::json::array();
    for (const auto& field : table->fields()) {
        list.push_back(field_json(*field));
    }
    auto reply = json_reply({{"fields", list}});
    if (!module->odd_fields.empty()) {
        reply.body.insert(reply.body.find('[') + 1, module->odd_fields + ",");
    }
    reply.rows = list.size();
    return reply;
}

Reply Simulator::settings(const Call& call, const std::vector<std::string>& parts) {
    if (parts.size() == 4 && parts[3] == "fields") {
        return fields_reply(call);
    }
    if (parts.size() < 4 || parts.size() > 5 || parts[3] != "modules") {
        return error_reply(404,
                           "INVALID_URL_PATTERN",
                           {},
                           "Please check if the URL trying to access is a correct one");
    }
    const auto hidden = modes().hidden_modules;
    auto list = nlohmann::json::array();
    for (const auto& module : modules_) {
        const bool wanted = parts.size() == 4 || parts[4] == module.api_name ||
                            parts[4] == std::to_string(module.id);
        if (wanted && !hidden.contains(module.api_name)) {
            list.push_back(module_json(module));
        }
    }
    if (list.empty()) {
        return error_reply(400,
                           "INVALID_MODULE",
                           {{"resource_path_index", 2}},
                           "the module name given seems to be invalid");
    }
    auto reply = json_reply({{"modules", list}});
    reply.rows = list.size();
    return reply;
}

} // namespace zohosim
